import { ArgumentError } from '@flambeau/core'
import type { AudioMetaData, Part } from './metadata.js'

/** Refuses sounds that would not fit into memory. */
export function checkSamples(name: string, samples: number, { maxSamples }: Part): void {
  if (samples > maxSamples)
    throw new ArgumentError(
      `load: expected at most maxSamples ${maxSamples} samples of ${name}, got ${samples}; read parts of it with frameOffset and numFrames, or raise maxSamples`,
    )
}

/** The wanted part of what there is. @returns its first frame and how many they are */
export function clipRange(
  name: string,
  { numFrames: total, numChannels }: AudioMetaData,
  part: Part,
): [first: number, count: number] {
  if (part.frameOffset > total)
    throw new ArgumentError(
      `load: expected frameOffset of at most ${total}, the frames of ${name}, got ${part.frameOffset}`,
    )
  const count = Math.min(part.numFrames, total - part.frameOffset)
  checkSamples(name, count * numChannels, part)
  return [part.frameOffset, count]
}
