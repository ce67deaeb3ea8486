// The CTC loss from public operators, with a derivative of PyTorch's: for derivatives beyond the first.
import { noGrad } from '../../autograd/mode.js'
import type { Tensor } from '../../tensor/tensor.js'
import { where } from '../conditional.js'
import { tensor } from '../construct.js'
import { zerosLike } from '../creation.js'
import { gather } from '../indexing.js'
import { cat } from '../joining.js'
import { expand, reshape } from '../views.js'
import type { CtcTargets } from './ctcLoss.js'

/** The logarithm of what cannot be: far below all probabilities, and still a number that has a derivative. */
const NEVER = -1e30

const numbers = (t: Tensor): number[] => Array.from(t.data() as BigInt64Array, Number)

/** The labels of the 2S + 1 states of each sample, blanks between them. */
function statesOf(targets: CtcTargets): { states: number[][]; inputs: number[]; lengths: number[] } {
  const labels = numbers(targets.labels)
  const lengths = numbers(targets.targetLengths)
  const states: number[][] = []
  let at = 0
  for (const [sample, length] of lengths.entries()) {
    const first = targets.stride > 0 ? sample * targets.stride : at
    at += length
    const row = new Array<number>(2 * targets.longest + 1).fill(targets.blank)
    for (let i = 0; i < length; i++) row[2 * i + 1] = labels[first + i]
    states.push(row)
  }
  return { states, inputs: numbers(targets.inputLengths), lengths }
}

/** log(eᵃ + eᵇ + eᶜ) by elements. */
function logSum(a: Tensor, b: Tensor, c: Tensor): Tensor {
  return a.logaddexp(b).logaddexp(c)
}

/**
 * The losses [N] of log-probabilities [T, N, C], so that the derivative is exp(p) − P(state | target) rather than the
 * last term alone: of a term that is a constant below a softmax, its value is left out and its derivative kept.
 *
 * @param losses the values, which tell where there is no path
 */
export function ctcLossByPaths(logProbs: Tensor, losses: Tensor, targets: CtcTargets): Tensor {
  const [steps, batch] = logProbs.shape
  const { states, inputs, lengths } = statesOf(targets)
  const count = states[0]?.length ?? 1
  const { dtype, device } = logProbs
  const constant = (values: number[][]): Tensor => tensor(values, { dtype, device })
  const mask = (values: boolean[][]): Tensor => tensor(values, { device })
  const index = tensor(states, { dtype: 'int64', device })
  const emitted = gather(logProbs, 2, expand(reshape(index, [1, batch, count]), [steps, batch, count]))
  const skip = mask(states.map((row) => row.map((label, s) => s > 1 && label !== row[s - 2])))
  const gap = (n: number): Tensor => constant(states.map(() => new Array<number>(n).fill(NEVER)))
  const never = gap(count)
  const shifted = (alpha: Tensor, by: number): Tensor =>
    count <= by ? never : cat([gap(by), alpha.narrow(1, 0, count - by)], 1)

  const starts = mask(states.map((row, b) => row.map((_, s) => s === 0 || (s === 1 && lengths[b] > 0))))
  let alpha = steps > 0 ? where(starts, emitted.select(0, 0), never) : never
  for (let t = 1; t < steps; t++) {
    const next = logSum(alpha, shifted(alpha, 1), where(skip, shifted(alpha, 2), never)).add(emitted.select(0, t))
    const running = tensor(
      inputs.map((length) => [t < length]),
      { device },
    )
    alpha = where(running, next, alpha)
  }
  const last = tensor(
    lengths.map((length) => [2 * length, Math.max(0, 2 * length - 1)]),
    { dtype: 'int64', device },
  )
  const ends = gather(alpha, 1, last)
  const two = tensor(
    lengths.map((length) => length > 0),
    { device },
  )
  const likelihood = where(two, ends.select(1, 0).logaddexp(ends.select(1, 1)), ends.select(1, 0))

  const counted = mask(Array.from({ length: steps }, (_, t) => inputs.map((length) => t < length)))
  const mass = where(reshape(counted, [steps, batch, 1]), logProbs.exp(), zerosLike(logProbs)).sum([0, 2])
  const loss = mass.sub(noGrad(() => mass.detach())).sub(likelihood)
  const impossible = losses.eq(Number.POSITIVE_INFINITY)
  const none = tensor(
    inputs.map((length) => length === 0),
    { device },
  )
  const still = none.logicalOr(targets.zeroInfinity ? impossible : zerosLike(impossible))
  return where(still, losses, loss)
}
