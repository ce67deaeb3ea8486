// JPEG images by libjpeg-turbo itself, where core's native library was built with it: the pixels are sharp's to the bit,
// in less than half of the time.
import type { Tensor } from '@flambeau/core'
import { filledBytes, loadBeside } from '@flambeau/core/addons'

/** native/src/jpeg/addon.cpp */
interface Addon {
  /** Undefined for what it cannot decode: damaged images, and those of four inks. */
  header(bytes: Uint8Array): readonly [width: number, height: number, channels: number] | undefined
  decode(bytes: Uint8Array, pixels: Uint8Array, gray: boolean, done: (good: boolean) => void): void
}

let addon: Addon | null | undefined

function turbo(): Addon | null {
  addon ??= (loadBeside('flambeau_jpeg.node') as Addon | undefined) ?? null
  return addon
}

/** What decodes JPEG images: libjpeg-turbo by itself, or as a part of sharp. The pixels are the same. */
export const jpegDecoder = (): 'libjpeg-turbo' | 'sharp' => (turbo() === null ? 'sharp' : 'libjpeg-turbo')

/**
 * Decodes on a thread of libuv's pool. Null for what libjpeg-turbo alone does not decode without a warning, or where it
 * is not there: sharp then knows what to do, or to say.
 *
 * @param channels 1 for gray images alone; those and others in 3; or null, as many as there are
 * @param fits whether an image of that size is to be decoded
 * @returns [H, W, C]
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  channels: 1 | 3 | null,
  fits: (width: number, height: number) => boolean,
): Promise<Tensor | null> {
  const decoder = turbo()
  const header = decoder?.header(bytes)
  if (!decoder || header === undefined) return null
  const [width, height, own] = header
  const wanted = channels ?? own
  if ((wanted === 1 && own !== 1) || !fits(width, height)) return null
  return filledBytes(
    [height, width, wanted],
    (pixels) => new Promise((resolve) => decoder.decode(bytes, pixels, wanted === 1, resolve)),
  )
}
