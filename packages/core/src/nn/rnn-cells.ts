// Single steps of recurrent networks.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { empty, gruCell, lstmCell, rnnReluCell, rnnTanhCell, zeros } from '../ops/index.js'
import { Parameter } from '../tensor/parameter.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { uniform_ } from './init.js'
import type { LinearOptions } from './linear.js'
import { Module } from './module.js'
import type { LSTMState } from './rnn.js'
import { checkSize } from './shapes.js'

export interface RNNCellOptions extends LinearOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu'
}

/** What the cells share: weights, and inputs without a batch. */
abstract class Cell<HX, Out> extends Module<[input: Tensor, hx?: HX | null], Out> {
  static readonly forwardSignature: string = 'forward(input, hx)'
  readonly inputSize: number
  readonly hiddenSize: number
  readonly bias: boolean
  /** Shape [gates · hiddenSize, inputSize]. */
  weight_ih: Parameter
  /** Shape [gates · hiddenSize, hiddenSize]. */
  weight_hh: Parameter
  /** Shape [gates · hiddenSize]. */
  bias_ih: Parameter | null
  /** Shape [gates · hiddenSize]. */
  bias_hh: Parameter | null

  constructor(gates: number, inputSize: number, hiddenSize: number, { bias = true, ...options }: LinearOptions) {
    super()
    const { name } = new.target
    this.inputSize = checkSize(name, 'inputSize', inputSize, 1)
    this.hiddenSize = checkSize(name, 'hiddenSize', hiddenSize, 1)
    this.bias = bias
    const rows = gates * hiddenSize
    this.weight_ih = new Parameter(empty([rows, inputSize], options))
    this.weight_hh = new Parameter(empty([rows, hiddenSize], options))
    this.bias_ih = bias ? new Parameter(empty([rows], options)) : null
    this.bias_hh = bias ? new Parameter(empty([rows], options)) : null
    this.resetParameters()
  }

  /** Draws all weights anew: uniform within ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize)
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound)
  }

  /** The input with a batch, and the state: zeros where none is given. */
  protected prepare(
    input: Tensor,
    given: readonly (Tensor | null)[],
  ): { x: Tensor; states: Tensor[]; batched: boolean } {
    const { name } = this.constructor
    if (!(input instanceof Tensor) || (input.ndim !== 1 && input.ndim !== 2))
      throw new ShapeError(
        `${name}: expected input of 1 or 2 dimensions, got ${input instanceof Tensor ? `shape ${formatShape(input.shape)}` : describe(input)}`,
      )
    const batched = input.ndim === 2
    const states = given.map((t) => {
      if (t === null)
        return zeros([batched ? input.shape[0] : 1, this.hiddenSize], { dtype: input.dtype, device: input.device })
      if (!(t instanceof Tensor) || t.ndim !== input.ndim)
        throw new ShapeError(
          `${name}: expected hx of ${input.ndim} dimensions like the input, got ${t instanceof Tensor ? `shape ${formatShape(t.shape)}` : describe(t)}`,
        )
      return batched ? t : t.unsqueeze(0)
    })
    return { x: batched ? input : input.unsqueeze(0), states, batched }
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias ? '' : ', bias=false'}`
  }
}

/**
 * A step of `RNN`. Input: shape [N, inputSize] or [inputSize]; hx and result: [N, hiddenSize] or [hiddenSize].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.RNNCell(3, 5).forward(ones([4, 3])).shape) // → [ 4, 5 ]
 * ```
 */
export class RNNCell extends Cell<Tensor, Tensor> {
  static readonly signature: string = 'RNNCell(input_size, hidden_size, {bias, nonlinearity, device, dtype})'
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(inputSize: number, hiddenSize: number, { nonlinearity = 'tanh', ...options }: RNNCellOptions = {}) {
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(`RNNCell: expected 'tanh' or 'relu' for nonlinearity, got ${describe(nonlinearity)}`)
    super(1, inputSize, hiddenSize, options)
    this.nonlinearity = nonlinearity
  }

  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    const { x, states, batched } = this.prepare(input, [hx])
    const cell = this.nonlinearity === 'tanh' ? rnnTanhCell : rnnReluCell
    const h = cell(x, states[0], this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh)
    return batched ? h : h.squeeze(0)
  }
}

/** A step of `GRU`. Input: shape [N, inputSize] or [inputSize]; hx and result: [N, hiddenSize] or [hiddenSize]. */
export class GRUCell extends Cell<Tensor, Tensor> {
  static readonly signature: string = 'GRUCell(input_size, hidden_size, {bias, device, dtype})'

  constructor(inputSize: number, hiddenSize: number, options: LinearOptions = {}) {
    super(3, inputSize, hiddenSize, options)
  }

  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    const { x, states, batched } = this.prepare(input, [hx])
    const h = gruCell(x, states[0], this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh)
    return batched ? h : h.squeeze(0)
  }
}

/** A step of `LSTM`. Input: shape [N, inputSize] or [inputSize]; hx and result: h and c, [N, hiddenSize] or [hiddenSize] each. */
export class LSTMCell extends Cell<LSTMState, LSTMState> {
  static readonly signature: string = 'LSTMCell(input_size, hidden_size, {bias, device, dtype})'

  constructor(inputSize: number, hiddenSize: number, options: LinearOptions = {}) {
    super(4, inputSize, hiddenSize, options)
  }

  override forward(input: Tensor, hx: LSTMState | null = null): LSTMState {
    if (hx !== null && (!Array.isArray(hx) || hx.length !== 2))
      throw new ArgumentError(`LSTMCell: expected hx to be a list of h and c, got ${describe(hx)}`)
    const { x, states, batched } = this.prepare(input, hx ?? [null, null])
    const [h, c] = lstmCell(x, states, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh)
    return batched ? [h, c] : [h.squeeze(0), c.squeeze(0)]
  }
}
