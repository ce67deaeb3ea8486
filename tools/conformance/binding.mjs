// From PyTorch's calling convention to ours: a record's signature names the arguments in PyTorch's order and says which
// are members of the options object.

/** An argument that the library's signature has no place for: the case cannot even be expressed. */
export class Unbindable extends Error {}

export const camel = (name) => name.replace(/(?<=[a-zA-Z0-9])_([a-zA-Z0-9])/g, (_, c) => c.toUpperCase())

/** `name(a, b, {c, d})` as a list of { name, option, rest }. */
export function parseSignature(signature) {
  const inner = signature.slice(signature.indexOf('(') + 1, signature.lastIndexOf(')'))
  const params = []
  let option = false
  for (const raw of inner.split(',')) {
    let text = raw.trim()
    if (text.startsWith('{')) {
      option = true
      text = text.slice(1)
    }
    const closes = text.endsWith('}')
    const name = text.replace('}', '').split(/[=:?]/)[0].trim()
    if (name) params.push({ name: camel(name.replace(/^\.\.\./, '')), option, rest: name.startsWith('...') })
    if (closes) option = false
  }
  return params
}

/** Arguments that say what happens anyway, so that a signature may lack them. */
const IDLE = {
  returnIndices: [false], nonBlocking: [false], inplace: [false], requiresGrad: [false], unsafe: [false, true], device: ['cpu'],
  memoryFormat: ['contiguous_format', 'preserve_format'], layout: ['strided'], pinMemory: [false], out: [], outInt32: [false],
  asTuple: [false], sparse: [false], scaleGradByFreq: [false], recomputeScaleFactor: [null, false], antialias: [false], useInputStats: [true],
} // biome-ignore format: a table

const isInteger = (v) => typeof v === 'number' || typeof v === 'bigint'

/** PyTorch takes a trailing list of sizes or tensors spread out too; ours are lists. */
function packed(params, args) {
  const positional = params.filter((p) => !p.option)
  if (positional.some((p) => p.rest)) return args
  const last = positional.length - 1
  if (args.length > params.length && last >= 0 && args.slice(last).every(isInteger))
    return [...args.slice(0, last), args.slice(last)]
  if (
    positional.length === 1 &&
    /^(?!num).*.s$/.test(positional[0].name) &&
    !Array.isArray(args[0]) &&
    args[0] !== undefined
  )
    return [args]
  return args
}

/**
 * The arguments as the function with this signature takes them. What it has no place for goes into the options object
 * where `refusal` says that the library itself should refuse it.
 */
export function bind(params, args, kwargs, refusal = false) {
  const given = new Map()
  const unknown = {}
  const list = packed(params, args)
  list.forEach((value, i) => {
    const rest = params.findIndex((p) => p.rest)
    if (rest >= 0 && i >= rest) {
      const name = params[rest].name
      // A list of tensors is spread out, a list of sizes is one shape.
      const spread = Array.isArray(value) && typeof value[0] === 'object'
      given.set(name, [...(given.get(name) ?? []), ...(spread ? value : [value])])
    } else if (i < params.length) given.set(params[i].name, value)
    else throw new Unbindable(`the signature takes ${params.length} arguments, the case has ${list.length}`)
  })
  for (const [key, value] of Object.entries(kwargs)) {
    const name = camel(key)
    const param = params.find((p) => p.name === name || (name === 'input' && p.name === 'self'))
    if (param) given.set(param.name, value)
    else if (refusal) unknown[name] = value
    else if (!IDLE[name]?.includes(value)) throw new Unbindable(`the signature has no argument ${name}`)
  }
  const positional = []
  const options = unknown
  for (const { name, option, rest } of params) {
    if (!given.has(name)) {
      if (!option && !rest) positional.push(undefined)
      continue
    }
    const value = given.get(name)
    if (rest) positional.push(...value)
    else if (!option) positional.push(value)
    // None stands for the default, except where it has a meaning of its own.
    else if (value !== null || name === 'momentum') options[name] = value
  }
  if (Object.keys(options).length > 0) return [...positional, options]
  while (positional.length > 1 && (positional.at(-1) === undefined || positional.at(-1) === null)) positional.pop()
  return positional
}
