// Writing images.
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { ArgumentError, Tensor } from '@flambeau/core'
import type { Sharp } from 'sharp'
import { codec } from './codec.js'
import { formatOfName, type ImageFormat } from './formats.js'

/** Options of lossy formats. */
export interface QualityOptions {
  /** From 1 to 100. Default 75 (AVIF: 50). */
  readonly quality?: number
}

/** Options of `encodePng`. */
export interface PngOptions {
  /** From 0 (fast) to 9 (small). Default 6. */
  readonly compressionLevel?: number
}

/** Options of `encodeImage`: those of its format. */
export type EncodeOptions = QualityOptions & PngOptions

async function begin(operation: string, image: Tensor): Promise<Sharp> {
  if (
    !(image instanceof Tensor) ||
    image.dtype !== 'uint8' ||
    image.ndim !== 3 ||
    image.shape[0] < 1 ||
    image.shape[0] > 4 ||
    image.numel() === 0
  )
    throw new ArgumentError(
      `${operation}: expected a uint8 image [C, H, W] with 1 to 4 channels, got ${image instanceof Tensor ? `${image.dtype} [${image.shape.join(', ')}]` : typeof image}`,
    )
  const [channels, height, width] = image.shape
  const pixels = image.to('cpu').permute([1, 2, 0]).contiguous().data() as Uint8Array
  const sharp = await codec()
  const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 }
  const source = sharp(Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength), { raw })
  return channels < 3 ? source.toColourspace('b-w') : source
}

function within(operation: string, name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new ArgumentError(`${operation}: expected an integer from ${low} to ${high} for ${name}, got ${value}`)
  return value
}

const bytesOf = async (image: Sharp): Promise<Uint8Array> => {
  const buffer = await image.toBuffer()
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

/** Encodes an image as PNG. @param image uint8, [C, H, W], C being 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) */
export async function encodePng(image: Tensor, { compressionLevel = 6 }: PngOptions = {}): Promise<Uint8Array> {
  within('encodePng', 'compressionLevel', compressionLevel, 0, 9)
  return bytesOf((await begin('encodePng', image)).png({ compressionLevel }))
}

/** Encodes an image as JPEG. @param image uint8, [1 or 3, H, W] */
export async function encodeJpeg(image: Tensor, { quality = 75 }: QualityOptions = {}): Promise<Uint8Array> {
  within('encodeJpeg', 'quality', quality, 1, 100)
  if (image.ndim === 3 && image.shape[0] % 2 === 0)
    throw new ArgumentError(`encodeJpeg: expected 1 or 3 channels, since JPEG has no alpha, got ${image.shape[0]}`)
  return bytesOf((await begin('encodeJpeg', image)).jpeg({ quality }))
}

/** Encodes an image in a format. @param image uint8, [C, H, W] */
export async function encodeImage(
  image: Tensor,
  format: ImageFormat,
  options: EncodeOptions = {},
): Promise<Uint8Array> {
  const quality = options.quality ?? (format === 'avif' ? 50 : 75)
  switch (format) {
    case 'png':
      return encodePng(image, options)
    case 'jpeg':
      return encodeJpeg(image, options)
    case 'webp':
      return bytesOf(
        (await begin('encodeImage', image)).webp({ quality: within('encodeImage', 'quality', quality, 1, 100) }),
      )
    case 'avif':
      return bytesOf(
        (await begin('encodeImage', image)).avif({ quality: within('encodeImage', 'quality', quality, 1, 100) }),
      )
    case 'gif':
      return bytesOf((await begin('encodeImage', image)).gif())
    case 'tiff':
      return bytesOf((await begin('encodeImage', image)).tiff({ compression: 'deflate' }))
    default:
      throw new ArgumentError(
        `encodeImage: expected format 'png', 'jpeg', 'webp', 'avif', 'gif' or 'tiff', got '${format satisfies never}'`,
      )
  }
}

/** Writes an image in the format that the file's name ends in. The file appears whole or not at all. */
export async function writeImage(path: string, image: Tensor, options: EncodeOptions = {}): Promise<void> {
  const format = formatOfName(path)
  if (format === null)
    throw new ArgumentError(
      `writeImage: expected a name that ends in .png, .jpg, .webp, .avif, .gif or .tiff, got '${path}'`,
    )
  await writeWhole(path, await encodeImage(image, format, options))
}

/** Writes a PNG file. @see encodePng */
export async function writePng(path: string, image: Tensor, options: PngOptions = {}): Promise<void> {
  await writeWhole(path, await encodePng(image, options))
}

/** Writes a JPEG file. @see encodeJpeg */
export async function writeJpeg(path: string, image: Tensor, options: QualityOptions = {}): Promise<void> {
  await writeWhole(path, await encodeJpeg(image, options))
}

/** Writes beside `path` and renames once all is on the disk. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
