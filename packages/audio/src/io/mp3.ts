// What an MP3 file says of itself: every frame has a header, and the first may tell what the encoder added at both ends.
// ISO/IEC 11172-3, 13818-3; http://gabriel.mp3-tech.org/mp3infotag.html
import { FormatError } from '@flambeau/core'
import type { AudioMetaData } from './metadata.js'

interface Frame {
  /** In bytes. */
  readonly size: number
  readonly samples: number
  readonly sampleRate: number
  readonly channels: number
  /** Bytes between the header and the end of the side information, where an Info tag begins. */
  readonly tag: number
}

const RATES = [44100, 48000, 32000]
/** kbit/s by index, of MPEG-1 layers I, II and III, and of MPEG-2 layers I and II or III. */
const BITRATES = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
]

/** The frame whose header is at `at`, or null. Free-format ones, which nobody makes, are not known. */
function frameAt(bytes: Buffer, at: number): Frame | null {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1] & 0xe0) !== 0xe0) return null
  const version = (bytes[at + 1] >> 3) & 3
  const layer = 4 - ((bytes[at + 1] >> 1) & 3)
  const bitrateIndex = bytes[at + 2] >> 4
  const rateIndex = (bytes[at + 2] >> 2) & 3
  if (version === 1 || layer === 4 || bitrateIndex === 0 || bitrateIndex === 15 || rateIndex === 3) return null
  const first = version === 3
  const bitrate = BITRATES[first ? layer - 1 : layer === 1 ? 3 : 4][bitrateIndex] * 1000
  const sampleRate = RATES[rateIndex] >> (first ? 0 : version === 2 ? 1 : 2)
  const padding = (bytes[at + 2] >> 1) & 1
  const samples = layer === 1 ? 384 : layer === 2 || first ? 1152 : 576
  const size =
    layer === 1
      ? (Math.floor((12 * bitrate) / sampleRate) + padding) * 4
      : Math.floor((samples / 8) * (bitrate / sampleRate)) + padding
  const channels = bytes[at + 3] >> 6 === 3 ? 1 : 2
  const tag = 4 + (first ? (channels === 1 ? 17 : 32) : channels === 1 ? 9 : 17)
  return { size, samples, sampleRate, channels, tag }
}

/** Where the first frame begins: after an ID3v2 tag. */
function beginning(bytes: Buffer): number {
  if (bytes.toString('latin1', 0, 3) !== 'ID3' || bytes.length < 10) return 0
  const size = [6, 7, 8, 9].reduce((n, at) => (n << 7) | (bytes[at] & 0x7f), 0)
  return 10 + size + (bytes[5] & 0x10 ? 10 : 0)
}

/** @param head the first bytes: a tag, or one frame right behind another */
export function isMp3(head: Buffer): boolean {
  if (head.toString('latin1', 0, 3) === 'ID3') return true
  const frame = frameAt(head, 0)
  return frame !== null && (head.length < frame.size + 4 || frameAt(head, frame.size) !== null)
}

/** What may follow the last frame: tags, or padding. */
const isTrailer = (bytes: Buffer, at: number): boolean =>
  ['TAG', 'APE', 'LYR', '3DI', 'ID3'].includes(bytes.toString('latin1', at, at + 3)) ||
  bytes.subarray(at).every((byte) => byte === 0)

/** Walks all frames. `numFrames` leaves out what the encoder says that it added. */
export function readMp3Header(name: string, bytes: Buffer): AudioMetaData {
  const start = beginning(bytes)
  const first = frameAt(bytes, start)
  if (first === null) {
    if (start >= bytes.length) throw new FormatError(`${name}: the MP3 file is truncated: it ends in its tag`)
    throw new FormatError(`${name}: the MP3 file is corrupt: expected a frame at byte ${start}`)
  }
  let samples = 0
  let added = 0
  let frames = 0
  let promised: number | null = null
  for (let at = start; at < bytes.length; ) {
    const frame = frameAt(bytes, at)
    if (frame === null) {
      if (isTrailer(bytes, at)) break
      throw new FormatError(`${name}: the MP3 file is corrupt: expected a frame at byte ${at}`)
    }
    if (at + frame.size > bytes.length)
      throw new FormatError(`${name}: the MP3 file is truncated: its last frame, at byte ${at}, is not whole`)
    const tag = at === start ? infoTag(bytes.subarray(at, at + frame.size), frame.tag) : null
    if (tag === null) {
      samples += frame.samples
      frames++
    } else {
      added = tag.added
      promised = tag.frames
    }
    at += frame.size
  }
  if (promised !== null && frames < promised)
    throw new FormatError(`${name}: the MP3 file is truncated: expected ${promised} frames, got ${frames}`)
  const { sampleRate, channels } = first
  return {
    sampleRate,
    numChannels: channels,
    numFrames: Math.max(0, samples - added),
    bitsPerSample: 0,
    encoding: 'MP3',
  }
}

/** The Info (or Xing) tag, which is a frame of its own without sound. */
function infoTag(frame: Buffer, at: number): { added: number; frames: number | null } | null {
  const name = frame.toString('latin1', at, at + 4)
  if ((name !== 'Info' && name !== 'Xing') || frame.length < at + 8) return null
  const flags = frame.readUInt32BE(at + 4)
  let place = at + 8
  const frames = flags & 1 && place + 4 <= frame.length ? frame.readUInt32BE(place) : null
  place += (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0)
  // LAME's part: nine bytes of its name, and 12 bits each for the samples before and after.
  if (place + 24 > frame.length || !/^[A-Z]/.test(frame.toString('latin1', place, place + 1)))
    return { added: 0, frames }
  const delays = frame.readUIntBE(place + 21, 3)
  return { added: (delays >> 12) + (delays & 0xfff), frames }
}
