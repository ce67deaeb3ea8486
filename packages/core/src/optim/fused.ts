// Steps that one native call does for many parameters.
import type { TensorArg } from '../binding/call.js'
import { ArgumentError } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import { contiguous, copy_ } from '../ops/index.js'
import { SparseTensor } from '../ops/sparse.js'
import { DTYPES, getDefaultDtype, isComplex, toReal } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { Tensor as TensorClass } from '../tensor/tensor.js'
import type { StateValue, Update } from './optimizer.js'

/** The gradient of an update of which it is known to be sparse. */
export function sparseGrad({ grad }: Update): SparseTensor {
  if (!(grad instanceof SparseTensor)) throw new ArgumentError('expected a sparse gradient, got a strided one')
  return grad
}

/** The updates with strided gradients; those with sparse ones go to `sparse`. */
export function strided(updates: readonly Update[], sparse: (update: Update, grad: SparseTensor) => void): Update[] {
  return updates.filter((update) => {
    if (!update.grad.isSparse) return true
    sparse(update, sparseGrad(update))
    return false
  })
}

/** A kernel that changes parameters and states in place. */
export type StepKernel = (
  params: readonly TensorArg[],
  grads: readonly TensorArg[],
  states: readonly TensorArg[],
  hyper: readonly number[],
) => void

/** Parameters a call: what the scratch array has room for. */
const BATCH = 1000

/** The elements of a contiguous tensor in a row; a complex one is two real ones. */
function flat(t: Tensor): TensorArg {
  const complex = isComplex(t.dtype)
  const n = t.numel() * (complex ? 2 : 1)
  return {
    storage: t.storage,
    code: complex ? DTYPES[toReal(t.dtype)].code : t.code,
    shape: [n],
    strides: [1],
    offset: t.offset * (complex ? 2 : 1),
  }
}

/** A state tensor, made of `value` where there is none yet. */
export function stateTensor(update: Update, key: string, value = 0): Tensor {
  const { param, state } = update
  const before = state[key]
  if (before instanceof TensorClass) return before
  const fresh = fillRaw(param.shape, value, param.dtype, param.device)
  state[key] = fresh
  return fresh
}

const asNumber = (value: StateValue | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise

/** A number of the state, or what it begins with. */
export const stateNumber = (update: Update, key: string, otherwise = 0): number =>
  asNumber(update.state[key], otherwise)

/** A number of the state, which PyTorch keeps as a tensor: float32, unless the default dtype is float64. */
export const scalar = (value: number): number => (getDefaultDtype() === 'float64' ? value : Math.fround(value))

/** Counts the step of each parameter, and groups them by it: usually all are at the same. */
export function byStep(updates: readonly Update[]): Map<number, Update[]> {
  const groups = new Map<number, Update[]>()
  for (const update of updates) {
    const step = stateNumber(update, 'step') + 1
    update.state.step = step
    const group = groups.get(step)
    if (group === undefined) groups.set(step, [update])
    else group.push(update)
  }
  return groups
}

/** Runs `kernel` on parameters of one dtype and device at a time. `keys` are their states, in the kernel's order. */
export function fusedStep(
  kernel: StepKernel,
  updates: readonly Update[],
  keys: readonly string[],
  hyper: readonly number[],
): void {
  const kinds = new Map<string, Update[]>()
  for (const update of updates) {
    const kind = `${update.param.dtype} ${update.param.device}`
    const list = kinds.get(kind)
    if (list === undefined) kinds.set(kind, [update])
    else list.push(update)
  }
  for (const list of kinds.values())
    for (let at = 0; at < list.length; at += BATCH) runBatch(kernel, list.slice(at, at + BATCH), keys, hyper)
}

function runBatch(
  kernel: StepKernel,
  updates: readonly Update[],
  keys: readonly string[],
  hyper: readonly number[],
): void {
  const written: Tensor[] = []
  const stray: { param: Tensor; copy: Tensor }[] = []
  const params = updates.map(({ param }) => {
    const own = contiguous(param)
    if (own === param) written.push(param)
    else stray.push({ param, copy: own })
    return flat(own)
  })
  const grads = updates.map(({ grad }) => flat(contiguous(grad)))
  const states = keys.flatMap((key) =>
    updates.map((update) => {
      const state = contiguous(stateTensor(update, key))
      update.state[key] = state
      written.push(state)
      return flat(state)
    }),
  )
  kernel(params, grads, states, hyper)
  for (const t of written) t.storage.version++
  for (const { param, copy } of stray) copy_(param, copy)
}
