// Finding the operator that a folder of cases is about, and calling it.
import { bind, camel, parseSignature, Unbindable } from './binding.mjs'
import { core, getDevice, inplace, registry, Tensor } from './library.mjs'

/** Functions that make tensors are no operators and have no record, so their signatures are here. */
const CREATION = [
  'zeros(size, {dtype, device, requires_grad})',
  'ones(size, {dtype, device, requires_grad})',
  'empty(size, {dtype, device, requires_grad})',
  'rand(size, {dtype, device, requires_grad, generator})',
  'randn(size, {dtype, device, requires_grad, generator})',
  'full(size, fill_value, {dtype, device, requires_grad})',
  'arange(start, end, step, {dtype, device, requires_grad})',
  'linspace(start, end, steps, {dtype, device, requires_grad})',
  'logspace(start, end, steps, {base, dtype, device, requires_grad})',
  'eye(n, m, {dtype, device, requires_grad})',
  'randint(low, high, size, {dtype, device, requires_grad, generator})',
  'empty_strided(size, stride, {dtype, device, requires_grad})',
  'empty_permuted(size, physical_layout, {dtype, device, requires_grad})',
  'scalar_tensor(value, {dtype, device, requires_grad})',
  'normal(mean, std, size, {dtype, device, generator})',
]
const creation = new Map(CREATION.map((text) => [text.slice(0, text.indexOf('(')), text]))

const swapped = ([a, b, ...rest]) => [b, a, ...rest]
/** `a.__radd__(b)` is `b + a`: a method, so where it is to be refused with a number for `a`, the library must refuse its `this`. */
const reflection = (op) => ({
  op,
  args: swapped,
  refused: ([self, other]) => (self instanceof Tensor ? undefined : Tensor.prototype[camel(op)]?.call(self, other)),
})
const call = (name, ...args) => {
  const op = registry.get(name)
  if (!op) throw new Unbindable(`needs the operator ${name}, which is missing`)
  return op(...args)
}
/** PyTorch's reflected division is the reciprocal times the other, which shows in half precision. */
const reciprocalTimes = (reflected) => ({
  ...reflected,
  call: ([self, other]) => (self instanceof Tensor ? call('mul', call('reciprocal', self), other) : undefined),
})
const productWith = (a, b) => call('matmul', a, call('transpose', b, -2, -1))
const slices = (item) =>
  item?.$slice
    ? core.slice(...item.$slice)
    : item?.$ellipsis
      ? core.ELLIPSIS
      : Array.isArray(item)
        ? item.map(slices)
        : item
const indices = (index) => (index?.tuple ? index.map(slices) : [slices(index)])
/** `to(dtype | device | tensor, …)` of PyTorch's three overloads. */
function toOptions([self, ...rest], kwargs) {
  const options = { ...kwargs }
  if (rest[0] instanceof Tensor) Object.assign(options, { dtype: rest[0].dtype, device: rest[0].device, copy: rest[2] })
  else if (rest[0] in DEVICES) Object.assign(options, { device: getDevice(), dtype: rest[1], copy: rest[3] })
  else Object.assign(options, { dtype: rest[0], copy: rest[2] })
  for (const key of Object.keys(options)) if (options[key] === undefined || options[key] === null) delete options[key]
  return [[self], options]
}
const DEVICES = { cpu: 0, cuda: 0, debug: 0 }

/** Where a table's entry is not the operator of its name: the operator's name and how its arguments become ours. */
const ADAPTERS = {
  __getitem__: { method: 'at', args: ([self, index]) => [self, ...indices(index)] },
  index_put: { args: ([self, index, ...rest]) => [self, [...index], ...rest] },
  __radd__: reflection('add'),
  __rsub__: reflection('sub'),
  __rmul__: reflection('mul'),
  __rdiv__: reciprocalTimes(reflection('div')),
  __rmod__: reflection('remainder'),
  __rpow__: reflection('pow'),
  __rmatmul__: reflection('matmul'),
  __rand__: reflection('bitwise_and'),
  __ror__: reflection('bitwise_or'),
  __rxor__: reflection('bitwise_xor'),
  'max.binary': { op: 'maximum' },
  'min.binary': { op: 'minimum' },
  'torch.ops.aten._safe_softmax.default': { op: '_safe_softmax' },
  'meshgrid.variadic_tensors': { op: 'meshgrid', args: (args) => [args] },
  'nn.functional.embedding': { args: swapped },
  'nn.functional.embedding_bag': { args: swapped },
  where: { args: swapped },
  einsum: { args: swapped },
  to: { bind: toOptions },
  'normal.number_mean': { args: swapped },
  'normal.in_place': { op: 'normal_' },
  'linalg.pinv.singular': { op: 'linalg.pinv', args: ([a, b]) => [productWith(a, b)] },
  svd_lowrank: { args: ([a, b, ...rest]) => [productWith(a, b), ...rest] },
  pca_lowrank: { args: ([a, b, ...rest]) => [productWith(a, b), ...rest] },
  'linalg.lstsq.grad_oriented': {
    op: 'linalg.lstsq',
    result: (r) => (Array.isArray(r) ? r : Object.values(r)).slice(0, 2),
  },
  _segment_reduce: { op: 'segment_reduce' },
  zero_: { args: ([self]) => [call('clone', self)] },
  resize_: { args: ([self, size]) => [call('clone', self), size] },
  resize_as_: { args: ([self, other]) => [call('clone', self), other] },
  // PyTorch's test calls the backward kernel with ones.
  max_pool2d_with_indices_backward: { op: 'nn.functional.max_pool2d', result: poolBackward },
  sum_to_size: { args: ([self, ...size]) => [self, Array.isArray(size[0]) ? size[0] : size] },
  // Python's booleans are integers.
  arange: {
    args: (args) => (args.length === 1 ? [0, ...args] : args).map((v) => (typeof v === 'boolean' ? Number(v) : v)),
  },
  randint: { args: (args) => (args.length === 2 ? [0, ...args] : args) },
  randint_like: { args: (args) => (args.length === 2 ? [args[0], 0, args[1]] : args) },
}

function poolBackward(result, [input]) {
  const out = core.Tensor === result?.constructor ? result : Object.values(result)[0]
  if (!input.requiresGrad) throw new Unbindable('needs an input that requires grad')
  return core.grad([out], [input], { gradOutputs: [call('ones_like', out)], createGraph: true })[0]
}

/** The exported function of this name: of the package, or of a namespace such as `F`, `linalg` or `fft`. */
function exported(name) {
  const path = name.split('.')
  if (path[0] === 'nn' && path[1] === 'functional') path.splice(0, 2, 'F')
  let scope = core
  for (const part of path.slice(0, -1)) scope = scope?.[camel(part)] ?? scope?.[part]
  const found = scope?.[camel(path.at(-1))]
  return typeof found === 'function' ? found : null
}

/** A method or accessor of Tensor that has no record. */
function method(name) {
  const key = camel(name)
  const found = Object.getOwnPropertyDescriptor(Tensor.prototype, key)
  if (!found?.get && typeof found?.value !== 'function') return null
  const bindMethod = (args, kwargs) => {
    const options = Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [camel(k), v]))
    return Object.keys(options).length > 0 ? [...args, options] : args
  }
  return { name, bind: bindMethod, invoke: ([self, ...rest]) => (found.get ? self[key] : self[key](...rest)) }
}

/** How to call `name`, from its record if it has one; null when the library has nothing of this name. */
function find(name) {
  for (const candidate of [name, `${name}_`]) {
    const op = registry.get(candidate)
    if (op) {
      const params = parseSignature(op.record.signature)
      return { name: candidate, op, params, bind: (...call) => bind(params, ...call), invoke: (list) => op(...list) }
    }
  }
  const made = creation.get(name)
  const fn = exported(name)
  if (made && fn) {
    const params = parseSignature(made)
    return { name, bind: (...call) => bind(params, ...call), invoke: (list) => fn(...list) }
  }
  return method(name) ?? method(`${name}_`)
}

/**
 * The operator of a folder: `call(args, kwargs)`, `inplace(args, kwargs)` where it has such a form, and its `name`
 * without the variant. Null when it is missing. A table's variants are `name.variant`.
 */
export function resolveOperator(full) {
  const parts = full.split('.')
  for (let n = parts.length; n > 0; n--) {
    const name = parts.slice(0, n).join('.')
    const adapter = ADAPTERS[name]
    const found = adapter?.method ? method(adapter.method) : ((adapter?.op && find(adapter.op)) ?? find(name))
    if (found) return operator(name, found, adapter ?? {})
  }
  return null
}

function operator(
  name,
  found,
  { args: change = (args) => args, bind: rebind, result = (r) => r, call: instead, refused },
) {
  const prepared = (args, kwargs, refusal) => {
    const [list, options] = rebind ? rebind(args, kwargs) : [change(args), kwargs]
    return found.bind(list, options, refusal)
  }
  const write = inplaceForm(name, found)
  return {
    name,
    call: (args, kwargs, refusal = false) =>
      (refusal ? refused?.(args) : undefined) ??
      instead?.(args) ??
      result(found.invoke(prepared(args, kwargs, refusal)), args),
    // The adapters of `zero_` and its kin copy what the in-place form must write to.
    inplace: write && ((args, kwargs) => write(name.endsWith('_') ? found.bind(args, kwargs) : prepared(args, kwargs))),
  }
}

function inplaceForm(name, { op, params }) {
  const own = Tensor.prototype[name.endsWith('_') ? `${camel(name.slice(0, -1))}_` : `${camel(name)}_`]
  if (own) return (list) => own.call(...selfFirst(list))
  if (op?.inplace) return (list) => inplace(op.record, list)
  const fn = exported(`${name}_`)
  if (fn) return (list) => fn(...list)
  // As an option, where a functional form of a module has it.
  if (params?.some((p) => p.name === 'inplace'))
    return (list) => {
      const last = list.at(-1)
      const given = last !== null && typeof last === 'object' && Object.getPrototypeOf(last) === Object.prototype
      return op(...(given ? list.slice(0, -1) : list), { ...(given && last), inplace: true })
    }
  return null
}

/** `polygamma(n, self)` has its tensor second; as a method it comes first. */
const selfFirst = (list) => (list[0] instanceof Tensor || !(list[1] instanceof Tensor) ? list : swapped(list))
