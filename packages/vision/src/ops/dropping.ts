// Regularizers that drop samples or regions while training.
import { ArgumentError, empty, F, nn, type Tensor } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { checkInteger, checkProbability } from '../check.js'

/** Whether samples are dropped one by one, or the batch as a whole. */
export type DropMode = 'batch' | 'row'

/**
 * Sets whole samples to 0 with probability `p`, and scales the others by 1 / (1 - p), while training.
 * [Huang et al., 2016](https://arxiv.org/abs/1603.09382)
 */
export function stochasticDepth(input: Tensor, p: number, mode: DropMode, training = true): Tensor {
  checkProbability('stochasticDepth', 'p', p)
  if (mode !== 'batch' && mode !== 'row')
    throw new ArgumentError(`stochasticDepth: expected mode 'batch' or 'row', got ${describe(mode)}`)
  if (!training || p === 0) return input
  const survival = 1 - p
  const shape = [mode === 'row' ? input.shape[0] : 1, ...input.shape.slice(1).map(() => 1)]
  const noise = empty(shape, { dtype: input.dtype, device: input.device }).bernoulli_(survival)
  return input.mul(survival > 0 ? noise.div_(survival) : noise)
}

/** `stochasticDepth` as a layer. */
export class StochasticDepth extends nn.Module {
  readonly p: number
  readonly mode: DropMode

  constructor(p: number, mode: DropMode) {
    super()
    this.p = checkProbability('StochasticDepth', 'p', p)
    this.mode = mode
  }

  override forward(input: Tensor): Tensor {
    return stochasticDepth(input, this.p, this.mode, this.training)
  }

  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`
  }
}

/** The options of `dropBlock2d` and `dropBlock3d`. */
export interface DropBlockOptions {
  /** Added to the divisor. Default 1e-6. */
  readonly eps?: number
  /** Default true. */
  readonly training?: boolean
}

function dropBlock(
  operation: string,
  input: Tensor,
  p: number,
  blockSize: number,
  { eps = 1e-6, training = true }: DropBlockOptions,
  spatial: 2 | 3,
): Tensor {
  checkProbability(operation, 'p', p)
  checkInteger(operation, 'blockSize', blockSize, 1)
  if (input.ndim !== spatial + 2)
    throw new ArgumentError(
      `${operation}: expected an input of ${spatial + 2} dimensions, got shape ${formatShape(input.shape)}`,
    )
  if (!training || p === 0) return input
  const sizes = input.shape.slice(2)
  const block = Math.min(blockSize, ...sizes)
  const places = sizes.map((n) => n - block + 1)
  const gamma = sizes.reduce((g, n, i) => (g * n) / places[i], p / block ** spatial)
  const noise = empty([...input.shape.slice(0, 2), ...places], { dtype: input.dtype, device: input.device })
  const half = Math.floor(block / 2)
  const padded = F.pad(noise.bernoulli_(Math.min(1, gamma)), Array(2 * spatial).fill(half))
  const pool = spatial === 2 ? F.maxPool2d : F.maxPool3d
  const grown = pool(padded, block, { stride: 1, padding: half })
  // An even block grows one pixel too far.
  const cut = sizes.reduce((t, n, d) => t.narrow(d + 2, 0, n), grown)
  const keep = cut.neg().add(1)
  return input.mul(keep).mul(keep.sum().add(eps).pow(-1).mul(keep.numel()))
}

/** Sets square regions to 0 while training. [Ghiasi et al., 2018](https://arxiv.org/abs/1810.12890) @param input [N, C, H, W] */
export function dropBlock2d(input: Tensor, p: number, blockSize: number, options: DropBlockOptions = {}): Tensor {
  return dropBlock('dropBlock2d', input, p, blockSize, options, 2)
}

/** Sets cubic regions to 0 while training. @param input [N, C, D, H, W] @see dropBlock2d */
export function dropBlock3d(input: Tensor, p: number, blockSize: number, options: DropBlockOptions = {}): Tensor {
  return dropBlock('dropBlock3d', input, p, blockSize, options, 3)
}

/** `dropBlock2d` as a layer. */
export class DropBlock2d extends nn.Module {
  readonly p: number
  readonly blockSize: number
  readonly eps: number

  constructor(p: number, blockSize: number, { eps = 1e-6 }: Pick<DropBlockOptions, 'eps'> = {}) {
    super()
    this.p = checkProbability('DropBlock', 'p', p)
    this.blockSize = checkInteger('DropBlock', 'blockSize', blockSize, 1)
    this.eps = eps
  }

  override forward(input: Tensor): Tensor {
    return dropBlock2d(input, this.p, this.blockSize, { eps: this.eps, training: this.training })
  }

  override extraRepr(): string {
    return `p=${this.p}, blockSize=${this.blockSize}`
  }
}

/** `dropBlock3d` as a layer. */
export class DropBlock3d extends DropBlock2d {
  override forward(input: Tensor): Tensor {
    return dropBlock3d(input, this.p, this.blockSize, { eps: this.eps, training: this.training })
  }
}
