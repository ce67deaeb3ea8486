// Generators: PyTorch's Mersenne twister, its state, and drawing from it.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { type Device, isCuda } from '../tensor/device.js'
import { isComplex, toReal } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import { scope, Tensor } from '../tensor/tensor.js'
import { clone } from './copies.js'
import type { TensorOptions } from './creation.js'
import type { Scalar } from './promotion.js'

/** Bytes of a state: PyTorch's layout for CPU generators. */
const STATE_BYTES = 5056
/** The seed of a generator that was not seeded. */
const DEFAULT_SEED = 67280421310721n

function checkSeed(operation: string, seed: unknown): bigint {
  if (typeof seed !== 'bigint' && !(typeof seed === 'number' && Number.isSafeInteger(seed)))
    throw new ArgumentError(`${operation}: expected an integer seed, got ${describe(seed)}`)
  const value = BigInt(seed)
  if (value < -(1n << 63n) || value >= 1n << 64n)
    throw new ArgumentError(`${operation}: expected a seed of 64 bits, got ${value}`)
  return BigInt.asUintN(64, value)
}

/** A state must outlive any scope of `tidy` in which it happens to be made. */
function stateTensor(bytes: number, device: Device): Tensor {
  const { tensors } = scope
  scope.tensors = null
  try {
    return allocate([bytes], 'uint8', device)
  } finally {
    scope.tensors = tensors
  }
}

/** The streams that go with a state on devices that draw for themselves: Philox, a seed and an offset. */
const elsewhere = new WeakMap<Tensor, Map<Device, Tensor>>()
const PHILOX_BYTES = 16

/** Whether a device draws its own numbers; for others, they are drawn on the host. */
export const draws = (device: Device): boolean => device === 'cpu' || isCuda(device)

/** The state with which `device` draws: on CUDA a stream of its own, which starts from the same seed. */
export function stateOn(state: Tensor, device: Device): Tensor {
  if (!isCuda(device)) return state
  const states = elsewhere.get(state) ?? new Map<Device, Tensor>()
  elsewhere.set(state, states)
  let own = states.get(device)
  if (own === undefined) {
    const bytes = new Uint8Array(STATE_BYTES)
    state.storage.read('initialSeed', 0, bytes)
    own = stateTensor(PHILOX_BYTES, device)
    kernels.generatorSeed(own, new DataView(bytes.buffer).getBigInt64(0, true))
    states.set(device, own)
  }
  return own
}

/**
 * A source of random numbers of its own: the Mersenne twister that PyTorch's CPU generators use. On CUDA
 * devices it draws from Philox streams, started with the same seed, that are PyTorch's there.
 *
 * @example
 * ```ts
 * import { Generator, randint } from '@flambeau/core'
 * const g = new Generator().manualSeed(0)
 * console.log(randint(10, [5], { generator: g }).toArray()) // → [ 4, 9, 3, 0, 3 ]
 * ```
 */
export class Generator {
  /** @internal */
  readonly state: Tensor = stateTensor(STATE_BYTES, 'cpu')

  constructor() {
    kernels.generatorSeed(this.state, BigInt.asIntN(64, DEFAULT_SEED))
  }

  /** Starts the stream of `seed`, an integer of up to 64 bits. @returns this generator */
  manualSeed(seed: number | bigint): this {
    kernels.generatorSeed(this.state, BigInt.asIntN(64, checkSeed('manualSeed', seed)))
    elsewhere.delete(this.state)
    return this
  }

  /** Starts a stream that nobody can foresee. @returns its seed */
  seed(): bigint {
    // V8 seeds its own numbers from the system's; loading a cryptographic library for more takes longer than all of this file.
    const half = (): bigint => BigInt(Math.floor(Math.random() * 2 ** 32))
    const seed = (half() << 32n) | half()
    this.manualSeed(seed)
    return seed
  }

  /** The seed that the stream was started with. */
  initialSeed(): bigint {
    return new DataView(this.#bytes().buffer).getBigUint64(0, true)
  }

  /** A copy of the state: uint8, shape [5056], as `torch.Generator.get_state()` gives it. */
  getState(): Tensor {
    return clone(this.state)
  }

  /** A generator that goes on from where this one is, by itself. */
  clone(): Generator {
    return new Generator().setState(this.state)
  }

  /** Goes on from a state. @throws ArgumentError when it is none */
  setState(state: Tensor): this {
    if (!(state instanceof Tensor) || state.dtype !== 'uint8' || state.numel() !== STATE_BYTES)
      throw new ArgumentError(
        `setState: expected a uint8 tensor of ${STATE_BYTES} elements, got ${state instanceof Tensor ? `${state.dtype} of shape ${formatShape(state.shape)}` : describe(state)}`,
      )
    const bytes = state.to('cpu').data() as Uint8Array
    const view = new DataView(bytes.buffer)
    const left = view.getInt32(8, true)
    if (left < 1 || left > 624 || view.getInt32(12, true) !== 1 || view.getBigUint64(16, true) > 624n)
      throw new ArgumentError('setState: the bytes are no state of a Mersenne twister')
    this.state.storage.write('setState', 0, bytes)
    return this
  }

  #bytes(): Uint8Array {
    const bytes = new Uint8Array(STATE_BYTES)
    this.state.storage.read('initialSeed', 0, bytes)
    return bytes
  }
}

/** The generator of every random operator that is not given one. */
export const defaultGenerator: Generator = new Generator()
defaultGenerator.seed()

/** Starts the default generator's stream of `seed`: the numbers that follow are PyTorch's after `torch.manual_seed(seed)`. */
export const manualSeed = (seed: number | bigint): Generator => defaultGenerator.manualSeed(seed)
/** Starts a stream of the default generator that nobody can foresee. @returns its seed */
export const seed = (): bigint => defaultGenerator.seed()
/** The seed of the default generator's stream. */
export const initialSeed = (): bigint => defaultGenerator.initialSeed()
/** A copy of the default generator's state. */
export const getRngState = (): Tensor => defaultGenerator.getState()
/** Sets the default generator's state. */
export const setRngState = (state: Tensor): void => {
  defaultGenerator.setState(state)
}

/** What random operators take. */
export interface RandomOptions extends TensorOptions {
  /** Default: the generator that `manualSeed` seeds. */
  readonly generator?: Generator | null
}
/** What random operators on a tensor take. */
export interface DrawOptions {
  /** Default: the generator that `manualSeed` seeds. */
  readonly generator?: Generator | null
}

/** The state of the generator that is asked for. */
export function stateOf(operation: string, options: DrawOptions | undefined | null): Tensor {
  const generator = options?.generator ?? defaultGenerator
  if (!(generator instanceof Generator))
    throw new ArgumentError(`${operation}: expected a Generator, got ${describe(generator)}`)
  return generator.state
}

/** The codes of native/src/cpu/random.cpp. */
const DISTRIBUTION = {
  uniform: 0,
  normal: 1,
  integers: 2,
  anyInteger: 3,
  bernoulli: 4,
  exponential: 5,
  geometric: 6,
  cauchy: 7,
  logNormal: 8,
} as const
type Distribution = keyof typeof DISTRIBUTION

/** Fills `out`; where a device does not draw for itself, numbers are drawn on the host and moved. */
export function drawInto(out: Tensor, state: Tensor, distribution: Distribution, a: Scalar, b: Scalar): Tensor {
  if (out.storage.meta) return out
  if (!draws(out.device)) {
    const drawn = drawInto(allocate(out.shape, out.dtype, 'cpu'), state, distribution, a, b)
    const bytes = new Uint8Array(drawn.storage.nbytes)
    drawn.storage.read('random', 0, bytes)
    const moved = allocate(out.shape, out.dtype, out.device)
    moved.storage.write('random', 0, bytes)
    kernels.copy(out, moved)
    return out
  }
  // Complex numbers are pairs of independent parts.
  const target = isComplex(out.dtype)
    ? new Tensor(
        out.storage,
        toReal(out.dtype),
        [...out.shape, 2],
        [...out.strides.map((s) => 2 * s), 1],
        2 * out.offset,
      )
    : out
  kernels.randomFill(target, stateOn(state, out.device), DISTRIBUTION[distribution], a, b)
  return out
}
