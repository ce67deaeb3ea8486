// Grid sampling from public operators: for derivatives beyond the first. Like native/src/cpu/grid_taps.h.
import { noGrad } from '../../autograd/mode.js'
import type { Tensor } from '../../tensor/tensor.js'
import { where } from '../conditional.js'
import { zerosLike } from '../creation.js'
import { gather } from '../indexing.js'
import { expand, reshape } from '../views.js'
import type { Sampling } from './gridSample.js'

/** Along one dimension: which elements a point reads (NaN-free floats, perhaps outside), with which weights. */
interface Tap {
  readonly at: Tensor
  readonly weight: Tensor
}

/** A coordinate between -1 and 1 as a position. */
function unnormalize(x: Tensor, size: number, alignCorners: boolean): Tensor {
  return alignCorners
    ? x
        .add(1)
        .div(2)
        .mul(size - 1)
    : x.add(1).mul(size).sub(1).div(2)
}

function reflect(x: Tensor, size: number, alignCorners: boolean): Tensor {
  const low = alignCorners ? 0 : -0.5
  const span = alignCorners ? size - 1 : size
  if (span === 0) return x.mul(0)
  const offset = x.sub(low).abs()
  const flips = noGrad(() => offset.div(span).floor())
  const extra = offset.sub(flips.mul(span))
  const even = noGrad(() => flips.remainder(2).eq(0))
  return where(even, extra, extra.neg().add(span)).add(low)
}

function pad(x: Tensor, size: number, { padding, alignCorners }: Sampling): Tensor {
  if (padding === 'zeros') return x
  const inside = padding === 'reflection' ? reflect(x, size, alignCorners) : x
  return inside.clamp(0, size - 1)
}

const cubicFar = (x: Tensor): Tensor => x.mul(-0.75).add(3.75).mul(x).sub(6).mul(x).add(3)
const cubicNear = (x: Tensor): Tensor => x.mul(1.25).sub(2.25).mul(x).mul(x).add(1)

function taps(coordinate: Tensor, size: number, how: Sampling): Tap[] {
  const position = unnormalize(coordinate, size, how.alignCorners)
  if (how.mode === 'nearest') {
    // The gradient by the grid is zero, but there is one.
    const at = noGrad(() => pad(position, size, how).round())
    return [{ at, weight: position.mul(0).add(1) }]
  }
  if (how.mode === 'bilinear') {
    const x = pad(position, size, how)
    const low = noGrad(() => x.floor())
    const t = x.sub(low)
    return [
      { at: low, weight: t.neg().add(1) },
      { at: noGrad(() => low.add(1)), weight: t },
    ]
  }
  const low = noGrad(() => position.floor())
  const t = position.sub(low)
  const weights = [cubicFar(t.add(1)), cubicNear(t), cubicNear(t.neg().add(1)), cubicFar(t.neg().add(2))]
  return weights.map((weight, k) => ({ at: noGrad(() => pad(low.add(k - 1), size, how)), weight }))
}

/** The values of `input` [N, C, …] at the points of `grid` [N, …, 2 or 3]. */
export function sampleByTaps(input: Tensor, grid: Tensor, how: Sampling): Tensor {
  const [batch, channels, ...sizes] = input.shape
  const n = sizes.length
  const points = grid.shape.slice(1, -1)
  const flat = reshape(input, [batch, channels, -1])
  const coordinates = reshape(grid, [batch, -1, n])
  const count = coordinates.shape[1]
  // Every combination of a tap of each dimension; the last one of the input is the first coordinate.
  let corners: { at: Tensor | null; inside: Tensor | null; weight: Tensor | null }[] = [
    { at: null, inside: null, weight: null },
  ]
  for (let d = n - 1; d >= 0; d--) {
    const size = sizes[n - 1 - d]
    const along = taps(coordinates.select(-1, d), size, how)
    corners = corners.flatMap((corner) =>
      along.map((tap) => {
        const valid = noGrad(() => tap.at.ge(0).logicalAnd(tap.at.lt(size)))
        return {
          at: noGrad(() => (corner.at === null ? tap.at : corner.at.mul(size).add(tap.at))),
          inside: corner.inside === null ? valid : corner.inside.logicalAnd(valid),
          weight: corner.weight === null ? tap.weight : corner.weight.mul(tap.weight),
        }
      }),
    )
  }
  let sum: Tensor | null = null
  for (const { at, inside, weight } of corners) {
    if (at === null || inside === null || weight === null) continue
    const index = where(inside, at, zerosLike(at)).to('int64')
    const read = gather(flat, 2, expand(reshape(index, [batch, 1, count]), [batch, channels, count]))
    const seen = where(reshape(inside, [batch, 1, count]), read, zerosLike(read))
    const term = seen.mul(reshape(weight, [batch, 1, count]))
    sum = sum === null ? term : sum.add(term)
  }
  return reshape(sum ?? zerosLike(flat), [batch, channels, ...points])
}
