// Reading WAV: RIFF and RF64, integer and floating-point PCM of all widths, A-law, µ-law, and the extensible header.
// http://soundfile.sapp.org/doc/WaveFormat, EBU Tech 3306 (RF64)
import { FormatError, type Tensor, tensor } from '@flambeau/core'
import { expand } from './companding.js'
import type { AudioMetaData, Encoding, Part } from './metadata.js'
import { clipRange } from './range.js'
import type { ByteSource } from './source.js'

interface WavHeader extends AudioMetaData {
  /** Where the samples begin. */
  readonly start: number
}

const PCM = 1
const FLOAT = 3
const ALAW = 6
const ULAW = 7
const EXTENSIBLE = 0xfffe
/** A real file has a dozen chunks. */
const MAX_CHUNKS = 4096
const UNKNOWN_SIZE = 0xffffffff

export const isWav = (head: Buffer): boolean =>
  head.length >= 12 &&
  ['RIFF', 'RF64'].includes(head.toString('latin1', 0, 4)) &&
  head.toString('latin1', 8, 12) === 'WAVE'

function encodingOf(name: string, format: number, bits: number): Encoding {
  if (format === PCM && [16, 24, 32].includes(bits)) return 'PCM_S'
  if (format === PCM && bits === 8) return 'PCM_U'
  if (format === FLOAT && (bits === 32 || bits === 64)) return 'PCM_F'
  if (format === ALAW && bits === 8) return 'ALAW'
  if (format === ULAW && bits === 8) return 'ULAW'
  throw new FormatError(
    `${name}: expected a WAV file of 8, 16, 24 or 32-bit PCM, 32 or 64-bit floating point, A-law or µ-law, got format 0x${format.toString(16)} with ${bits} bits; convert it with another program`,
  )
}

export async function readWavHeader(source: ByteSource): Promise<WavHeader> {
  const { name, size } = source
  const corrupt = (what: string): FormatError => new FormatError(`${name}: the WAV file is corrupt: ${what}`)
  const cut = (what: string): FormatError => new FormatError(`${name}: the WAV file is truncated: ${what}`)
  let format: { numChannels: number; sampleRate: number; blockSize: number; bits: number; encoding: Encoding } | null =
    null
  let wideSize: number | null = null
  let position = 12
  for (let chunks = 0; ; chunks++) {
    if (chunks === MAX_CHUNKS) throw corrupt(`its first ${MAX_CHUNKS} chunks have no samples`)
    const head = await source.read(position, 8)
    if (head.length < 8) throw cut(`it ends before its samples, at byte ${size}`)
    const id = head.toString('latin1', 0, 4)
    const length = head.readUInt32LE(4)
    position += 8
    if (id === 'ds64') {
      const body = await source.read(position, 16)
      if (body.length < 16) throw cut('it ends in its sizes')
      wideSize = Number(body.readBigUInt64LE(8))
    } else if (id === 'fmt ') {
      const body = await source.read(position, Math.min(length, 40))
      if (body.length < Math.min(length, 40)) throw cut('it ends in its header')
      if (body.length < 16) throw corrupt(`its header has ${length} bytes; expected at least 16`)
      let code = body.readUInt16LE(0)
      const numChannels = body.readUInt16LE(2)
      const sampleRate = body.readUInt32LE(4)
      const blockSize = body.readUInt16LE(12)
      const bits = body.readUInt16LE(14)
      if (code === EXTENSIBLE) {
        if (body.length < 26) throw corrupt('its extensible header has no format')
        code = body.readUInt16LE(24)
      }
      if (numChannels === 0) throw corrupt('it has no channels')
      if (sampleRate === 0) throw corrupt('its sample rate is 0')
      const encoding = encodingOf(name, code, bits)
      if (blockSize !== (numChannels * bits) / 8)
        throw corrupt(`a frame of ${numChannels} channels of ${bits} bits cannot have ${blockSize} bytes`)
      format = { numChannels, sampleRate, blockSize, bits, encoding }
    } else if (id === 'data') {
      if (format === null) throw corrupt('its samples come before its header')
      const unknown = length === UNKNOWN_SIZE
      const bytes = unknown ? (wideSize ?? size - position) : length
      if (bytes > size - position)
        throw cut(`expected ${bytes} bytes of samples, got ${size - position}; get the file again`)
      const { numChannels, sampleRate, blockSize, bits, encoding } = format
      const numFrames = Math.floor(bytes / blockSize)
      return { sampleRate, numChannels, numFrames, bitsPerSample: bits, encoding, start: position }
    }
    position += length + (length % 2)
  }
}

/** A copy of the bytes, aligned for a typed array. */
const aligned = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer

/** 24-bit samples as 32-bit ones with eight zero bits below. */
function widen(bytes: Buffer): Int32Array {
  const out = new Int32Array(bytes.length / 3)
  for (let i = 0, at = 0; i < out.length; i++, at += 3)
    out[i] = (bytes[at] << 8) | (bytes[at + 1] << 16) | (bytes[at + 2] << 24)
  return out
}

/** Samples in the file's order, and what 1 is among them. */
function samplesOf(bytes: Buffer, { encoding, bitsPerSample }: WavHeader): { values: Tensor; scale: number } {
  if (encoding === 'ULAW' || encoding === 'ALAW') return { values: tensor(expand(encoding, bytes)), scale: 2 ** 15 }
  if (encoding === 'PCM_U') return { values: tensor(new Uint8Array(bytes)), scale: 2 ** 7 }
  if (encoding === 'PCM_F')
    return {
      values: tensor(bitsPerSample === 32 ? new Float32Array(aligned(bytes)) : new Float64Array(aligned(bytes))),
      scale: 1,
    }
  if (bitsPerSample === 16) return { values: tensor(new Int16Array(aligned(bytes))), scale: 2 ** 15 }
  return {
    values: tensor(bitsPerSample === 24 ? widen(bytes) : new Int32Array(aligned(bytes))),
    scale: 2 ** 31,
  }
}

/** @returns [frames, channels] */
export async function readWav(source: ByteSource, part: Part): Promise<{ frames: Tensor; sampleRate: number }> {
  const header = await readWavHeader(source)
  const { start, bitsPerSample, numChannels, sampleRate, encoding } = header
  const [first, count] = clipRange(source.name, header, part)
  const size = (bitsPerSample / 8) * numChannels
  const bytes = await source.read(start + first * size, count * size)
  const { values, scale } = samplesOf(bytes, header)
  const shaped = values.reshape([count, numChannels])
  const integer = encoding === 'PCM_S' || encoding === 'PCM_U'
  if (integer && !part.normalize) return { frames: shaped, sampleRate }
  // In double precision, since float32 has no room for 32 bits.
  const wide = bitsPerSample === 32 && integer
  const floats = shaped.to(wide ? 'float64' : 'float32')
  const frames = encoding === 'PCM_U' ? floats.sub(128).div(scale) : scale === 1 ? floats : floats.div(scale)
  return { frames: frames.to('float32'), sampleRate }
}
