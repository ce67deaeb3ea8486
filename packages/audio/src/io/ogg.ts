// What an Ogg file says of itself: the codec in its first page, the length in its last. RFC 3533, RFC 7845 (Opus)
import { FormatError } from '@flambeau/core'
import { readStreamInfo } from './flac.js'
import type { AudioMetaData, Encoding } from './metadata.js'

export const isOgg = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'OggS'

const END = 4
/** A granule position of a page on which no packet ends. */
const NO_POSITION = 0xffffffffffffffffn

interface Pages {
  /** The first packet. */
  readonly first: Buffer
  /** The granule position of the last page: what is played until there. */
  readonly last: number
}

/** Walks all pages. */
function readPages(name: string, bytes: Buffer): Pages {
  let first: Buffer | null = null
  let serial = 0
  let last = 0n
  let ended = false
  for (let at = 0; at < bytes.length && !ended; ) {
    if (bytes.length - at >= 4 && !isOgg(bytes.subarray(at, at + 4)))
      throw new FormatError(`${name}: the Ogg file is corrupt: expected a page at byte ${at}`)
    const segments = bytes.length - at >= 27 ? bytes[at + 26] : 0
    const body = at + 27 + segments
    const end = body > bytes.length ? body : bytes.subarray(at + 27, body).reduce((sum, n) => sum + n, body)
    if (bytes.length - at < 27 || end > bytes.length)
      throw new FormatError(`${name}: the Ogg file is truncated: its last page begins at byte ${at} and is not whole`)
    const from = bytes.readUInt32LE(at + 14)
    if (first === null) {
      serial = from
      first = bytes.subarray(body, end)
    } else if (bytes[at + 5] & 2 && from === serial)
      throw new FormatError(`${name}: expected one sound in the Ogg file, got several, one after another; split it`)
    if (from === serial) {
      const position = bytes.readBigUInt64LE(at + 6)
      if (position !== NO_POSITION) last = position
      ended = (bytes[at + 5] & END) !== 0
    }
    at = end
  }
  if (!ended) throw new FormatError(`${name}: the Ogg file is truncated: no page is marked as its end`)
  return { first: first ?? Buffer.alloc(0), last: Number(last) }
}

/** @returns what the file says; Opus is always played at 48 kHz */
export function readOggHeader(name: string, bytes: Buffer): AudioMetaData {
  const { first, last } = readPages(name, bytes)
  const meta = (encoding: Encoding, sampleRate: number, numChannels: number, numFrames: number): AudioMetaData => {
    if (sampleRate === 0) throw new FormatError(`${name}: the Ogg file is corrupt: its sample rate is 0`)
    if (numChannels === 0) throw new FormatError(`${name}: the Ogg file is corrupt: it has no channels`)
    return { sampleRate, numChannels, numFrames, bitsPerSample: 0, encoding }
  }
  if (first.toString('latin1', 0, 8) === 'OpusHead' && first.length >= 19)
    return meta('OPUS', 48000, first[9], Math.max(0, last - first.readUInt16LE(10)))
  if (first.toString('latin1', 0, 7) === '\x01vorbis' && first.length >= 30)
    return meta('VORBIS', first.readUInt32LE(12), first[11], last)
  if (first.toString('latin1', 0, 5) === '\x7fFLAC' && first.length >= 51) {
    const info = readStreamInfo(name, first.subarray(17))
    return { ...info, numFrames: info.numFrames || last }
  }
  throw new FormatError(
    `${name}: expected Vorbis, Opus or FLAC in the Ogg file, got a stream that begins with ${first.subarray(0, 8).toString('hex') || 'nothing'}`,
  )
}
