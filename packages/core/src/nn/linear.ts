import { empty, F } from '../ops/index.js'
import { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'
import { kaimingUniform_, uniform_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize } from './shapes.js'

export interface LinearOptions extends LayerOptions {
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean
}

/**
 * An affine map: `y = x Wᵀ + b`. Weight and bias start uniform within ±1/√inFeatures.
 *
 * Input: shape [*, inFeatures]; result: [*, outFeatures].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const layer = new nn.Linear(20, 30)
 * console.log(layer.forward(ones([128, 20])).shape, String(layer)) // → [ 128, 30 ] Linear(inFeatures=20, outFeatures=30, bias=true)
 * ```
 */
export class Linear extends Module {
  static readonly signature: string = 'Linear(in_features, out_features, {bias, device, dtype})'
  readonly inFeatures: number
  readonly outFeatures: number
  /** Shape [outFeatures, inFeatures]. */
  weight: Parameter
  /** Shape [outFeatures]. */
  bias: Parameter | null

  constructor(inFeatures: number, outFeatures: number, { bias = true, ...options }: LinearOptions = {}) {
    super()
    this.inFeatures = checkSize('Linear', 'inFeatures', inFeatures, 0)
    this.outFeatures = checkSize('Linear', 'outFeatures', outFeatures, 0)
    this.weight = new Parameter(empty([outFeatures, inFeatures], options))
    this.bias = bias ? new Parameter(empty([outFeatures], options)) : null
    this.resetParameters()
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias === null) return
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0
    uniform_(this.bias, -bound, bound)
  }

  override forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias)
  }

  override extraRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`
  }
}

/**
 * A bilinear map of two inputs: `y = x₁ᵀ A x₂ + b`.
 *
 * Inputs: shapes [*, in1Features] and [*, in2Features]; result: [*, outFeatures].
 */
export class Bilinear extends Module<[input1: Tensor, input2: Tensor]> {
  static readonly signature: string = 'Bilinear(in1_features, in2_features, out_features, {bias, device, dtype})'
  static readonly forwardSignature: string = 'forward(input1, input2)'
  readonly in1Features: number
  readonly in2Features: number
  readonly outFeatures: number
  /** Shape [outFeatures, in1Features, in2Features]. */
  weight: Parameter
  /** Shape [outFeatures]. */
  bias: Parameter | null

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    { bias = true, ...options }: LinearOptions = {},
  ) {
    super()
    this.in1Features = checkSize('Bilinear', 'in1Features', in1Features, 1)
    this.in2Features = checkSize('Bilinear', 'in2Features', in2Features, 0)
    this.outFeatures = checkSize('Bilinear', 'outFeatures', outFeatures, 0)
    this.weight = new Parameter(empty([outFeatures, in1Features, in2Features], options))
    this.bias = bias ? new Parameter(empty([outFeatures], options)) : null
    this.resetParameters()
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features)
    uniform_(this.weight, -bound, bound)
    if (this.bias !== null) uniform_(this.bias, -bound, bound)
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    return F.bilinear(input1, input2, this.weight, this.bias)
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures } = this
    return `in1Features=${in1Features}, in2Features=${in2Features}, outFeatures=${outFeatures}, bias=${this.bias !== null}`
  }
}
