// Layers that put a border around the last dimensions.
import { F } from '../ops/index.js'
import type { PadMode } from '../ops/nn/padding.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { show } from './shapes.js'

/** One size for all sides, or the sizes before and after each dimension from the last on. */
export type Padding = number | readonly number[]

abstract class PadLayer extends Module {
  readonly padding: readonly number[]
  readonly #mode: PadMode

  constructor(padding: Padding, spatial: number, mode: PadMode) {
    super()
    this.padding = typeof padding === 'number' ? new Array<number>(2 * spatial).fill(padding) : [...padding]
    this.#mode = mode
  }

  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { mode: this.#mode })
  }

  override extraRepr(): string {
    return show(this.padding)
  }
}

abstract class ConstantPad extends PadLayer {
  readonly value: number

  constructor(padding: Padding, value: number, spatial: number) {
    super(padding, spatial, 'constant')
    this.value = value
  }

  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { value: this.value })
  }

  override extraRepr(): string {
    return `padding=${show(this.padding)}, value=${this.value}`
  }
}

/** A border of one value. Input: [N, C, L] or [C, L]. */
export class ConstantPad1d extends ConstantPad {
  static readonly signature: string = 'ConstantPad1d(padding, value)'
  constructor(padding: Padding, value: number) {
    super(padding, value, 1)
  }
}

/** A border of zeros. Input: [N, C, L] or [C, L]. */
export class ZeroPad1d extends ConstantPad {
  static readonly signature: string = 'ZeroPad1d(padding)'
  constructor(padding: Padding) {
    super(padding, 0, 1)
  }

  override extraRepr(): string {
    return show(this.padding)
  }
}

/** A border mirrored at the edge. Input: [N, C, L] or [C, L]. */
export class ReflectionPad1d extends PadLayer {
  static readonly signature: string = 'ReflectionPad1d(padding)'
  constructor(padding: Padding) {
    super(padding, 1, 'reflect')
  }
}

/** A border like the edge. Input: [N, C, L] or [C, L]. */
export class ReplicationPad1d extends PadLayer {
  static readonly signature: string = 'ReplicationPad1d(padding)'
  constructor(padding: Padding) {
    super(padding, 1, 'replicate')
  }
}

/** A border from the other side. Input: [N, C, L] or [C, L]. */
export class CircularPad1d extends PadLayer {
  static readonly signature: string = 'CircularPad1d(padding)'
  constructor(padding: Padding) {
    super(padding, 1, 'circular')
  }
}

/** A border of one value. Input: [N, C, H, W] or [C, H, W]. */
export class ConstantPad2d extends ConstantPad {
  static readonly signature: string = 'ConstantPad2d(padding, value)'
  constructor(padding: Padding, value: number) {
    super(padding, value, 2)
  }
}

/** A border of zeros. Input: [N, C, H, W] or [C, H, W]. */
export class ZeroPad2d extends ConstantPad {
  static readonly signature: string = 'ZeroPad2d(padding)'
  constructor(padding: Padding) {
    super(padding, 0, 2)
  }

  override extraRepr(): string {
    return show(this.padding)
  }
}

/** A border mirrored at the edge. Input: [N, C, H, W] or [C, H, W]. */
export class ReflectionPad2d extends PadLayer {
  static readonly signature: string = 'ReflectionPad2d(padding)'
  constructor(padding: Padding) {
    super(padding, 2, 'reflect')
  }
}

/** A border like the edge. Input: [N, C, H, W] or [C, H, W]. */
export class ReplicationPad2d extends PadLayer {
  static readonly signature: string = 'ReplicationPad2d(padding)'
  constructor(padding: Padding) {
    super(padding, 2, 'replicate')
  }
}

/** A border from the other side. Input: [N, C, H, W] or [C, H, W]. */
export class CircularPad2d extends PadLayer {
  static readonly signature: string = 'CircularPad2d(padding)'
  constructor(padding: Padding) {
    super(padding, 2, 'circular')
  }
}

/** A border of one value. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class ConstantPad3d extends ConstantPad {
  static readonly signature: string = 'ConstantPad3d(padding, value)'
  constructor(padding: Padding, value: number) {
    super(padding, value, 3)
  }
}

/** A border of zeros. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class ZeroPad3d extends ConstantPad {
  static readonly signature: string = 'ZeroPad3d(padding)'
  constructor(padding: Padding) {
    super(padding, 0, 3)
  }

  override extraRepr(): string {
    return show(this.padding)
  }
}

/** A border mirrored at the edge. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class ReflectionPad3d extends PadLayer {
  static readonly signature: string = 'ReflectionPad3d(padding)'
  constructor(padding: Padding) {
    super(padding, 3, 'reflect')
  }
}

/** A border like the edge. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class ReplicationPad3d extends PadLayer {
  static readonly signature: string = 'ReplicationPad3d(padding)'
  constructor(padding: Padding) {
    super(padding, 3, 'replicate')
  }
}

/** A border from the other side. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class CircularPad3d extends PadLayer {
  static readonly signature: string = 'CircularPad3d(padding)'
  constructor(padding: Padding) {
    super(padding, 3, 'circular')
  }
}
