// What is fuzzed: every operator of the registry, their in-place forms, Tensor's methods, and exported functions.
import { parseSignature } from '../conformance/binding.mjs'
import { core, inplace, registry, Tensor } from '../conformance/library.mjs'

/** These change the process, touch files or the network, or wait: they have tests of their own. */
const LEFT_OUT =
  /^(set[A-Z]|noGrad|enableGrad|inferenceMode|withMode|save|load|open|checkpointState|safetensors|download|tidy|benchmark|manualSeed|seed|fork)/

/** Exported for the package's own modules, which check what they give them. */
const INTERNAL =
  /^(fillRaw|inferSize|resolveOptions|sliceBounds|viewStrides|zeroGrad|unforeseen|describe|asTensor|broadcastShapes)$/

/** { name, call(args), params } in a fixed order. */
export function targets() {
  const list = []
  for (const [name, op] of registry) {
    // What only other operators are meant to call takes what they give it.
    if (/^_[^_]/.test(name)) continue
    const params = parseSignature(op.record.signature)
    list.push({ name, params, call: (args) => op(...args) })
    if (op.inplace)
      list.push({
        name: `${name}_`,
        params,
        call: (args) => Tensor.prototype[methodOf(op.record.name)]?.call(...args) ?? inplace(op.record, args),
      })
  }
  for (const name of Object.getOwnPropertyNames(Tensor.prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(Tensor.prototype, name)
    if (typeof value !== 'function' || name === 'constructor' || LEFT_OUT.test(name)) continue
    list.push({
      name: `Tensor.${name}`,
      params: [{ name: 'self', option: false, rest: false }],
      any: true,
      // What only has the prototype is no receiver of a method: that is for JavaScript to refuse.
      call: ([self, ...rest]) => (Tensor.is(self) ? self[name](...rest) : null),
    })
  }
  for (const [name, value] of Object.entries(core)) {
    if (
      typeof value !== 'function' ||
      'record' in value ||
      LEFT_OUT.test(name) ||
      INTERNAL.test(name) ||
      /^[A-Z]/.test(name)
    )
      continue
    list.push({ name: `function ${name}`, params: [], any: true, call: (args) => value(...args) })
  }
  return list.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const methodOf = (name) => `${name}_`
