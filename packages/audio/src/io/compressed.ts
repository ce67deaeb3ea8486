// FLAC, Ogg and MP3, decoded by WebAssembly builds of the codecs' own libraries.

import { FlambeauError, FormatError, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis'
import { MPEGDecoder } from 'mpg123-decoder'
import { OggOpusDecoder } from 'ogg-opus-decoder'
import { readFlacHeader } from './flac.js'
import type { AudioMetaData, Encoding, Part } from './metadata.js'
import { readMp3Header } from './mp3.js'
import { readOggHeader } from './ogg.js'
import { checkSamples, clipRange } from './range.js'
import type { ByteSource } from './source.js'

interface Decoded {
  readonly channelData: Float32Array[]
  readonly samplesDecoded: number
  readonly sampleRate: number
  readonly errors: readonly { readonly message: string }[]
}

/** What the four decoders have in common. */
interface Decoder {
  readonly ready: Promise<void>
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>
  flush?(): Promise<Decoded>
  free(): void
}

const DECODERS: Readonly<Record<'FLAC' | 'VORBIS' | 'OPUS' | 'MP3', () => Decoder>> = {
  FLAC: () => new FLACDecoder(),
  VORBIS: () => new OggVorbisDecoder(),
  OPUS: () => new OggOpusDecoder(),
  MP3: () => new MPEGDecoder({ enableGapless: true }),
}

/** Bytes a call: small, so that a few bytes of silence that become minutes are noticed in time. */
const STEP = 1 << 16

export type Container = 'flac' | 'ogg' | 'mp3'

/** What the file says of itself. Ogg and MP3 files are walked through for their length. */
export async function readCompressedHeader(source: ByteSource, container: Container): Promise<AudioMetaData> {
  if (container === 'flac') return readFlacHeader(source)
  const bytes = await source.readAll()
  return container === 'ogg' ? readOggHeader(source.name, bytes) : readMp3Header(source.name, bytes)
}

/** @returns [channels, frames] */
export async function readCompressed(
  source: ByteSource,
  container: Container,
  part: Part,
): Promise<{ channels: Tensor; sampleRate: number }> {
  const header = await readCompressedHeader(source, container)
  const { bitsPerSample, encoding, numChannels, numFrames, sampleRate } = header
  // A stream of FLAC need not know its length.
  const known = numFrames > 0 || container !== 'flac'
  const [first, count] = clipRange(source.name, known ? header : { ...header, numFrames: Number.MAX_SAFE_INTEGER }, {
    ...part,
    maxSamples: known ? part.maxSamples : Number.POSITIVE_INFINITY,
  })
  const sound = await decode(source, encoding, { ...part, frameOffset: first, numFrames: count })
  if (known && sound.length < count)
    throw new FormatError(
      `${source.name}: the ${encoding} stream is truncated or corrupt: expected ${first + count} frames, got ${first + sound.length}; get the file again`,
    )
  if (sound.length > 0 && (sound.sampleRate !== sampleRate || sound.channels.length !== numChannels))
    throw new FormatError(
      `${source.name}: the ${encoding} stream is corrupt: its header says ${numChannels} channels at ${sampleRate} Hz, its sound has ${sound.channels.length} at ${sound.sampleRate}`,
    )
  if (encoding === 'FLAC') for (const channel of sound.channels) rescale(channel, bitsPerSample)
  const channels =
    sound.length === 0
      ? zeros([numChannels, 0])
      : stack(
          sound.channels.map((c) => tensor(c)),
          0,
        )
  return { channels, sampleRate }
}

/** The decoder divides integers by the largest one; everybody else divides by one more. */
function rescale(channel: Float32Array, bits: number): void {
  const full = 2 ** (bits - 1)
  for (let i = 0; i < channel.length; i++) channel[i] = Math.round(channel[i] * (full - 1)) / full
}

/** Decodes until the wanted part is there. */
async function decode(source: ByteSource, encoding: Encoding, part: Part) {
  const { name } = source
  const bytes = await source.readAll()
  const make = DECODERS[encoding as keyof typeof DECODERS]
  const decoder = make()
  const end = part.frameOffset + part.numFrames
  const kept: Float32Array[][] = []
  let sampleRate = 0
  let position = 0
  const take = ({ channelData, samplesDecoded, sampleRate: rate, errors }: Decoded): void => {
    if (errors.length > 0) throw new FormatError(`${name}: the ${encoding} stream is corrupt: ${errors[0].message}`)
    if (samplesDecoded === 0) return
    sampleRate = rate
    const from = Math.max(0, part.frameOffset - position)
    const to = Math.min(samplesDecoded, end - position)
    if (from < to) {
      if (kept.length > 0 && kept[0].length !== channelData.length)
        throw new FormatError(`${name}: the ${encoding} stream is corrupt: its number of channels changes`)
      // A copy: the decoder's buffer lives on in the memory of its WebAssembly.
      kept.push(channelData.map((channel) => channel.slice(from, to)))
      checkSamples(name, (Math.min(position + samplesDecoded, end) - part.frameOffset) * channelData.length, part)
    }
    position += samplesDecoded
  }
  try {
    await decoder.ready
    for (let at = 0; at < bytes.length && position < end; at += STEP)
      take(await decoder.decode(bytes.subarray(at, at + STEP)))
    if (position < end && decoder.flush !== undefined) take(await decoder.flush())
  } catch (error) {
    if (error instanceof FlambeauError) throw error
    throw new FormatError(`${name}: the ${encoding} stream is corrupt: ${(error as Error).message}`, { cause: error })
  } finally {
    decoder.free()
  }
  const length = kept.reduce((n, [channel]) => n + channel.length, 0)
  const channels = (kept[0] ?? []).map((_, c) => {
    const out = new Float32Array(length)
    let at = 0
    for (const piece of kept) {
      out.set(piece[c], at)
      at += piece[c].length
    }
    return out
  })
  return { channels, length, sampleRate }
}
