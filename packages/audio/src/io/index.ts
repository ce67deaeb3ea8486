// Sound files: what is in them, reading and writing. TorchAudio's `info`, `load` and `save`, without blocking.
import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { ArgumentError, FormatError, Tensor } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { type Container, readCompressed, readCompressedHeader } from './compressed.js'
import { isFlac } from './flac.js'
import type { AudioMetaData, Part } from './metadata.js'
import { isMp3 } from './mp3.js'
import { isOgg } from './ogg.js'
import { ByteSource, type SoundSource } from './source.js'
import { isWav, readWav, readWavHeader } from './wav.js'
import { chooseFormat, type WavEncoding, wavBytes } from './wav-write.js'

export type { AudioMetaData, Encoding } from './metadata.js'
export type { SoundSource } from './source.js'
export type { WavEncoding } from './wav-write.js'

/** The options of `load`. */
export interface LoadOptions {
  /** Frames to leave out at the beginning. Default 0. */
  readonly frameOffset?: number
  /** Frames to read at most; -1, the default, reads all. */
  readonly numFrames?: number
  /**
   * Whether samples become float32 between -1 and 1. Default true. Without, those of integer PCM in WAV stay what they
   * are: uint8, int16 or int32, 24-bit ones in the upper bits of int32. All else is float32 anyway.
   */
  readonly normalize?: boolean
  /** [channels, frames] rather than [frames, channels]. Default true. */
  readonly channelsFirst?: boolean
  /** The most samples that the result may have, over all channels: a small file may hold hours. Default 2²⁹. */
  readonly maxSamples?: number
}

/** The options of `save`. */
export interface SaveOptions {
  /** Whether the waveform is [channels, frames] rather than [frames, channels]. Default true. */
  readonly channelsFirst?: boolean
  /** Default: PCM_U for uint8, PCM_S for int16 and int32, PCM_F for floating point. */
  readonly encoding?: WavEncoding
  /** PCM_S: 16, 24 or 32; PCM_U, ULAW, ALAW: 8; PCM_F: 32 or 64. */
  readonly bitsPerSample?: number
}

const MAX_SAMPLES = 2 ** 29

/** By its contents: names lie. */
async function containerOf(source: ByteSource): Promise<Container | 'wav'> {
  const head = await source.read(0, 8192)
  if (isWav(head)) return 'wav'
  if (isFlac(head)) return 'flac'
  if (isOgg(head)) return 'ogg'
  if (isMp3(head)) return 'mp3'
  const found =
    source.size === 0
      ? 'an empty file'
      : head.toString('latin1', 0, 4) === 'RIFF' && head.length < 12
        ? 'the first bytes of a truncated one'
        : `one that begins with ${head.subarray(0, 12).toString('hex')}`
  throw new FormatError(
    `${source.name}: expected a sound file (WAV, FLAC, Ogg Vorbis, Ogg Opus or MP3), got ${found}; convert it with another program`,
  )
}

/**
 * What a sound file says of itself, without its samples being decoded.
 *
 * @throws FormatError for a file that is damaged or of no known format
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { zeros } from '@flambeau/core'
 * import { io } from '@flambeau/audio'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'silence.wav')
 * await io.save(path, zeros([2, 800]), 8000, { encoding: 'PCM_S', bitsPerSample: 16 })
 * console.log(await io.info(path))
 * // → { sampleRate: 8000, numFrames: 800, numChannels: 2, bitsPerSample: 16, encoding: 'PCM_S' }
 * ```
 */
export function info(source: SoundSource): Promise<AudioMetaData> {
  return ByteSource.with('info', source, async (bytes) => {
    const container = await containerOf(bytes)
    const { sampleRate, numFrames, numChannels, bitsPerSample, encoding } =
      container === 'wav' ? await readWavHeader(bytes) : await readCompressedHeader(bytes, container)
    return { sampleRate, numFrames, numChannels, bitsPerSample, encoding }
  })
}

/**
 * Reads a sound: WAV, FLAC, Ogg (Vorbis, Opus or FLAC) or MP3, told apart by their contents.
 *
 * @returns the waveform, [channels, frames], and its sample rate
 * @throws FormatError for a file that is damaged or of no known format
 * @throws ArgumentError where there is no such file or part, or it has more than `maxSamples` samples
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { tensor } from '@flambeau/core'
 * import { io } from '@flambeau/audio'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'steps.wav')
 * await io.save(path, tensor([[0, 0.25, 0.5, 0.75]]), 16000)
 * const [waveform, sampleRate] = await io.load(path, { frameOffset: 1, numFrames: 2 })
 * console.log(waveform.toArray(), sampleRate) // → [ [ 0.25, 0.5 ] ] 16000
 * ```
 */
export function load(source: SoundSource, options: LoadOptions = {}): Promise<[waveform: Tensor, sampleRate: number]> {
  return ByteSource.with('load', source, async (bytes) => {
    const { frameOffset = 0, numFrames = -1, normalize = true, channelsFirst = true } = options
    const { maxSamples = MAX_SAMPLES } = options
    if (!Number.isInteger(frameOffset) || frameOffset < 0)
      throw new ArgumentError(`load: expected frameOffset to be a whole number ≥ 0, got ${describe(frameOffset)}`)
    if (!Number.isInteger(numFrames) || numFrames < -1)
      throw new ArgumentError(
        `load: expected numFrames to be a whole number ≥ 0, or -1 for all, got ${describe(numFrames)}`,
      )
    const count = numFrames === -1 ? Number.POSITIVE_INFINITY : numFrames
    const part: Part = { frameOffset, numFrames: count, normalize, maxSamples }
    const container = await containerOf(bytes)
    if (container === 'wav') {
      const { frames, sampleRate } = await readWav(bytes, part)
      return [channelsFirst ? frames.t().contiguous() : frames, sampleRate]
    }
    const { channels, sampleRate } = await readCompressed(bytes, container, part)
    return [channelsFirst ? channels : channels.t().contiguous(), sampleRate]
  })
}

/**
 * Writes a WAV file, whole or not at all.
 *
 * @param path ends in .wav
 * @param waveform [channels, frames]: floating point between -1 and 1, where what is louder is clipped by integer
 *   encodings, or uint8, int16, int32
 * @param sampleRate in Hz
 */
export async function save(
  path: string,
  waveform: Tensor,
  sampleRate: number,
  options: SaveOptions = {},
): Promise<void> {
  const { channelsFirst = true, encoding, bitsPerSample } = options
  if (typeof path !== 'string' || !/\.wave?$/i.test(path))
    throw new ArgumentError(
      `save: expected a path that ends in .wav, the format that is written, got ${describe(path)}`,
    )
  if (!(waveform instanceof Tensor) || waveform.ndim !== 2)
    throw new ArgumentError(
      `save: expected a waveform of shape ${channelsFirst ? '[channels, frames]' : '[frames, channels]'}, got ${waveform instanceof Tensor ? formatShape(waveform.shape) : describe(waveform)}`,
    )
  if (!Number.isInteger(sampleRate) || sampleRate < 1 || sampleRate > 0xffffffff)
    throw new ArgumentError(`save: expected sampleRate to be a whole number of Hz ≥ 1, got ${describe(sampleRate)}`)
  const frames = (channelsFirst ? waveform.t() : waveform).detach()
  if (frames.shape[1] < 1 || frames.shape[1] > 0xffff)
    throw new ArgumentError(`save: expected between 1 and 65535 channels, got ${frames.shape[1]}`)
  const format = chooseFormat(frames.dtype, encoding, bitsPerSample)
  const bytes = wavBytes(frames, sampleRate, format)
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await writeFile(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
