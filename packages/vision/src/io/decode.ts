// Reading images.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { ArgumentError, data, FormatError, Tensor, tensor } from '@flambeau/core'
import type { Metadata, Sharp } from 'sharp'
import { codec, reasonOf } from './codec.js'
import { showBeginning, sniffFormat } from './formats.js'
import { decodeJpeg } from './jpeg.js'

/** Which channels a decoded image has; TorchVision's `ImageReadMode`. */
export type ImageReadMode = 'unchanged' | 'gray' | 'gray_alpha' | 'rgb' | 'rgb_alpha'

const CHANNELS: Readonly<Record<Exclude<ImageReadMode, 'unchanged'>, number>> = {
  gray: 1,
  gray_alpha: 2,
  rgb: 3,
  rgb_alpha: 4,
}

/** The options of `decodeImage` and `readImage`. */
export interface DecodeOptions {
  /** The channels of the result; 'unchanged' (default) keeps those of the file. */
  readonly mode?: ImageReadMode
  /** Turn the image as its EXIF orientation says. Default false, as TorchVision's. */
  readonly applyExifOrientation?: boolean
  /** The most pixels, of all frames together, that are decoded. Default 2²⁸, about 268 million. */
  readonly maxPixels?: number
  /** Every frame of an animation, as [N, C, H, W]; otherwise the first alone. Default false. */
  readonly animated?: boolean
}

const MAX_PIXELS = 2 ** 28

/**
 * Decodes a JPEG, PNG, WebP, GIF, AVIF or TIFF image on another thread. The format is told from the bytes. Colour
 * profiles are ignored, as TorchVision ignores them; of 16 bits a channel the upper 8 are kept.
 *
 * @param bytes the encoded image, as bytes or a uint8 tensor of one dimension
 * @returns uint8, [C, H, W]; in memory the channels come last, as TorchVision's do
 * @throws FormatError for a truncated, corrupt, empty or unknown image, or one of more than `maxPixels`
 * @example
 * ```ts
 * import { zeros } from '@flambeau/core'
 * import { io } from '@flambeau/vision'
 * const png = await io.encodePng(zeros([3, 4, 5], { dtype: 'uint8' }))
 * console.log((await io.decodeImage(png, { mode: 'gray' })).shape) // → [ 1, 4, 5 ]
 * ```
 */
export async function decodeImage(bytes: Uint8Array | Tensor, options: DecodeOptions = {}): Promise<Tensor> {
  return decode('decodeImage', bytesOf(bytes), options)
}

/** Reads and decodes an image file. @see decodeImage */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<Tensor> {
  // A DataLoader's worker has nothing else to do meanwhile, and asking another thread costs more than reading.
  const bytes = data.getWorkerInfo() === null ? await readFile(path) : readFileSync(path)
  return decode(`readImage: ${path}`, bytes, options)
}

/** The bytes of a file as a uint8 tensor of one dimension. */
export async function readFileBytes(path: string): Promise<Tensor> {
  return tensor(new Uint8Array(await readFile(path)))
}

function bytesOf(bytes: Uint8Array | Tensor): Uint8Array {
  if (bytes instanceof Tensor) {
    if (bytes.dtype !== 'uint8' || bytes.ndim !== 1)
      throw new ArgumentError(
        `decodeImage: expected a uint8 tensor of one dimension, got ${bytes.dtype} [${bytes.shape.join(', ')}]`,
      )
    return bytes.data() as Uint8Array
  }
  if (!ArrayBuffer.isView(bytes)) throw new ArgumentError('decodeImage: expected the bytes of an image')
  return bytes
}

async function decode(operation: string, bytes: Uint8Array, options: DecodeOptions): Promise<Tensor> {
  const { mode = 'unchanged', applyExifOrientation = false, maxPixels = MAX_PIXELS, animated = false } = options
  if (mode !== 'unchanged' && !(mode in CHANNELS))
    throw new ArgumentError(
      `${operation}: expected mode 'unchanged', 'gray', 'gray_alpha', 'rgb' or 'rgb_alpha', got '${mode}'`,
    )
  if (!Number.isInteger(maxPixels) || maxPixels < 1)
    throw new ArgumentError(`${operation}: expected an integer ≥ 1 for maxPixels, got ${maxPixels}`)
  const format = sniffFormat(bytes)
  if (format === null)
    throw new FormatError(
      `${operation}: expected a JPEG, PNG, WebP, GIF, AVIF or TIFF image, got ${showBeginning(bytes)}`,
    )
  if (format === 'jpeg' && !applyExifOrientation && !animated && (mode === 'unchanged' || !mode.includes('alpha'))) {
    const channels = mode === 'unchanged' ? null : mode === 'gray' ? 1 : 3
    const pixels = await decodeJpeg(bytes, channels, (width, height) => width * height <= maxPixels)
    if (pixels !== null) return pixels.permute([2, 0, 1])
  }
  const sharp = await codec()
  // Buffer.from shares the memory.
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const image = sharp(source, { failOn: 'error', limitInputPixels: false, ignoreIcc: true, animated })
  let metadata: Metadata
  try {
    metadata = await image.metadata()
  } catch (error) {
    throw broken(operation, format, error)
  }
  const pixels = metadata.width * metadata.height * (animated ? (metadata.pages ?? 1) : 1)
  if (pixels > maxPixels)
    throw new FormatError(
      `${operation}: the ${format} image has ${metadata.width} × ${metadata.height} pixels, more than maxPixels = ${maxPixels}; raise it where the file is to be trusted`,
    )
  return pixelsOf(operation, format, applyExifOrientation ? image.autoOrient() : image, metadata, mode, animated)
}

async function pixelsOf(
  operation: string,
  format: string,
  image: Sharp,
  metadata: Metadata,
  mode: ImageReadMode,
  animated: boolean,
): Promise<Tensor> {
  const grey = metadata.space === 'b-w' || metadata.space === 'grey16'
  // Without alpha, one channel is decoded; otherwise grey comes as three equal ones.
  const single = grey && !metadata.hasAlpha && (mode === 'gray' || mode === 'unchanged')
  let raw: { data: Buffer; info: { width: number; height: number; channels: number; pageHeight?: number } }
  try {
    raw = await image
      .toColourspace(single ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
  } catch (error) {
    throw broken(operation, format, error)
  }
  const { width, height, channels } = raw.info
  const wanted =
    mode === 'unchanged' ? (grey ? 1 : 3) + (metadata.hasAlpha && channels % 2 === 0 ? 1 : 0) : CHANNELS[mode]
  const pixels = arrange(raw.data, channels, wanted, grey)
  const frames = animated ? Math.max(1, Math.round(height / (metadata.pageHeight ?? height))) : 1
  // [N, C, H, W] with the channels last in memory.
  const picture = tensor(pixels)
    .view([frames, height / frames, width, wanted])
    .permute([0, 3, 1, 2])
  return animated ? picture : picture.squeeze(0)
}

const broken = (operation: string, format: string, error: unknown): FormatError =>
  new FormatError(`${operation}: the ${format} image is truncated or corrupt: ${reasonOf(error)}`, { cause: error })

/** Pixels of other channels: luma is ITU-R 601's as Pillow rounds it, a missing alpha is 255. */
function arrange(pixels: Uint8Array, from: number, to: number, grey: boolean): Uint8Array {
  if (from === to) return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength)
  const count = pixels.length / from
  const result = new Uint8Array(count * to)
  const colours = from < 3 ? 1 : 3
  const alpha = from - colours
  for (let i = 0, s = 0, t = 0; i < count; i++, s += from, t += to) {
    if (to >= 3) {
      result[t] = pixels[s]
      result[t + 1] = pixels[colours === 3 ? s + 1 : s]
      result[t + 2] = pixels[colours === 3 ? s + 2 : s]
    } else
      result[t] =
        colours === 1 || grey
          ? pixels[s]
          : (19595 * pixels[s] + 38470 * pixels[s + 1] + 7471 * pixels[s + 2] + 32768) >> 16
    if (to % 2 === 0) result[t + to - 1] = alpha === 1 ? pixels[s + colours] : 255
  }
  return result
}
