// Recurrent networks: one layer in one direction, and single cells.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul } from '../arithmetic.js'
import { clone } from '../copies.js'
import { zerosLike } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { sigmoid, tanh } from '../elementwise.js'
import { contiguousRaw } from '../inplace.js'
import { cat } from '../joining.js'
import { type FunctionOp, saving } from '../record.js'
import { sum } from '../reductions.js'
import { chunk, narrow } from '../slicing.js'
import { relu } from './activations.js'
import { composedGradients } from './composed.js'
import { linear } from './linear.js'

/** The kinds of cells, by PyTorch's names. */
export type CellKind = 'RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU'

/** How many gates a cell has: rows of its weights a hidden feature. */
export const GATES: { readonly [K in CellKind]: number } = { RNN_TANH: 1, RNN_RELU: 1, LSTM: 4, GRU: 3 }

/** The weights of one layer in one direction. */
export interface LayerWeights {
  /** Shape [gates · H, inputs]. */
  readonly weightIh: Tensor
  /** Shape [gates · H, H], or [gates · H, P] with a projection. */
  readonly weightHh: Tensor
  /** Shape [gates · H]. */
  readonly biasIh: Tensor | null
  /** Shape [gates · H]. */
  readonly biasHh: Tensor | null
  /** Shape [P, H]: projects the hidden state of an LSTM. */
  readonly weightHr: Tensor | null
}

/** The state after a step: what the cell gives, and the LSTM's memory. */
interface State {
  readonly h: Tensor
  readonly c: Tensor | null
}

/**
 * The bias that goes with the input's product, and that of the hidden product: the GRU's reset gate stands between the
 * two, in all other cells they only meet as a sum.
 */
function biasesOf(kind: CellKind, { biasIh, biasHh }: LayerWeights): { input: Tensor | null; hidden: Tensor | null } {
  if (kind === 'GRU' || biasIh === null || biasHh === null) return { input: biasIh, hidden: biasHh }
  return { input: add(biasIh, biasHh), hidden: null }
}

/** What a step needs beside its input: the weights of the state's products. */
type StateWeights = Pick<LayerWeights, 'weightHh' | 'weightHr'>

/** One step of a cell. `gates` is the input's product with its bias, shape [B, gates · H]. */
function step(kind: CellKind, gates: Tensor, { h, c }: State, weights: StateWeights, bias: Tensor | null): State {
  const recurrent = linear(h, weights.weightHh, bias)
  switch (kind) {
    case 'RNN_TANH':
      return { h: tanh(add(gates, recurrent)), c: null }
    case 'RNN_RELU':
      return { h: relu(add(gates, recurrent)), c: null }
    case 'GRU': {
      const [xr, xz, xn] = chunk(gates, 3, 1)
      const [hr, hz, hn] = chunk(recurrent, 3, 1)
      const z = sigmoid(add(xz, hz))
      const n = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)))
      // n + z (h - n)
      return { h: add(n, mul(z, h.sub(n))), c: null }
    }
    case 'LSTM': {
      if (c === null) throw new ArgumentError('lstm: expected a memory beside the hidden state')
      const [i, f, g, o] = chunk(add(gates, recurrent), 4, 1)
      const memory = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)))
      const out = mul(sigmoid(o), tanh(memory))
      return { h: weights.weightHr === null ? out : linear(out, weights.weightHr), c: memory }
    }
    default:
      throw new ArgumentError(`expected a kind of cell, got ${String(kind satisfies never)}`)
  }
}

const rows = ({ h, c }: State, from: number, n: number): State => ({
  h: narrow(h, 0, from, n),
  c: c && narrow(c, 0, from, n),
})

const joined = (states: readonly State[]): State => {
  if (states.length === 1) return states[0]
  const memories = states.flatMap(({ c }) => (c === null ? [] : [c]))
  return { h: cat(states.map(({ h }) => h)), c: memories.length > 0 ? cat(memories) : null }
}

/** The steps one after the other; sequences that are shorter stand last, so that a step has the first `sizes[t]`. */
function composedLayer(
  kind: CellKind,
  gates: Tensor,
  initial: State,
  weights: StateWeights,
  bias: Tensor | null,
  sizes: readonly number[],
  reverse: boolean,
): { out: Tensor; last: State } {
  const offsets: number[] = []
  let total = 0
  for (const size of sizes) {
    offsets.push(total)
    total += size
  }
  const outs = new Array<Tensor>(sizes.length)
  const ended: State[] = []
  let state = reverse ? rows(initial, 0, sizes[sizes.length - 1]) : initial
  for (let i = 0; i < sizes.length; i++) {
    const t = reverse ? sizes.length - 1 - i : i
    const size = sizes[t]
    const have = state.h.shape[0]
    if (size < have) {
      ended.unshift(rows(state, size, have - size))
      state = rows(state, 0, size)
    } else if (size > have) state = joined([state, rows(initial, have, size - have)])
    state = step(kind, narrow(gates, 0, offsets[t], size), state, weights, bias)
    outs[t] = state.h
  }
  return { out: cat(outs), last: joined([state, ...ended]) }
}

/** Which cell a kernel runs (Cell in native/src/cpu/rnn.cpp). */
const CODES: { readonly [K in CellKind]: number } = { RNN_TANH: 0, RNN_RELU: 1, LSTM: 2, GRU: 3 }

/** All steps in one call; gives the hidden states, the last of each sequence and, of an LSTM, the last memories. */
const fusedLayer: FunctionOp<
  [
    gates: Tensor,
    weight: Tensor,
    h: Tensor,
    c: Tensor | null,
    bias: Tensor | null,
    kind: CellKind,
    sizes: readonly number[],
    reverse: boolean,
  ],
  Tensor[]
> = primitive({
  signature: '_rnn_layer(gates, weight, h, c, bias, kind, sizes, reverse)',
  forward(
    gates: Tensor,
    weight: Tensor,
    h: Tensor,
    c: Tensor | null,
    bias: Tensor | null,
    kind: CellKind,
    sizes: readonly number[],
    reverse: boolean,
  ) {
    const steps = gates.shape[0]
    const hidden = h.shape[1]
    const make = (n: number): Tensor => allocate([steps, n], gates.dtype, gates.device)
    const out = make(hidden)
    const saved = kind === 'LSTM' || kind === 'GRU' ? make(4 * hidden) : null
    const cells = kind === 'LSTM' ? make(hidden) : null
    // The kernel turns the first state into the last.
    const last = clone(h)
    const memory = c && clone(c)
    const flatBias = bias && contiguousRaw(bias)
    kernels.rnnLayer(
      out,
      last,
      memory,
      saved,
      cells,
      contiguousRaw(gates),
      contiguousRaw(weight),
      flatBias,
      sizes,
      CODES[kind],
      reverse,
    )
    const outs = memory === null ? [out, last] : [out, last, memory]
    return saving(outs, gates, weight, h, c, bias, out, saved, cells, kind, sizes, reverse)
  },
  backward(grads, [gates, weight, h, c, bias, out, saved, cells, kind, sizes, reverse], needs) {
    const inputs = [gates, weight, h, c, bias].filter((t) => t !== null)
    if (gradMode.enabled)
      return composedGradients(
        ([g, w, first, ...rest]) => {
          const memory = c && rest[0]
          const result = composedLayer(
            kind,
            g,
            { h: first, c: memory },
            { weightHh: w, weightHr: null },
            bias && rest[rest.length - 1],
            sizes,
            reverse,
          )
          return result.last.c === null ? [result.out, result.last.h] : [result.out, result.last.h, result.last.c]
        },
        inputs,
        grads,
      )
    const like = (t: Tensor): Tensor => allocate(t.shape, t.dtype, t.device)
    const start = (grad: Tensor | null, t: Tensor): Tensor => (grad === null ? zerosLike(t) : clone(grad))
    const gatesGrad = like(gates)
    // The reset gate stands between the GRU's two products, so that their gradients differ.
    const hiddenGrad = kind === 'GRU' ? like(gates) : null
    const before = like(out)
    const dh = start(grads[1], h)
    const dc = c && start(grads[2], c)
    kernels.rnnLayerBackward(
      gatesGrad,
      hiddenGrad,
      before,
      dh,
      dc,
      grads[0] && contiguousRaw(grads[0]),
      out,
      saved,
      cells,
      contiguousRaw(h),
      c && contiguousRaw(c),
      contiguousRaw(weight),
      sizes,
      CODES[kind],
      reverse,
    )
    const products = hiddenGrad ?? gatesGrad
    let weightGrad: Tensor | null = null
    if (needs(1)) {
      weightGrad = like(weight)
      const [n, g] = products.shape
      kernels.matmul(weightGrad, alias(products, [g, n], [1, g]), before, null)
    }
    return [
      gatesGrad,
      weightGrad,
      dh,
      ...(c === null ? [] : [dc]),
      ...(bias === null ? [] : [needs(c === null ? 3 : 4) ? sum(products, 0) : null]),
    ]
  },
})

/**
 * One layer in one direction over packed sequences: step t has the first `sizes[t]` of them.
 *
 * @param input shape [Σ sizes, inputs]
 * @param initial hidden state and memory at the beginning, shape [sizes[0], H]
 * @returns the hidden states of all steps, and each sequence's last
 */
export function recurrentLayer(
  kind: CellKind,
  input: Tensor,
  initial: State,
  weights: LayerWeights,
  sizes: readonly number[],
  reverse: boolean,
): { out: Tensor; last: State } {
  const bias = biasesOf(kind, weights)
  // The input's product of all steps at once.
  const gates = linear(input, weights.weightIh, bias.input)
  // The kernel knows neither half types nor projections.
  if ((gates.dtype === 'float32' || gates.dtype === 'float64') && weights.weightHr === null) {
    const [out, h, c] = fusedLayer(gates, weights.weightHh, initial.h, initial.c, bias.hidden, kind, sizes, reverse)
    return { out, last: { h, c: c ?? null } }
  }
  return composedLayer(kind, gates, initial, weights, bias.hidden, sizes, reverse)
}

function checkCell(
  name: string,
  kind: CellKind,
  input: Tensor,
  states: readonly Tensor[],
  weightIh: Tensor,
  weightHh: Tensor,
): void {
  if (input.ndim !== 2) throw new ShapeError(`${name}: expected input of shape [N, I], got ${formatShape(input.shape)}`)
  const [batch, features] = input.shape
  const hidden = weightHh.shape[1]
  for (const h of states)
    if (!sameShape(h.shape, [batch, hidden]))
      throw new ShapeError(`${name}: expected hx of shape [${batch}, ${hidden}], got ${formatShape(h.shape)}`)
  const gates = GATES[kind] * hidden
  if (!sameShape(weightIh.shape, [gates, features]) || weightHh.shape[0] !== gates)
    throw new ShapeError(
      `${name}: expected w_ih of shape [${gates}, ${features}] and w_hh of shape [${gates}, ${hidden}], got ${formatShape(weightIh.shape)} and ${formatShape(weightHh.shape)}`,
    )
  for (const t of [...states, weightIh, weightHh])
    if (t.dtype !== input.dtype)
      throw new DTypeError(`${name}: expected hx and weights of the input's dtype ${input.dtype}, got ${t.dtype}`)
}

function runCell(
  name: string,
  kind: CellKind,
  input: Tensor,
  state: State,
  weightIh: Tensor,
  weightHh: Tensor,
  biasIh: Tensor | null,
  biasHh: Tensor | null,
): State {
  checkCell(name, kind, input, state.c === null ? [state.h] : [state.h, state.c], weightIh, weightHh)
  const weights = { weightIh, weightHh, biasIh, biasHh, weightHr: null }
  return recurrentLayer(kind, input, state, weights, [input.shape[0]], false).last
}

/** A cell without memory: input [N, I], hx [N, H], weights [gates · H, I] and [gates · H, H]; returns [N, H]. */
export type CellOp = FunctionOp<
  [input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh?: Tensor | null, bHh?: Tensor | null],
  Tensor
>

const plainCell = (name: string, kind: CellKind): CellOp =>
  composite(
    `${name}(input, hx, w_ih, w_hh, b_ih, b_hh)`,
    (input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null = null, bHh: Tensor | null = null) =>
      runCell(name, kind, input, { h: hx, c: null }, wIh, wHh, bIh, bHh).h,
  )

/** `tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)`. */
export const rnnTanhCell: CellOp = plainCell('rnn_tanh_cell', 'RNN_TANH')

/** `relu(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)`. */
export const rnnReluCell: CellOp = plainCell('rnn_relu_cell', 'RNN_RELU')

/**
 * A gated recurrent unit; gates r, z, n: `n = tanh(x W_inᵀ + b_in + r (h W_hnᵀ + b_hn))`, `h' = (1 - z) n + z h`.
 *
 * @see https://arxiv.org/abs/1406.1078
 */
export const gruCell: CellOp = plainCell('gru_cell', 'GRU')

/**
 * A long short-term memory; gates i, f, g, o: `c' = σ(f) c + σ(i) tanh(g)`, `h' = σ(o) tanh(c')`.
 *
 * @param hx h and c, shape [N, H] each
 * @returns h' and c'
 * @see https://doi.org/10.1162/neco.1997.9.8.1735
 * @example
 * ```ts
 * import { lstmCell, ones } from '@flambeau/core'
 * const [h, c] = lstmCell(ones([2, 3]), [ones([2, 4]), ones([2, 4])], ones([16, 3]), ones([16, 4]))
 * console.log(h.shape, c.shape) // → [ 2, 4 ] [ 2, 4 ]
 * ```
 */
export const lstmCell: FunctionOp<
  [input: Tensor, hx: readonly Tensor[], wIh: Tensor, wHh: Tensor, bIh?: Tensor | null, bHh?: Tensor | null],
  [Tensor, Tensor]
> = composite(
  'lstm_cell(input, hx, w_ih, w_hh, b_ih, b_hh)',
  (
    input: Tensor,
    hx: readonly Tensor[],
    wIh: Tensor,
    wHh: Tensor,
    bIh: Tensor | null = null,
    bHh: Tensor | null = null,
  ): [Tensor, Tensor] => {
    if (!Array.isArray(hx) || hx.length !== 2) throw new ArgumentError('lstm_cell: expected hx to be a list of h and c')
    const { h, c } = runCell('lstm_cell', 'LSTM', input, { h: hx[0], c: hx[1] }, wIh, wHh, bIh, bHh)
    if (c === null) throw new ArgumentError('lstm_cell: expected a memory beside the hidden state')
    return [h, c]
  },
)
