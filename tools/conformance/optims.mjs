// One optimizer case: the parameters after each step.

import { camel } from './binding.mjs'
import { bytesOf, decodeValue, describeCall, expectedValues } from './cases.mjs'
import { compareValues, valuesOf } from './compare.mjs'
import { core, fromBytes } from './library.mjs'
import { describeError } from './ops.mjs'

/** These multiply matrices or sum over a whole tensor in a step. */
const WIDE = new Set(['Muon', 'LBFGS', 'Adafactor'])

function checkOptimizer(Optimizer, testCase, data) {
  const make = ({ $tensor }) => fromBytes($tensor, bytesOf(data, $tensor))
  const parameters = testCase.initial.map((value) => new core.nn.Parameter(make(value)))
  const kwargs = decodeValue(testCase.kwargs, ($tensor) => make({ $tensor }))
  const options = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [camel(key), value]))
  const optimizer = new Optimizer(parameters, options)
  const factor = WIDE.has(testCase.optimizer) ? 10 : 1
  const targets = testCase.targets?.map(make)
  for (let step = 0; step < testCase.after.length; step++) {
    if (targets) {
      optimizer.step(() => {
        optimizer.zeroGrad()
        const losses = parameters.map((p, i) => p.sub(targets[i]).pow(2).sum())
        const loss = losses.reduce((a, b) => a.add(b))
        loss.backward()
        return loss
      })
    } else {
      parameters.forEach((p, i) => {
        p.grad = make(testCase.grads[step][i])
      })
      optimizer.step()
    }
    for (let i = 0; i < parameters.length; i++) {
      const problem = compareValues(
        valuesOf(parameters[i]),
        expectedValues(data, testCase.after[step][i].$tensor),
        factor,
      )
      if (problem) return `step ${step}: parameter ${i}: ${problem}`
    }
  }
  return null
}

export function runOptims({ cases, data, skip, started }) {
  const Optimizer = core.optim?.[cases[0].optimizer]
  if (typeof Optimizer !== 'function') return { passed: 0, failed: 0, missing: cases.length, failures: [] }
  const failures = []
  cases.forEach((testCase, i) => {
    started(i)
    let problem
    try {
      problem = skip.get(i) ?? checkOptimizer(Optimizer, testCase, data)
    } catch (error) {
      problem = describeError(error)
    }
    if (problem !== null) failures.push({ sample: testCase.sample, call: describeCall([], testCase.kwargs), problem })
  })
  return { passed: cases.length - failures.length, failed: failures.length, missing: 0, failures }
}
