// One module case: forward, gradients of inputs and parameters, and the state dict afterwards.

import { bind, camel, parseSignature } from './binding.mjs'
import { bytesOf, decodeValue, describeCall, expectedValues } from './cases.mjs'
import { compareValues, leavesOf, valuesOf } from './compare.mjs'
import { core, fromBytes, getDevice, Tensor } from './library.mjs'
import { compareGradients, compareResults, describeError } from './ops.mjs'
import { isComplex, isFloating } from './values.mjs'

/** Sums, products and normalizations nearly everywhere: the wide tolerance for all modules. */
const FACTOR = 10

/** A list of arguments and an options object, by the signature where there is one. */
function called(signature, args, kwargs) {
  if (signature) return bind(parseSignature(signature), args, kwargs)
  const options = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [camel(key), value]))
  return Object.keys(options).length > 0 ? [...args, options] : args
}

const entriesOf = (state) => (state instanceof Map ? [...state] : Object.entries(state))

function compareState(got, expected, data, what) {
  const found = new Map(entriesOf(got))
  for (const [key, value] of Object.entries(expected)) {
    if (!found.has(key)) return `${what}: no ${key}`
    if (!value?.$tensor) continue
    const problem = compareValues(valuesOf(found.get(key)), expectedValues(data, value.$tensor), FACTOR)
    if (problem) return `${what}: ${key}: ${problem}`
  }
  for (const key of found.keys()) if (!(key in expected)) return `${what}: ${key} should not be there`
  return null
}

/**
 * The earlier input that PyTorch's sample passed a second time: its values and its gradient, the total of both uses, were
 * written twice.
 */
function twinOf({ requiresGrad, grads }, data, tensors, description) {
  const gradOf = (i) => grads?.[requiresGrad.slice(0, i).filter(Boolean).length]?.$tensor
  const own = requiresGrad?.[tensors.length] ? gradOf(tensors.length) : undefined
  if (!own || description.byteLength === 0) return null
  const sameBytes = (a, b) => bytesOf(data, a).equals(bytesOf(data, b))
  const at = tensors.findIndex(
    (t, i) =>
      requiresGrad[i] &&
      gradOf(i) &&
      t.dtype === description.dtype &&
      sameShape(t.shape, description.shape) &&
      sameBytes(descriptions.get(t), description) &&
      sameBytes(gradOf(i), own),
  )
  return at < 0 ? null : tensors[at]
}

const sameShape = (a, b) => a.length === b.length && a.every((n, i) => n === b[i])
/** What each input was read from. */
const descriptions = new WeakMap()

function checkModule(Module, testCase, data) {
  const tensors = []
  const make = (grad) => (description) => {
    const twin = grad ? twinOf(testCase, data, tensors, description) : null
    const t = twin ?? fromBytes(description, bytesOf(data, description))
    if (grad) {
      if (testCase.requiresGrad?.[tensors.length]) t.requiresGrad_()
      descriptions.set(t, description)
      tensors.push(t)
    }
    return t
  }
  const plain = (value) => (value?.$device !== undefined ? getDevice() : value)
  const decode = (value, grad = false) => decodeValue(value, make(grad))
  const { constructor: made, forward } = testCase
  const kwargs = Object.fromEntries(Object.entries(decode(made.kwargs)).map(([key, value]) => [key, plain(value)]))
  const module = new Module(...called(Module.signature, decode(made.args), kwargs))
  // Parameters are made on the default device.
  if (module instanceof core.nn.Module) module.to(getDevice())
  module.train(testCase.training)
  const args = decode(forward.args, true)
  const options = decode(forward.kwargs, true)
  const call = () => {
    // A keyword argument that is a tensor is positional in ours.
    const signature = Module.forwardSignature
    if (signature) return module.forward(...called(signature, args, options))
    const entries = Object.entries(options)
    const leading = entries.filter(([key, value]) => value instanceof Tensor && LEADING.has(key))
    const rest = entries.filter((entry) => !leading.includes(entry))
    return module.forward(...called(null, [...args, ...leading.map(([, value]) => value)], Object.fromEntries(rest)))
  }
  if (testCase.lazy) core.noGrad(call)
  const state = Object.entries(testCase.stateDict).map(([key, value]) => [key, decode(value)])
  const before = module.stateDict()
  module.loadStateDict(before instanceof Map ? new Map(state) : Object.fromEntries(state))
  if (typeof core.manualSeed === 'function') core.manualSeed(0)
  const outs = leavesOf(call())
  const problem = compareResults(testCase, data, outs, FACTOR)
  if (problem !== null || testCase.random) return problem
  if (testCase.cotangents) {
    const parameters = new Map(namedParameters(module))
    const names = Object.keys(testCase.parameterGrads)
    const missing = names.find((name) => !parameters.has(name))
    if (missing) return `no parameter ${missing}`
    const inputs = tensors.filter((_, i) => testCase.requiresGrad[i])
    const wrong = compareGradients({
      outs: outs.filter((t) => t instanceof Tensor && (isFloating(t.dtype) || isComplex(t.dtype)) && t.requiresGrad),
      inputs: [...inputs, ...names.map((name) => parameters.get(name))],
      cotangents: testCase.cotangents,
      expected: [...testCase.grads, ...names.map((name) => testCase.parameterGrads[name])],
      data,
      label: (i) => (i < inputs.length ? `gradient ${i}` : `gradient of ${names[i - inputs.length]}`),
    })
    if (wrong) return wrong
  }
  return compareState(module.stateDict(), testCase.stateDictAfter, data, 'state dict afterwards')
}

/** Names under which modules take their tensors. */
const LEADING = new Set([
  'input',
  'target',
  'input1',
  'input2',
  'x',
  'src',
  'tgt',
  'query',
  'key',
  'value',
  'memory',
  'hx',
  'anchor',
  'positive',
  'negative',
])

const namedParameters = (module) => {
  const named = module.namedParameters()
  return typeof named[Symbol.iterator] === 'function' ? named : Object.entries(named)
}

export function runModules({ cases, data, skip, started }) {
  const Module = core.nn?.[cases[0].module.replace(/^nn\./, '')]
  if (typeof Module !== 'function') return { passed: 0, failed: 0, missing: cases.length, failures: [] }
  const failures = []
  cases.forEach((testCase, i) => {
    started(i)
    let problem
    try {
      problem = skip.get(i) ?? checkModule(Module, testCase, data)
    } catch (error) {
      problem = describeError(error)
    }
    const { args, kwargs } = testCase.constructor
    if (problem !== null) failures.push({ sample: testCase.sample, call: describeCall(args, kwargs), problem })
  })
  return { passed: cases.length - failures.length, failed: failures.length, missing: 0, failures }
}
