// What a FLAC file says of itself: its STREAMINFO block. https://www.rfc-editor.org/rfc/rfc9639
import { FormatError } from '@flambeau/core'
import type { AudioMetaData } from './metadata.js'
import type { ByteSource } from './source.js'

export const isFlac = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'fLaC'

/** @param info the 34 bytes of the block */
export function readStreamInfo(name: string, info: Buffer): AudioMetaData {
  if (info.length < 34) throw new FormatError(`${name}: the FLAC stream is truncated: it ends in its header`)
  const sampleRate = info.readUIntBE(10, 3) >> 4
  const numChannels = ((info[12] >> 1) & 7) + 1
  const bitsPerSample = (((info[12] & 1) << 4) | (info[13] >> 4)) + 1
  const numFrames = (info[13] & 0x0f) * 2 ** 32 + info.readUInt32BE(14)
  if (sampleRate === 0) throw new FormatError(`${name}: the FLAC stream is corrupt: its sample rate is 0`)
  return { sampleRate, numChannels, bitsPerSample, numFrames, encoding: 'FLAC' }
}

/** `numFrames` is 0 where the file does not say. */
export async function readFlacHeader(source: ByteSource): Promise<AudioMetaData> {
  const head = await source.read(4, 4)
  if (head.length === 4 && (head[0] & 0x7f) !== 0)
    throw new FormatError(`${source.name}: the FLAC file is corrupt: it does not begin with its STREAMINFO block`)
  return readStreamInfo(source.name, await source.read(8, 34))
}
