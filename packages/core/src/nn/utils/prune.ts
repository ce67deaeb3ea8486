// The namespace `nn.utils.prune`: weights with elements held at zero by a mask.
import type { HookHandle } from '../../autograd/hooks.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { cat, onesLike, rand, randLike, topk, zerosLike } from '../../ops/index.js'
import { FloatScalar, unwrap } from '../../ops/promotion.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import type { AnyModule } from '../module.js'
import { parameterAt, tensorAt, wrapDim } from './entries.js'

/** How many elements or channels to prune: a share in [0, 1] where it is a fraction or `float(1)`, else their number. */
export type Amount = number | FloatScalar

function checkAmount(amount: Amount): Amount {
  const value = amount instanceof FloatScalar ? amount.value : amount
  const share = amount instanceof FloatScalar || !Number.isInteger(amount)
  if (typeof value !== 'number' || !(value >= 0) || (share && value > 1))
    throw new ArgumentError(`prune: expected an amount in [0, 1] or a whole number ≥ 0, got ${describe(value)}`)
  return amount
}

/** Rounds halves to the even number. */
function rounded(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

function countOf(amount: Amount, size: number): number {
  const share = amount instanceof FloatScalar || !Number.isInteger(amount)
  const count = share ? rounded(unwrap(amount) * size) : unwrap(amount)
  if (count > size) throw new ArgumentError(`prune: expected an amount of at most ${size}, got ${count}`)
  return count
}

/** How a mask is computed. A method of one's own extends this class. */
export abstract class BasePruningMethod {
  /** What `computeMask` is given: the elements that are left, the channels that are left along `dim`, or everything. */
  abstract readonly pruningType: 'unstructured' | 'structured' | 'global'
  /** The dimension of the channels of a structured method. */
  readonly dim: number | null = null

  /** The mask after this method: zeros where `defaultMask` has them, and more. */
  abstract computeMask(t: Tensor, defaultMask: Tensor): Tensor

  /** Masks a tensor that belongs to no module. */
  prune(t: Tensor, defaultMask: Tensor = onesLike(t), importanceScores: Tensor = t): Tensor {
    if (!sameShape(importanceScores.shape, t.shape))
      throw new ShapeError(
        `prune: expected importance scores of shape ${formatShape(t.shape)}, got ${formatShape(importanceScores.shape)}`,
      )
    return t.mul(this.computeMask(importanceScores.detach(), defaultMask).to(t.dtype))
  }
}

/** Prunes nothing, and sets up the mask. */
export class Identity extends BasePruningMethod {
  readonly pruningType = 'unstructured'
  override computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    return defaultMask
  }
}

/** A mask with zeros at some places of the flattened tensor. */
const without = (mask: Tensor, indices: Tensor): Tensor =>
  mask.clone().reshape([-1]).indexFill(0, indices, 0).reshape(mask.shape)

/** Prunes elements at random. */
export class RandomUnstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured'
  readonly amount: Amount
  constructor(amount: Amount) {
    super()
    this.amount = checkAmount(amount)
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel())
    if (count === 0) return defaultMask.clone()
    return without(defaultMask, topk(randLike(t).reshape([-1]), count).indices)
  }
}

/** Prunes the elements of least magnitude. */
export class L1Unstructured extends BasePruningMethod {
  readonly pruningType = 'unstructured'
  readonly amount: Amount
  constructor(amount: Amount) {
    super()
    this.amount = checkAmount(amount)
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel())
    if (count === 0) return defaultMask.clone()
    return without(defaultMask, topk(t.abs().reshape([-1]), count, -1, { largest: false }).indices)
  }
}

function checkChannels(t: Tensor, dim: number): number {
  if (t.ndim < 2)
    throw new ShapeError(
      `prune: expected at least 2 dimensions for a structured method, got shape ${formatShape(t.shape)}`,
    )
  return wrapDim('prune', dim, t)
}

/** A mask of ones in some channels, zeros in the others. */
function ofChannels(t: Tensor, dim: number, kept: Tensor): Tensor {
  return zerosLike(t).indexFill(dim, kept, 1)
}

/** Prunes channels at random. */
export class RandomStructured extends BasePruningMethod {
  readonly pruningType = 'structured'
  readonly amount: Amount
  override readonly dim: number
  constructor(amount: Amount, dim = -1) {
    super()
    this.amount = checkAmount(amount)
    this.dim = dim
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const dim = checkChannels(t, this.dim)
    const count = countOf(this.amount, t.shape[dim])
    if (count === 0) return defaultMask
    // The channels with the smallest draws go.
    const kept = topk(rand([t.shape[dim]]), t.shape[dim] - count).indices
    return ofChannels(t, dim, kept).mul(defaultMask.to(t.dtype))
  }
}

/** Prunes the channels of least norm. */
export class LnStructured extends BasePruningMethod {
  readonly pruningType = 'structured'
  readonly amount: Amount
  readonly n: number
  override readonly dim: number
  /** @param n the p of the norm, infinity included */
  constructor(amount: Amount, n: number, dim = -1) {
    super()
    this.amount = checkAmount(amount)
    this.n = n
    this.dim = dim
  }
  override computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const dim = checkChannels(t, this.dim)
    const count = countOf(this.amount, t.shape[dim])
    if (count === 0) return defaultMask
    const rows = t.abs().movedim(dim, 0).reshape([t.shape[dim], -1])
    const kept = topk(normsOf(rows, this.n), t.shape[dim] - count).indices
    return ofChannels(t, dim, kept).mul(defaultMask.to(t.dtype))
  }
}

/** The norms of rows that are ≥ 0. */
function normsOf(rows: Tensor, n: number): Tensor {
  if (n === Number.POSITIVE_INFINITY) return rows.amax(1)
  if (n === Number.NEGATIVE_INFINITY) return rows.amin(1)
  if (n === 0) return rows.ne(0).to(rows.dtype).sum(1)
  return rows
    .pow(n)
    .sum(1)
    .pow(1 / n)
}

/** Prunes where a given mask is zero. */
export class CustomFromMask extends BasePruningMethod {
  readonly pruningType = 'global'
  readonly mask: Tensor
  constructor(mask: Tensor) {
    super()
    this.mask = mask
  }
  override computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    if (!sameShape(this.mask.shape, defaultMask.shape))
      throw new ShapeError(
        `prune: expected a mask of shape ${formatShape(defaultMask.shape)}, got ${formatShape(this.mask.shape)}`,
      )
    return defaultMask.mul(this.mask.to(defaultMask.dtype))
  }
}

/** Methods one after the other, each on what those before it left. */
export class PruningContainer extends BasePruningMethod {
  readonly pruningType = 'global'
  readonly #methods: BasePruningMethod[]
  constructor(...methods: BasePruningMethod[]) {
    super()
    this.#methods = methods
  }
  get length(): number {
    return this.#methods.length
  }
  at(index: number): BasePruningMethod | undefined {
    return this.#methods.at(index)
  }
  addPruningMethod(method: BasePruningMethod): void {
    this.#methods.push(method)
  }
  [Symbol.iterator](): Iterator<BasePruningMethod> {
    return this.#methods[Symbol.iterator]()
  }
  /** What the last method makes of a mask. */
  override computeMask(t: Tensor, mask: Tensor): Tensor {
    const method = this.#methods.at(-1)
    if (method === undefined) return mask
    if (method.pruningType === 'global') return method.computeMask(t, mask)
    if (method.pruningType === 'unstructured') {
      const left = mask.eq(1)
      const partial = method.computeMask(t.maskedSelect(left), mask.maskedSelect(left))
      return mask.to(t.dtype).maskedScatter(left, partial.to(t.dtype))
    }
    if (method.dim === null) throw new ArgumentError('prune: a structured method needs a dim')
    const dim = wrapDim('prune', method.dim, t)
    const others = t.shape.map((_, i) => i).filter((i) => i !== dim)
    const left = mask.sum(others).ne(0).nonzero().reshape([-1])
    const partial = method.computeMask(t.indexSelect(dim, left), mask.indexSelect(dim, left))
    return mask.to(t.dtype).indexCopy(dim, left, partial.to(t.dtype))
  }
}

interface Pruned {
  readonly handle: HookHandle
  readonly method: BasePruningMethod
}
const pruned = new WeakMap<AnyModule, Map<string, Pruned>>()

const masked = (module: AnyModule, name: string): Tensor => {
  const original = parameterAt('prune', module, `${name}_orig`)
  return original.mul(module.getBuffer(`${name}_mask`).to(original.dtype))
}

/** Masks a parameter of a module: it becomes `weight_orig` times the buffer `weight_mask`, computed before each call. */
export function applyMethod<M extends AnyModule>(
  module: M,
  name: string,
  method: BasePruningMethod,
  importanceScores: Tensor | null = null,
): M {
  const known = pruned.get(module) ?? new Map<string, Pruned>()
  const before = known.get(name)
  const current = tensorAt('prune', module, name)
  if (importanceScores !== null && !sameShape(importanceScores.shape, current.shape))
    throw new ShapeError(
      `prune: expected importance scores of shape ${formatShape(current.shape)}, got ${formatShape(importanceScores.shape)}`,
    )
  const scores = (importanceScores ?? current).detach()
  if (before === undefined) {
    const original = parameterAt('prune', module, name)
    const mask = method.computeMask(scores, onesLike(original.detach()))
    module.unregister(name)
    module.registerParameter(`${name}_orig`, original)
    module.registerBuffer(`${name}_mask`, mask)
  }
  const container =
    before === undefined
      ? method
      : before.method instanceof PruningContainer
        ? new PruningContainer(...before.method, method)
        : new PruningContainer(before.method, method)
  if (before !== undefined) {
    const mask = container.computeMask(scores, module.getBuffer(`${name}_mask`).detach().clone())
    module.setBuffer(`${name}_mask`, mask)
    before.handle.remove()
  }
  const renew = (): void => {
    Reflect.set(module, name, masked(module, name))
  }
  renew()
  pruned.set(module, known.set(name, { handle: module.registerForwardPreHook(renew), method: container }))
  return module
}

/** The method that prunes a parameter of a module; a container where there were several. */
export const methodOf = (module: AnyModule, name: string): BasePruningMethod | null =>
  pruned.get(module)?.get(name)?.method ?? null

/** Sets up the mask of a parameter and prunes nothing. @returns `module` */
export const identity = <M extends AnyModule>(module: M, name: string): M => applyMethod(module, name, new Identity())

/** Prunes elements of a parameter at random. @returns `module` */
export const randomUnstructured = <M extends AnyModule>(module: M, name: string, amount: Amount): M =>
  applyMethod(module, name, new RandomUnstructured(amount))

export interface ImportanceOptions {
  /** What the magnitude is taken of. Default: the parameter. */
  readonly importanceScores?: Tensor | null
}

/** Prunes the elements of least magnitude. @returns `module` */
export const l1Unstructured = <M extends AnyModule>(
  module: M,
  name: string,
  amount: Amount,
  { importanceScores = null }: ImportanceOptions = {},
): M => applyMethod(module, name, new L1Unstructured(amount), importanceScores)

/** Prunes channels along `dim` at random. @returns `module` */
export const randomStructured = <M extends AnyModule>(module: M, name: string, amount: Amount, dim: number): M =>
  applyMethod(module, name, new RandomStructured(amount, dim))

/** Prunes the channels along `dim` of least `n`-norm. @returns `module` */
export const lnStructured = <M extends AnyModule>(
  module: M,
  name: string,
  amount: Amount,
  n: number,
  dim: number,
  { importanceScores = null }: ImportanceOptions = {},
): M => applyMethod(module, name, new LnStructured(amount, n, dim), importanceScores)

/** Prunes where `mask` is zero. @returns `module` */
export const customFromMask = <M extends AnyModule>(module: M, name: string, mask: Tensor): M =>
  applyMethod(module, name, new CustomFromMask(mask))

/**
 * Prunes several parameters as if they were one vector: which share of each goes is left open.
 *
 * @param parameters modules and the names of their parameters
 * @param method an unstructured one
 * @param importanceScores in place of the parameters, in the same order; null for the parameter itself
 */
export function globalUnstructured(
  parameters: readonly (readonly [module: AnyModule, name: string])[],
  method: BasePruningMethod,
  importanceScores: readonly (Tensor | null)[] = [],
): void {
  if (method.pruningType !== 'unstructured')
    throw new ArgumentError(`globalUnstructured: expected an unstructured method, got a ${method.pruningType} one`)
  const values = parameters.map(([module, name]) => tensorAt('globalUnstructured', module, name).detach())
  const scores = cat(values.map((t, i) => (importanceScores[i] ?? t).reshape([-1])))
  const masks = parameters.map(([module, name], i) => {
    const mask: unknown = Reflect.get(module, `${name}_mask`)
    return methodOf(module, name) === null ? onesLike(values[i]) : (mask as Tensor)
  })
  const mask = new PruningContainer(method).computeMask(scores, cat(masks.map((t) => t.reshape([-1]))))
  let at = 0
  parameters.forEach(([module, name], i) => {
    const n = values[i].numel()
    customFromMask(module, name, mask.narrow(0, at, n).reshape(values[i].shape))
    at += n
  })
}

/** Makes the pruning of a parameter permanent: mask and original go. @returns `module` */
export function remove<M extends AnyModule>(module: M, name: string): M {
  const found = pruned.get(module)?.get(name)
  if (found === undefined) throw new ArgumentError(`remove: '${name}' of ${module.constructor.name} is not pruned`)
  const weight = masked(module, name)
  const original = parameterAt('remove', module, `${name}_orig`)
  found.handle.remove()
  pruned.get(module)?.delete(name)
  for (const key of [name, `${name}_orig`, `${name}_mask`]) module.unregister(key)
  original.setData(weight.detach())
  module.registerParameter(name, original)
  return module
}

/** Whether a parameter of a module, or of one below it, is pruned. */
export const isPruned = (module: AnyModule): boolean =>
  module.modules().some((child) => (pruned.get(child)?.size ?? 0) > 0)
