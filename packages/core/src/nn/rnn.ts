// Recurrent networks of several layers.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { cat, empty, F, indexSelect, reshape, stack, transpose, zeros } from '../ops/index.js'
import { type CellKind, GATES, type LayerWeights, recurrentLayer } from '../ops/nn/rnn.js'
import { Parameter } from '../tensor/parameter.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { uniform_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { PackedSequence } from './packed-sequence.js'
import { checkSize, showAll } from './shapes.js'

export interface RecurrentOptions extends LayerOptions {
  /** Layers one upon the other. Default 1. */
  readonly numLayers?: number
  /** Whether there are biases. Default true. */
  readonly bias?: boolean
  /** Whether tensors are [N, T, I] rather than [T, N, I]; states are not. Default false. */
  readonly batchFirst?: boolean
  /** The probability of dropout between layers while training. Default 0. */
  readonly dropout?: number
  /** Whether each layer also runs from the end to the beginning. Default false. */
  readonly bidirectional?: boolean
}

export interface RNNOptions extends RecurrentOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu'
}

export interface LSTMOptions extends RecurrentOptions {
  /** The features that the hidden state is projected to; 0 for none. Default 0. */
  readonly projSize?: number
}

/** What a layer computes on: packed rows, how many each step has, and the way back to what the caller gave. */
interface Steps {
  readonly data: Tensor
  readonly sizes: readonly number[]
  /** How states have to be ordered, and brought back. */
  readonly order: Tensor | null
  readonly undo: Tensor | null
  readonly batched: boolean
  restore(out: Tensor): Tensor | PackedSequence
}

/** What all recurrent networks share. A state is h, and for an LSTM also c. */
abstract class Recurrent<HX> extends Module<
  [input: Tensor | PackedSequence, hx?: HX | null],
  [output: Tensor | PackedSequence, hx: HX]
> {
  static readonly forwardSignature: string = 'forward(input, hx)'
  readonly inputSize: number
  readonly hiddenSize: number
  readonly numLayers: number
  readonly bias: boolean
  readonly batchFirst: boolean
  readonly dropout: number
  readonly bidirectional: boolean
  readonly projSize: number
  protected readonly kind: CellKind

  constructor(kind: CellKind, inputSize: number, hiddenSize: number, options: LSTMOptions) {
    super()
    const { name } = new.target
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } = options
    this.kind = kind
    this.inputSize = checkSize(name, 'inputSize', inputSize, 1)
    this.hiddenSize = checkSize(name, 'hiddenSize', hiddenSize, 1)
    this.numLayers = checkSize(name, 'numLayers', numLayers, 1)
    this.projSize = checkSize(name, 'projSize', projSize, 0)
    if (projSize >= hiddenSize)
      throw new ArgumentError(`${name}: expected projSize below hiddenSize ${hiddenSize}, got ${projSize}`)
    if (projSize > 0 && kind !== 'LSTM') throw new ArgumentError(`${name}: only an LSTM takes projSize`)
    if (typeof dropout !== 'number' || !(dropout >= 0 && dropout <= 1))
      throw new ArgumentError(`${name}: expected dropout in [0, 1], got ${describe(dropout)}`)
    for (const [option, value] of Object.entries({ bias, batchFirst, bidirectional }))
      if (typeof value !== 'boolean')
        throw new ArgumentError(`${name}: expected ${option} to be true or false, got ${describe(value)}`)
    this.bias = bias
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.bidirectional = bidirectional
    const rows = GATES[kind] * hiddenSize
    const place = { ...(options.device && { device: options.device }), ...(options.dtype && { dtype: options.dtype }) }
    for (let layer = 0; layer < numLayers; layer++) {
      const inputs = layer === 0 ? inputSize : (projSize || hiddenSize) * (bidirectional ? 2 : 1)
      for (const suffix of this.#suffixes(layer)) {
        const make = (part: string, ...shape: number[]): void => {
          this.registerParameter(`${part}_${suffix}`, new Parameter(empty(shape, place)))
        }
        make('weight_ih', rows, inputs)
        make('weight_hh', rows, projSize || hiddenSize)
        if (bias) {
          make('bias_ih', rows)
          make('bias_hh', rows)
        }
        if (projSize > 0) make('weight_hr', projSize, hiddenSize)
      }
    }
    this.resetParameters()
  }

  /** `l0`, `l0_reverse`… */
  #suffixes(layer: number): string[] {
    return this.bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`]
  }

  /** Draws all weights anew: uniform within ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize)
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound)
  }

  #weight(name: string): Tensor | null {
    const value: unknown = Reflect.get(this, name)
    return value instanceof Tensor ? value : null
  }

  #required(name: string): Tensor {
    const value = this.#weight(name)
    if (value === null) throw new ArgumentError(`${this.constructor.name}: there is no ${name}`)
    return value
  }

  #weights(suffix: string): LayerWeights {
    return {
      weightIh: this.#required(`weight_ih_${suffix}`),
      weightHh: this.#required(`weight_hh_${suffix}`),
      biasIh: this.#weight(`bias_ih_${suffix}`),
      biasHh: this.#weight(`bias_hh_${suffix}`),
      weightHr: this.#weight(`weight_hr_${suffix}`),
    }
  }

  /** The weights of each layer and direction, in the order of `parameters()`. */
  get allWeights(): Parameter[][] {
    return Array.from({ length: this.numLayers }, (_, layer) =>
      this.#suffixes(layer).map((suffix) =>
        Array.from(this.ownParameters()).flatMap(([name, parameter]) =>
          name.endsWith(`_${suffix}`) ? [parameter] : [],
        ),
      ),
    ).flat()
  }

  #steps(input: Tensor | PackedSequence): Steps {
    const { name } = this.constructor
    const packed = input instanceof PackedSequence
    const data = packed ? input.data : input
    if (!(data instanceof Tensor))
      throw new ArgumentError(`${name}: expected a tensor or a PackedSequence for input, got ${describe(input)}`)
    if (packed ? data.ndim !== 2 : data.ndim !== 2 && data.ndim !== 3)
      throw new ShapeError(
        `${name}: expected input of ${packed ? '2 packed' : '2 or 3'} dimensions, got shape ${formatShape(data.shape)}`,
      )
    if (data.shape[data.ndim - 1] !== this.inputSize)
      throw new ShapeError(`${name}: expected ${this.inputSize} input features, got shape ${formatShape(data.shape)}`)
    const { dtype } = this.#required('weight_ih_l0')
    if (data.dtype !== dtype)
      throw new DTypeError(`${name}: expected input of the weights' dtype ${dtype}, got ${data.dtype}`)
    if (packed)
      return {
        data,
        sizes: input.sizes(),
        order: input.sortedIndices,
        undo: input.unsortedIndices,
        batched: true,
        restore: (out) => input.with(out),
      }
    const batched = data.ndim === 3
    const turned = !batched ? data.unsqueeze(1) : this.batchFirst ? transpose(data, 0, 1) : data
    const [time, batch] = turned.shape
    if (time === 0) throw new ShapeError(`${name}: expected at least one step, got shape ${formatShape(data.shape)}`)
    return {
      data: reshape(turned, [time * batch, this.inputSize]),
      sizes: new Array<number>(time).fill(batch),
      order: null,
      undo: null,
      batched,
      restore(out) {
        const steps = reshape(out, [time, batch, out.shape[1]])
        return batched ? steps : steps.squeeze(1)
      },
    }
  }

  /** A state of shape [layers · directions, N, features], in the order of the steps; zeros where none is given. */
  #initial(name: string, given: Tensor | null, features: number, { data, sizes, order, batched }: Steps): Tensor {
    const layers = this.numLayers * (this.bidirectional ? 2 : 1)
    const shape = [layers, sizes[0], features]
    if (given === null) return zeros(shape, { dtype: data.dtype, device: data.device })
    const expected = batched ? shape : [layers, features]
    if (!(given instanceof Tensor) || !sameShape(given.shape, expected))
      throw new ShapeError(
        `${this.constructor.name}: expected ${name} of shape ${formatShape(expected)}, got ${given instanceof Tensor ? formatShape(given.shape) : describe(given)}`,
      )
    if (given.dtype !== data.dtype)
      throw new DTypeError(
        `${this.constructor.name}: expected ${name} of the input's dtype ${data.dtype}, got ${given.dtype}`,
      )
    if (!batched) return given.unsqueeze(1)
    return order === null ? given : indexSelect(given, 1, order)
  }

  /** Runs all layers. */
  protected run(
    input: Tensor | PackedSequence,
    h0: Tensor | null,
    c0: Tensor | null,
  ): { output: Tensor | PackedSequence; h: Tensor; c: Tensor | null } {
    const steps = this.#steps(input)
    const h = this.#initial('h', h0, this.projSize || this.hiddenSize, steps)
    const c = this.kind === 'LSTM' ? this.#initial('c', c0, this.hiddenSize, steps) : null
    const last: { h: Tensor; c: Tensor | null }[] = []
    let data = steps.data
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outs = this.#suffixes(layer).map((suffix, direction) => {
        const initial = { h: h.select(0, last.length), c: c?.select(0, last.length) ?? null }
        const result = recurrentLayer(this.kind, data, initial, this.#weights(suffix), steps.sizes, direction === 1)
        last.push(result.last)
        return result.out
      })
      data = outs.length === 1 ? outs[0] : cat(outs, 1)
      if (this.dropout > 0 && layer < this.numLayers - 1)
        data = F.dropout(data, { p: this.dropout, training: this.training })
    }
    const gathered = (states: (Tensor | null)[]): Tensor => {
      const all = stack(states.filter((t) => t !== null))
      if (!steps.batched) return all.squeeze(1)
      return steps.undo === null ? all : indexSelect(all, 1, steps.undo)
    }
    const restored = steps.restore(data)
    return {
      output: this.batchFirst && restored instanceof Tensor && steps.batched ? transpose(restored, 0, 1) : restored,
      h: gathered(last.map((state) => state.h)),
      c: c && gathered(last.map((state) => state.c)),
    }
  }

  override extraRepr(): string {
    const { inputSize, hiddenSize, projSize, numLayers, bias, batchFirst, dropout, bidirectional } = this
    return `${inputSize}, ${hiddenSize}${[
      projSize !== 0 && { projSize },
      numLayers !== 1 && { numLayers },
      !bias && { bias },
      batchFirst && { batchFirst },
      dropout !== 0 && { dropout },
      bidirectional && { bidirectional },
    ]
      .map((option) => (option ? `, ${showAll(option)}` : ''))
      .join('')}`
  }
}

/** A network whose state is h alone. */
abstract class PlainRecurrent extends Recurrent<Tensor> {
  override forward(input: Tensor, hx?: Tensor | null): [output: Tensor, hx: Tensor]
  override forward(input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, hx: Tensor]
  override forward(input: Tensor | PackedSequence, hx?: Tensor | null): [output: Tensor | PackedSequence, hx: Tensor]
  override forward(
    input: Tensor | PackedSequence,
    hx: Tensor | null = null,
  ): [output: Tensor | PackedSequence, hx: Tensor] {
    const { output, h } = this.run(input, hx, null)
    return [output, h]
  }
}

/**
 * A recurrent network: `h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)`, or with relu.
 *
 * Input: shape [T, N, inputSize], [N, T, inputSize] with `batchFirst`, [T, inputSize], or a PackedSequence; hx:
 * [layers · directions, N, hiddenSize], zeros by default. Result: [T, N, directions · hiddenSize], and the last hx.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const [out, h] = new nn.RNN(3, 5, { numLayers: 2 }).forward(ones([7, 4, 3]))
 * console.log(out.shape, h.shape) // → [ 7, 4, 5 ] [ 2, 4, 5 ]
 * ```
 */
export class RNN extends PlainRecurrent {
  static readonly signature: string =
    'RNN(input_size, hidden_size, {num_layers, nonlinearity, bias, batch_first, dropout, bidirectional, device, dtype})'
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(inputSize: number, hiddenSize: number, { nonlinearity = 'tanh', ...options }: RNNOptions = {}) {
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(`RNN: expected 'tanh' or 'relu' for nonlinearity, got ${describe(nonlinearity)}`)
    super(nonlinearity === 'tanh' ? 'RNN_TANH' : 'RNN_RELU', inputSize, hiddenSize, options)
    this.nonlinearity = nonlinearity
  }
}

/**
 * Gated recurrent units: gates r, z, n; `n = tanh(x W_inᵀ + b_in + r (h W_hnᵀ + b_hn))`, `h' = (1 - z) n + z h`.
 * [Cho et al., 2014](https://arxiv.org/abs/1406.1078)
 *
 * Input: shape [T, N, inputSize], [N, T, inputSize] with `batchFirst`, [T, inputSize], or a PackedSequence; hx:
 * [layers · directions, N, hiddenSize], zeros by default. Result: [T, N, directions · hiddenSize], and the last hx.
 */
export class GRU extends PlainRecurrent {
  static readonly signature: string =
    'GRU(input_size, hidden_size, {num_layers, bias, batch_first, dropout, bidirectional, device, dtype})'

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('GRU', inputSize, hiddenSize, options)
  }
}

/** The hidden state and the memory of an LSTM. */
export type LSTMState = readonly [h: Tensor, c: Tensor]

/**
 * Long short-term memory: gates i, f, g, o; `c' = σ(f) c + σ(i) tanh(g)`, `h' = σ(o) tanh(c')`.
 * [Hochreiter and Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735)
 *
 * Input: shape [T, N, inputSize], [N, T, inputSize] with `batchFirst`, [T, inputSize], or a PackedSequence; hx: h and c
 * of [layers · directions, N, hiddenSize] each (h: projSize where it is set), zeros by default. Result:
 * [T, N, directions · hiddenSize], and the last h and c.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const lstm = new nn.LSTM(3, 5, { bidirectional: true })
 * const [out, [h, c]] = lstm.forward(ones([7, 4, 3]))
 * console.log(out.shape, h.shape, c.shape) // → [ 7, 4, 10 ] [ 2, 4, 5 ] [ 2, 4, 5 ]
 * ```
 */
export class LSTM extends Recurrent<LSTMState> {
  static readonly signature: string =
    'LSTM(input_size, hidden_size, {num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype})'

  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super('LSTM', inputSize, hiddenSize, options)
  }

  override forward(input: Tensor, hx?: LSTMState | null): [output: Tensor, hx: LSTMState]
  override forward(input: PackedSequence, hx?: LSTMState | null): [output: PackedSequence, hx: LSTMState]
  override forward(
    input: Tensor | PackedSequence,
    hx?: LSTMState | null,
  ): [output: Tensor | PackedSequence, hx: LSTMState]
  override forward(
    input: Tensor | PackedSequence,
    hx: LSTMState | null = null,
  ): [output: Tensor | PackedSequence, hx: LSTMState] {
    if (hx !== null && (!Array.isArray(hx) || hx.length !== 2))
      throw new ArgumentError(`LSTM: expected hx to be a list of h and c, got ${describe(hx)}`)
    const { output, h, c } = this.run(input, hx === null ? null : hx[0], hx === null ? null : hx[1])
    if (c === null) throw new ArgumentError('LSTM: expected a memory beside the hidden state')
    return [output, [h, c]]
  }
}
