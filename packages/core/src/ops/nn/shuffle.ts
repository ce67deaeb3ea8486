// Channels and pixels that change places.
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { clone } from '../copies.js'
import { composite } from '../dispatch.js'
import type { FunctionOp } from '../record.js'
import { permute, reshape, transpose } from '../views.js'

function checkFactor(operation: string, name: string, factor: unknown): void {
  if (typeof factor !== 'number' || !Number.isInteger(factor) || factor < 1)
    throw new ArgumentError(`${operation}: expected ${name} to be an integer ≥ 1, got ${describe(factor)}`)
}

function checkImage(operation: string, input: Tensor): void {
  if (input.ndim < 3)
    throw new ShapeError(`${operation}: expected an input of [*, C, H, W], got shape ${formatShape(input.shape)}`)
}

/**
 * Rearranges r² channels into an image that is r times as large on each side.
 * [Shi et al., 2016](https://arxiv.org/abs/1609.05158)
 *
 * @param input shape [*, C·r², H, W]
 * @param upscaleFactor r
 * @returns shape [*, C, H·r, W·r]
 * @throws ShapeError when the channels are not divisible by r²
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.pixelShuffle(ones([1, 9, 4, 4]), 3).shape) // → [ 1, 1, 12, 12 ]
 * ```
 */
export const pixelShuffle: FunctionOp<[input: Tensor, upscaleFactor: number], Tensor> = composite(
  'nn.functional.pixel_shuffle(input, upscale_factor)',
  (input: Tensor, upscaleFactor: number): Tensor => {
    checkFactor('pixelShuffle', 'upscaleFactor', upscaleFactor)
    checkImage('pixelShuffle', input)
    const r = upscaleFactor
    if (r === 1) return clone(input)
    const [channels, height, width] = input.shape.slice(-3)
    if (channels % (r * r) !== 0)
      throw new ShapeError(
        `pixelShuffle: expected channels divisible by ${r * r} for upscaleFactor ${r}, got input ${formatShape(input.shape)}`,
      )
    const lead = input.shape.slice(0, -3)
    const split = reshape(input, [...lead, channels / (r * r), r, r, height, width])
    const d = lead.length
    const order = [...lead.keys(), d, d + 3, d + 1, d + 4, d + 2]
    return reshape(permute(split, order), [...lead, channels / (r * r), height * r, width * r])
  },
)

/**
 * Rearranges blocks of r × r pixels into channels: the inverse of `pixelShuffle`.
 *
 * @param input shape [*, C, H·r, W·r]
 * @param downscaleFactor r
 * @returns shape [*, C·r², H, W]
 * @throws ShapeError when height or width are not divisible by r
 */
export const pixelUnshuffle: FunctionOp<[input: Tensor, downscaleFactor: number], Tensor> = composite(
  'nn.functional.pixel_unshuffle(input, downscale_factor)',
  (input: Tensor, downscaleFactor: number): Tensor => {
    checkFactor('pixelUnshuffle', 'downscaleFactor', downscaleFactor)
    checkImage('pixelUnshuffle', input)
    const r = downscaleFactor
    if (r === 1) return clone(input)
    const [channels, height, width] = input.shape.slice(-3)
    if (height % r !== 0 || width % r !== 0)
      throw new ShapeError(
        `pixelUnshuffle: expected height and width divisible by ${r}, got input ${formatShape(input.shape)}`,
      )
    const lead = input.shape.slice(0, -3)
    const split = reshape(input, [...lead, channels, height / r, r, width / r, r])
    const d = lead.length
    const order = [...lead.keys(), d, d + 2, d + 4, d + 1, d + 3]
    return reshape(permute(split, order), [...lead, channels * r * r, height / r, width / r])
  },
)

/**
 * Takes channels from `groups` groups in turn. [Zhang et al., 2018](https://arxiv.org/abs/1707.01083)
 *
 * @param input shape [N, C, *]
 * @param groups divides C
 * @returns the shape of the input
 * @throws ShapeError when the channels are not divisible by `groups`
 * @example
 * ```ts
 * import { arange, F } from '@flambeau/core'
 * console.log(F.channelShuffle(arange(4).reshape([1, 4, 1, 1]), 2).flatten().toArray()) // → [ 0, 2, 1, 3 ]
 * ```
 */
export const channelShuffle: FunctionOp<[input: Tensor, groups: number], Tensor> = composite(
  'nn.functional.channel_shuffle(input, groups)',
  (input: Tensor, groups: number): Tensor => {
    checkFactor('channelShuffle', 'groups', groups)
    if (input.ndim < 3)
      throw new ShapeError(`channelShuffle: expected an input of [N, C, *], got shape ${formatShape(input.shape)}`)
    const [batch, channels, ...rest] = input.shape
    if (channels % groups !== 0)
      throw new ShapeError(
        `channelShuffle: expected channels divisible by groups ${groups}, got input ${formatShape(input.shape)}`,
      )
    return reshape(transpose(reshape(input, [batch, groups, channels / groups, ...rest]), 1, 2), input.shape)
  },
)
