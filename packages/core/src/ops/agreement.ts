// Whether tensors, or their elements, are the same.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { isComplex } from '../tensor/dtype.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type Closeness, eq, isclose, logicalNot, ne } from './comparison.js'
import { to } from './copies.js'
import { searchsorted } from './counting.js'
import { full, scalarTensor } from './creation.js'
import { composite } from './dispatch.js'
import { clampMax } from './extrema.js'
import { indexSelect } from './indexing.js'
import { resultType, type Scalar } from './promotion.js'
import type { FunctionOp, Op } from './record.js'
import { all } from './reductions.js'
import { sort } from './selection.js'
import { reshape } from './views.js'

/** Whether two tensors have one shape and the same values; NaN is the same as nothing. @returns a boolean */
export const equal: Op<[self: Tensor, other: Tensor], boolean> = composite(
  'equal(self, other)',
  (self: Tensor, other: Tensor): boolean => {
    if (!(other instanceof Tensor))
      throw new ArgumentError(`equal: expected a tensor for other, got ${describe(other)}`)
    return sameShape(self.shape, other.shape) && all(eq(self, other)).item<boolean>()
  },
)

/** Whether all elements of two tensors are close. @returns a boolean @see isclose */
export const allclose: Op<[self: Tensor, other: Tensor, options?: Closeness], boolean> = composite(
  'allclose(self, other, {rtol, atol, equal_nan})',
  (self: Tensor, other: Tensor, options?: Closeness): boolean => all(isclose(self, other, options)).item<boolean>(),
)

/** The options of `isin`. */
export interface IsinOptions {
  /** That no value occurs twice in either; needs no telling. */
  readonly assumeUnique?: boolean
  /** Whether the element is *not* among the others. Default false. */
  readonly invert?: boolean
}

/**
 * Whether each element is one of `testElements`. NaN is none.
 *
 * @returns bool, of the shape of `elements`
 * @throws DTypeError for bool and complex numbers
 */
export const isin: FunctionOp<
  [elements: Tensor | Scalar, testElements: Tensor | Scalar, options?: IsinOptions],
  Tensor
> = composite(
  'isin(elements, test_elements, {assume_unique, invert})',
  (elements: Tensor | Scalar, testElements: Tensor | Scalar, { invert = false }: IsinOptions = {}): Tensor => {
    if (!(elements instanceof Tensor) && !(testElements instanceof Tensor))
      throw new ArgumentError('isin: expected a tensor for elements or test_elements')
    const dtype = resultType('isin', [elements, testElements])
    if (dtype === 'bool' || isComplex(dtype)) throw new DTypeError(`isin: not implemented for ${dtype}`)
    const { device } = elements instanceof Tensor ? elements : (testElements as Tensor)
    const made = (x: Tensor | Scalar): Tensor =>
      x instanceof Tensor ? to(x.detach(), dtype) : scalarTensor(x, { dtype, device })
    const [values, tests] = [made(elements), made(testElements)]
    if (tests.numel() === 0) return full(values.shape, invert, { dtype: 'bool', device })
    if (tests.numel() === 1) return (invert ? ne : eq)(values, reshape(tests, []))
    const sorted = sort(reshape(tests, [-1])).values
    const at = clampMax(reshape(searchsorted(sorted, values), [-1]), sorted.shape[0] - 1)
    const found = eq(reshape(indexSelect(sorted, 0, at), values.shape), values)
    return invert ? logicalNot(found) : found
  },
)
