// Which frame says which token: forced alignment, and the loss of recurrent transducers.
import { ArgumentError, cat, F, gather, ShapeError, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating, oneOf } from '../check.js'

const NEVER = Number.NEGATIVE_INFINITY

/**
 * The likeliest path through a network's frames that says the targets (by Viterbi's algorithm).
 *
 * @param logProbs shape [1, frames, classes]
 * @param targets int64 or int32, shape [1, labels], none of them the blank
 * @returns the class of each frame, int64 [1, frames], and its log-probability [1, frames]
 * @throws ArgumentError where there are fewer frames than the targets need
 */
export function forcedAlign(
  logProbs: Tensor,
  targets: Tensor,
  { blank = 0 }: { readonly blank?: number } = {},
): [tokens: Tensor, scores: Tensor] {
  floating('forcedAlign', 'logProbs', logProbs)
  if (logProbs.ndim !== 3 || logProbs.shape[0] !== 1 || targets.ndim !== 2 || targets.shape[0] !== 1)
    throw new ShapeError(
      `forcedAlign: expected logProbs [1, frames, classes] and targets [1, labels], got ${formatShape(logProbs.shape)} and ${formatShape(targets.shape)}`,
    )
  const [, frames, classes] = logProbs.shape
  const labels = targets.select(0, 0).to('int64').toArray() as number[]
  const wrong = labels.find((label) => label < 0 || label >= classes || label === blank)
  if (wrong !== undefined)
    throw new ArgumentError(
      `forcedAlign: expected labels in [0, ${classes}) other than the blank ${blank}, got ${wrong}`,
    )
  const repeats = labels.filter((label, i) => i > 0 && label === labels[i - 1]).length
  if (frames < labels.length + repeats)
    throw new ArgumentError(
      `forcedAlign: expected at least ${labels.length + repeats} frames for ${labels.length} labels with ${repeats} repetitions, got ${frames}`,
    )
  const rows = logProbs.select(0, 0).to('float64').toArray() as number[][]
  const states = Array.from({ length: 2 * labels.length + 1 }, (_, s) => (s % 2 === 0 ? blank : labels[(s - 1) / 2]))
  // How far back the best way into each state comes from: 0, 1 or 2.
  const from = new Uint8Array(frames * states.length)
  let score = new Float64Array(states.length).fill(NEVER)
  for (let t = 0; t < frames; t++) {
    const next = new Float64Array(states.length).fill(NEVER)
    for (const [s, label] of states.entries()) {
      const skips = s > 1 && label !== blank && label !== states[s - 2]
      let best = t === 0 ? (s < 2 ? 0 : NEVER) : score[s]
      for (const back of t === 0 ? [] : skips ? [1, 2] : [1])
        if (s >= back && score[s - back] > best) {
          best = score[s - back]
          from[t * states.length + s] = back
        }
      next[s] = best + rows[t][label]
    }
    score = next
  }
  let state =
    states.length > 1 && score[states.length - 2] > score[states.length - 1] ? states.length - 2 : states.length - 1
  const path: number[] = []
  for (let t = frames - 1; t >= 0; t--) {
    path.push(states[state])
    state -= from[t * states.length + state]
  }
  const tokens = tensor([path.reverse()], { dtype: 'int64' })
  return [tokens, gather(logProbs, 2, tokens.unsqueeze(-1)).squeeze(-1)]
}

/** A token and the frames that say it. */
export interface TokenSpan {
  readonly token: number
  /** The first frame. */
  readonly start: number
  /** The frame after the last. */
  readonly end: number
  /** The mean of its frames' scores. */
  readonly score: number
}

/** The tokens of a path, without blanks and repetitions. @param tokens int64 [frames]. @param scores [frames] */
export function mergeTokens(tokens: Tensor, scores: Tensor, blank = 0): TokenSpan[] {
  const path = tokens.toArray() as number[]
  const values = scores.toArray() as number[]
  const spans: TokenSpan[] = []
  for (let start = 0; start < path.length; ) {
    let end = start
    while (end < path.length && path[end] === path[start]) end++
    const sum = values.slice(start, end).reduce((total, v) => total + v, 0)
    if (path[start] !== blank) spans.push({ token: path[start], start, end, score: sum / (end - start) })
    start = end
  }
  return spans
}

/** The options of `rnntLoss`. */
export interface RnntLossOptions {
  /** The class of the blank; -1, the default, is the last. */
  readonly blank?: number
  /** Default 'mean'. */
  readonly reduction?: 'none' | 'mean' | 'sum'
}

/**
 * The loss of recurrent transducers: minus the logarithm of the probability of all alignments of a target.
 * [Graves, 2012](https://arxiv.org/abs/1211.3711)
 *
 * @param logits shape [batch, frames, labels + 1, classes]
 * @param targets shape [batch, labels]
 * @param logitLengths valid frames, shape [batch]
 * @param targetLengths valid labels, shape [batch]
 * @returns a number, or shape [batch] for the reduction 'none'
 */
export function rnntLoss(
  logits: Tensor,
  targets: Tensor,
  logitLengths: Tensor,
  targetLengths: Tensor,
  { blank = -1, reduction = 'mean' }: RnntLossOptions = {},
): Tensor {
  floating('rnntLoss', 'logits', logits)
  oneOf('rnntLoss', 'reduction', reduction, ['none', 'mean', 'sum'])
  const [batch, frames, rows, classes] = logits.shape
  if (logits.ndim !== 4 || targets.ndim !== 2 || targets.shape[0] !== batch || targets.shape[1] !== rows - 1)
    throw new ShapeError(
      `rnntLoss: expected logits [batch, frames, labels + 1, classes] and targets [batch, labels], got ${formatShape(logits.shape)} and ${formatShape(targets.shape)}`,
    )
  const lengthsOf = (name: string, t: Tensor, least: number, most: number): number[] => {
    const list = t.to('int64').toArray() as number[]
    if (t.ndim !== 1 || list.length !== batch || list.some((n) => n < least || n > most))
      throw new ArgumentError(`rnntLoss: expected ${batch} ${name} between ${least} and ${most}, got ${describe(list)}`)
    return list
  }
  const ends = lengthsOf('logitLengths', logitLengths, 1, frames)
  const counts = lengthsOf('targetLengths', targetLengths, 0, rows - 1)
  const nothing = blank < 0 ? blank + classes : blank
  if (!Number.isInteger(nothing) || nothing < 0 || nothing >= classes)
    throw new ArgumentError(`rnntLoss: expected blank in [${-classes}, ${classes - 1}], got ${describe(blank)}`)
  const logProbs = F.logSoftmax(logits, -1)
  const skip = logProbs.select(-1, nothing) // [N, T, U + 1]
  const places = targets
    .to('int64')
    .reshape([batch, 1, rows - 1, 1])
    .expand([batch, frames, rows - 1, 1])
  const emit = gather(logProbs.narrow(2, 0, rows - 1), 3, places).squeeze(-1) // [N, T, U]
  // Labels of one frame are a running sum, so the ways into all of them are one running sum of exponentials.
  const zero = zeros([batch, 1], { dtype: logits.dtype })
  const said = cat([zeros([batch, frames, 1], { dtype: logits.dtype }), emit.cumsum(2)], 2)
  let alpha = said.select(1, 0)
  const alphas = [alpha]
  for (let t = 1; t < frames; t++) {
    const along = said.select(1, t)
    alpha = alpha
      .add(skip.select(1, t - 1))
      .sub(along)
      .logcumsumexp(1)
      .add(along)
    alphas.push(alpha)
  }
  const at = tensor(
    ends.map((end, i) => (end - 1) * rows + counts[i]),
    { dtype: 'int64' },
  ).unsqueeze(1)
  const last = (t: Tensor): Tensor => gather(t.reshape([batch, frames * rows]), 1, at)
  const losses = zero
    .sub(last(stack(alphas, 1)))
    .sub(last(skip))
    .squeeze(1)
  if (reduction === 'none') return losses
  return reduction === 'sum' ? losses.sum() : losses.mean()
}
