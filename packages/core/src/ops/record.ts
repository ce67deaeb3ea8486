import type { FlambeauError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'

/** The result of a primitive's forward pass, and what its backward pass needs of it. */
export interface Forward<Out extends Tensor | Tensor[], Saved extends readonly unknown[]> {
  readonly out: Out
  readonly saved: Saved
}

/** Returns `out` from a forward pass; `saved` comes back to the backward pass, tensors guarded by their version. */
export function saving<Out extends Tensor | Tensor[], Saved extends readonly unknown[]>(
  out: Out,
  ...saved: Saved
): Forward<Out, Saved> {
  return { out, saved }
}

interface RecordBase {
  /** PyTorch's name of the operator. */
  readonly name: string
  /**
   * PyTorch's argument names in PyTorch's order, in our calling convention: positional first, then the members of the
   * options object in braces, such as `sum(self, dim, {keepdim, dtype})`.
   */
  readonly signature: string
}

/** An operator with a kernel and a derivative of its own. */
export interface PrimitiveRecord<
  Args extends unknown[],
  Out extends Tensor | Tensor[],
  Saved extends readonly unknown[],
> extends RecordBase {
  readonly kind: 'primitive'
  /** The name of its nodes in a graph, as PyTorch has them: `MulBackward`. */
  readonly nodeName: string
  /** Checks, infers, allocates and calls the kernel. Tensors are positional arguments, or lists of them. */
  forward(...args: Args): Forward<Out, Saved>
  /**
   * The gradients of the tensor arguments, in order (lists spread out), from that of the result. Written in public
   * operators, so that it can be differentiated again. Shapes that were broadcast and dtypes that were promoted are
   * put right by the engine. `needs(i)` tells whether the i-th is wanted.
   */
  backward?(grad: GradOf<Out>, saved: Saved, needs: (i: number) => boolean): (Tensor | null)[]
  /** The result reads the first argument's storage. */
  readonly view?: boolean
  /** Accepts arguments in an opaque layout; all others are given strided ones. */
  readonly opaque?: boolean
  /** Writes the result into the first argument, where autograd has no say. Without it, the result is copied there. */
  into?(...args: Args): void
}

/** A gradient a result; null for results that nothing depends on. */
export type GradOf<Out> = Out extends Tensor[] ? (Tensor | null)[] : Tensor

/** An operator made of other operators. */
export interface CompositeRecord<Args extends unknown[], R> extends RecordBase {
  readonly kind: 'composite'
  call(...args: Args): R
}

// biome-ignore lint/suspicious/noExplicitAny: a record of any arguments and results
export type AnyRecord = PrimitiveRecord<any[], any, any> | CompositeRecord<any[], any>

/**
 * A public operator: the function, with its record. Every exported operator is annotated with one of these three
 * types, since Tensor's methods come from them and inference would go in circles.
 */
export type FunctionOp<Args extends unknown[], R> = ((...args: Args) => R) & { readonly record: AnyRecord }
/** An operator that is also a method: its signature begins with `self`. */
export type Op<Args extends unknown[], R = Tensor> = FunctionOp<Args, R> & { readonly method: true }
/** An operator whose method has an in-place form, `name_`, too. */
export type InplaceOp<Args extends unknown[], R = Tensor> = Op<Args, R> & { readonly inplace: true }

/** What the registry holds: an operator of any arguments. */
export interface AnyOp {
  (...args: unknown[]): unknown
  /** The call with its arguments in a list. */
  run(args: readonly unknown[]): unknown
  readonly record: AnyRecord
  readonly method: boolean
  readonly inplace: boolean
}

/** Every operator by PyTorch's name. */
export const registry = new Map<string, AnyOp>()

/** What a kernel's failure means in the terms of one operator. */
export type Explain = (failure: {
  readonly position: number
  readonly value: number
  readonly limit: number
}) => FlambeauError
