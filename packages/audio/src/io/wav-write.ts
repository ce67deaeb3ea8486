// Writing WAV.
import { ArgumentError, type DType, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { compress } from './companding.js'

/** What WAV files are written as. */
export type WavEncoding = 'PCM_S' | 'PCM_U' | 'PCM_F' | 'ULAW' | 'ALAW'

export interface WavFormat {
  readonly encoding: WavEncoding
  readonly bitsPerSample: number
}

/** Widths by encoding, the default first. */
const WIDTHS: Readonly<Record<WavEncoding, readonly number[]>> = {
  PCM_S: [16, 24, 32],
  PCM_U: [8],
  PCM_F: [32, 64],
  ULAW: [8],
  ALAW: [8],
}
const CODES: Readonly<Record<WavEncoding, number>> = { PCM_S: 1, PCM_U: 1, PCM_F: 3, ALAW: 6, ULAW: 7 }

/** As what a tensor is written where nothing is said. */
const NATURAL: Partial<Record<DType, WavFormat>> = {
  uint8: { encoding: 'PCM_U', bitsPerSample: 8 },
  int16: { encoding: 'PCM_S', bitsPerSample: 16 },
  int32: { encoding: 'PCM_S', bitsPerSample: 32 },
  float32: { encoding: 'PCM_F', bitsPerSample: 32 },
  float64: { encoding: 'PCM_F', bitsPerSample: 64 },
}

/** The format for a dtype and what was asked for. */
export function chooseFormat(dtype: DType, encoding?: WavEncoding, bitsPerSample?: number): WavFormat {
  const natural = NATURAL[dtype]
  if (natural === undefined)
    throw new ArgumentError(
      `save: expected a waveform of ${Object.keys(NATURAL).join(', ')}, got ${dtype}; convert it with to()`,
    )
  if (encoding === undefined) {
    if (bitsPerSample === undefined) return natural
    // TorchAudio's choice: 8 bits are unsigned, all others signed.
    return chooseFormat(dtype, bitsPerSample === 8 ? 'PCM_U' : 'PCM_S', bitsPerSample)
  }
  const widths: readonly number[] | undefined = WIDTHS[encoding]
  if (widths === undefined)
    throw new ArgumentError(
      `save: expected encoding to be one of ${Object.keys(WIDTHS).join(', ')}, got ${describe(encoding)}`,
    )
  const bits = bitsPerSample ?? widths[0]
  if (!widths.includes(bits))
    throw new ArgumentError(
      `save: expected bitsPerSample ${widths.join(', ')} for encoding ${encoding}, got ${describe(bitsPerSample)}`,
    )
  return { encoding, bitsPerSample: bits }
}

/** Samples of any dtype as floating-point numbers between -1 and 1. */
function unit(frames: Tensor): Tensor {
  switch (frames.dtype) {
    case 'uint8':
      return frames
        .to('float64')
        .sub(128)
        .div(2 ** 7)
    case 'int16':
      return frames.to('float64').div(2 ** 15)
    case 'int32':
      return frames.to('float64').div(2 ** 31)
    default:
      return frames.to('float64')
  }
}

/** Rounded to integers of `bits` bits; what is louder than they can say is clipped, and NaN is silence. */
const quantize = (frames: Tensor, bits: number): Tensor =>
  unit(frames)
    .mul(2 ** (bits - 1))
    .add(0.5)
    .floor()
    .nanToNum({ nan: 0, posinf: 2 ** 31, neginf: -(2 ** 31) })
    .clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

function encode(frames: Tensor, { encoding, bitsPerSample }: WavFormat): Buffer {
  const bytesOf = (t: Tensor): Buffer => {
    const data = t.contiguous().data()
    if (Array.isArray(data) || !ArrayBuffer.isView(data)) throw new ArgumentError('save: expected plain samples')
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  }
  const natural = NATURAL[frames.dtype]
  if (natural?.encoding === encoding && natural.bitsPerSample === bitsPerSample) return bytesOf(frames)
  if (encoding === 'PCM_F') return bytesOf(unit(frames).to(bitsPerSample === 32 ? 'float32' : 'float64'))
  if (encoding === 'PCM_U') return bytesOf(quantize(frames, 8).add(128).to('uint8'))
  if (encoding === 'ULAW' || encoding === 'ALAW') {
    const bytes = bytesOf(quantize(frames, 16).to('int16'))
    const codes = compress(encoding, new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2))
    return Buffer.from(codes.buffer)
  }
  const samples = quantize(frames, bitsPerSample)
  if (bitsPerSample === 16) return bytesOf(samples.to('int16'))
  const wide = bytesOf(samples.to('int32'))
  if (bitsPerSample === 32) return wide
  const out = Buffer.alloc((wide.length / 4) * 3)
  for (let i = 0; i < out.length / 3; i++) wide.copy(out, i * 3, i * 4, i * 4 + 3)
  return out
}

/** A whole WAV file. @param frames [frames, channels] */
export function wavBytes(frames: Tensor, sampleRate: number, format: WavFormat): Buffer {
  const [, channels] = frames.shape
  const samples = encode(frames, format)
  const block = (channels * format.bitsPerSample) / 8
  const plain = format.encoding === 'PCM_S' || format.encoding === 'PCM_U'
  // What is not integer PCM has an extension size in its header, and says how many frames there are.
  const fmt = Buffer.alloc(plain ? 24 : 26)
  fmt.write('fmt ', 'latin1')
  fmt.writeUInt32LE(fmt.length - 8, 4)
  fmt.writeUInt16LE(CODES[format.encoding], 8)
  fmt.writeUInt16LE(channels, 10)
  fmt.writeUInt32LE(sampleRate, 12)
  fmt.writeUInt32LE(sampleRate * block, 16)
  fmt.writeUInt16LE(block, 20)
  fmt.writeUInt16LE(format.bitsPerSample, 22)
  const fact = Buffer.alloc(plain ? 0 : 12)
  if (!plain) {
    fact.write('fact', 'latin1')
    fact.writeUInt32LE(4, 4)
    fact.writeUInt32LE(frames.shape[0], 8)
  }
  const head = Buffer.alloc(8)
  head.write('data', 'latin1')
  head.writeUInt32LE(samples.length, 4)
  const pad = Buffer.alloc(samples.length % 2)
  const body = [fmt, fact, head, samples, pad]
  const riff = Buffer.alloc(12)
  const size = body.reduce((n, part) => n + part.length, 4)
  if (size > 0xffffffff)
    throw new ArgumentError(`save: expected at most 4 GiB for a WAV file, got ${size} bytes; write several files`)
  riff.write('RIFF', 'latin1')
  riff.writeUInt32LE(size, 4)
  riff.write('WAVE', 8, 'latin1')
  return Buffer.concat([riff, ...body])
}
