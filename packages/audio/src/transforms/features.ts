// Modules over features: masks, deltas, normalization.
import { ArgumentError, nn, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { whole } from '../check.js'
import {
  type CmnOptions,
  computeDeltas,
  type DeltaOptions,
  maskAlongAxis,
  maskAlongAxisIid,
  slidingWindowCmn,
} from '../functional/features.js'

function checkPart(operation: string, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${operation}: expected p in [0, 1], got ${describe(p)}`)
  return p
}

/** The options of the masks. */
export interface MaskingOptions {
  /** Another mask for each sound and channel, where there is a batch. Default false. */
  readonly iidMasks?: boolean
}

/** A mask along one of the last two dimensions. */
abstract class AxisMasking extends nn.Module<[specgram: Tensor, maskValue?: number]> {
  readonly maskParam: number
  readonly iidMasks: boolean
  readonly p: number

  constructor(maskParam: number, iidMasks: boolean, p: number) {
    super()
    this.maskParam = whole(new.target.name, 'the largest mask', maskParam, 0)
    this.iidMasks = iidMasks
    this.p = checkPart(new.target.name, p)
  }

  /** -2 for frequency, -1 for time. */
  protected abstract readonly axis: -2 | -1

  override forward(specgram: Tensor, maskValue = 0): Tensor {
    const axis = specgram.ndim + this.axis
    const mask = this.iidMasks && specgram.ndim > 2 ? maskAlongAxisIid : maskAlongAxis
    return mask(specgram, this.maskParam, maskValue, axis, { p: this.p })
  }
}

/** Masks a random range of frequencies. Shape: [..., freq, time] → the same */
export class FrequencyMasking extends AxisMasking {
  protected readonly axis = -2

  constructor(freqMaskParam: number, { iidMasks = false }: MaskingOptions = {}) {
    super(freqMaskParam, iidMasks, 1)
  }
}

/** Masks a random range of time. Shape: [..., freq, time] → the same */
export class TimeMasking extends AxisMasking {
  protected readonly axis = -1

  constructor(timeMaskParam: number, { iidMasks = false, p = 1 }: MaskingOptions & { readonly p?: number } = {}) {
    super(timeMaskParam, iidMasks, p)
  }
}

/** The options of `SpecAugment`. */
export interface SpecAugmentOptions {
  /** Default true. */
  readonly iidMasks?: boolean
  /** At most this part of the time is in one mask. Default 1. */
  readonly p?: number
  /** Whether masked values are 0 rather than the mean. Default false. */
  readonly zeroMasking?: boolean
}

/**
 * Several masks of time and of frequency ([Park et al., 2019](https://arxiv.org/abs/1904.08779)).
 *
 * Shape: [..., freq, time] → the same
 */
export class SpecAugment extends nn.Module {
  readonly #options: Required<SpecAugmentOptions>
  readonly #masks: readonly { readonly axis: -2 | -1; readonly param: number }[]

  constructor(
    nTimeMasks: number,
    timeMaskParam: number,
    nFreqMasks: number,
    freqMaskParam: number,
    { iidMasks = true, p = 1, zeroMasking = false }: SpecAugmentOptions = {},
  ) {
    super()
    whole('SpecAugment', 'nTimeMasks', nTimeMasks, 0)
    whole('SpecAugment', 'timeMaskParam', timeMaskParam, 0)
    whole('SpecAugment', 'nFreqMasks', nFreqMasks, 0)
    whole('SpecAugment', 'freqMaskParam', freqMaskParam, 0)
    this.#options = { iidMasks, p: checkPart('SpecAugment', p), zeroMasking }
    this.#masks = Array.from({ length: nTimeMasks + nFreqMasks }, (_, i) =>
      i < nTimeMasks ? { axis: -1, param: timeMaskParam } : { axis: -2, param: freqMaskParam },
    )
  }

  override forward(specgram: Tensor): Tensor {
    const { iidMasks, p, zeroMasking } = this.#options
    const value = zeroMasking ? 0 : (specgram.mean().item() as number)
    const mask = iidMasks && specgram.ndim > 2 ? maskAlongAxisIid : maskAlongAxis
    return this.#masks.reduce(
      (masked, { axis, param }) => mask(masked, param, value, specgram.ndim + axis, { p }),
      specgram,
    )
  }
}

/** Changes in time. Shape: [..., freq, time] → the same */
export class ComputeDeltas extends nn.Module {
  readonly #options: DeltaOptions

  constructor(options: DeltaOptions = {}) {
    super()
    this.#options = options
  }

  override forward(specgram: Tensor): Tensor {
    return computeDeltas(specgram, this.#options)
  }
}

/** Subtracts the mean of a sliding window. Shape: [..., time, freq] → the same */
export class SlidingWindowCmn extends nn.Module {
  readonly #options: CmnOptions

  constructor(options: CmnOptions = {}) {
    super()
    this.#options = options
  }

  override forward(specgram: Tensor): Tensor {
    return slidingWindowCmn(specgram, this.#options)
  }
}
