import { ShapeError } from '../../errors.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite } from '../dispatch.js'
import { matmul } from '../matmul.js'
import type { FunctionOp } from '../record.js'
import { permute, reshape } from '../views.js'

/**
 * A bilinear map of two inputs: `y[…, o] = Σᵢⱼ x₁[…, i] · weight[o, i, j] · x₂[…, j] + bias[o]`.
 *
 * @param input1 shape [*, I]
 * @param input2 shape [*, J]
 * @param weight shape [O, I, J]
 * @param bias shape [O]
 * @returns shape [*, O]
 */
export const bilinear: FunctionOp<[input1: Tensor, input2: Tensor, weight: Tensor, bias?: Tensor | null], Tensor> =
  composite(
    'nn.functional.bilinear(input1, input2, weight, bias)',
    (input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => {
      const lead = input1.shape.slice(0, -1)
      if (
        weight.ndim !== 3 ||
        input1.ndim < 1 ||
        input1.ndim !== input2.ndim ||
        !sameShape(lead, input2.shape.slice(0, -1))
      )
        throw new ShapeError(
          `bilinear: expected inputs [*, I] and [*, J] and weight [O, I, J], got ${formatShape(input1.shape)}, ${formatShape(input2.shape)} and ${formatShape(weight.shape)}`,
        )
      const [out, first, second] = weight.shape
      if (input1.shape[lead.length] !== first || input2.shape[lead.length] !== second)
        throw new ShapeError(
          `bilinear: expected last sizes ${first} and ${second} (weight is ${formatShape(weight.shape)}), got inputs ${formatShape(input1.shape)} and ${formatShape(input2.shape)}`,
        )
      if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== out))
        throw new ShapeError(`bilinear: expected bias of shape [${out}], got ${formatShape(bias.shape)}`)
      const left = reshape(input1, [lead.reduce((n, d) => n * d, 1), first])
      const right = reshape(input2, [left.shape[0], 1, second])
      const mapped = reshape(matmul(left, reshape(permute(weight, [1, 0, 2]), [first, out * second])), [
        left.shape[0],
        out,
        second,
      ])
      const result = reshape(mapped.mul(right).sum(-1, { dtype: mapped.dtype }), [...lead, out])
      return bias === null ? result : result.add(bias)
    },
  )
