// Image files.
import { readFileSync, writeFileSync } from 'node:fs'
import { ArgumentError, FormatError, type Tensor, tensor } from '@flambeau/core'
import { decode, encode } from 'fast-png'

/**
 * Encodes an image as PNG.
 *
 * @param image uint8, [C, H, W], C being 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA)
 */
export function encodePng(image: Tensor): Uint8Array {
  const [channels, height, width] = image.shape
  if (image.ndim !== 3 || image.dtype !== 'uint8' || !(channels >= 1 && channels <= 4) || height === 0 || width === 0)
    throw new ArgumentError(
      `encodePng: expected a uint8 image [C, H, W] with 1 to 4 channels, got ${image.dtype} [${image.shape.join(', ')}]`,
    )
  const data = image.permute([1, 2, 0]).contiguous().data() as Uint8Array
  return encode({ width, height, channels, depth: 8, data })
}

/** Writes an image to a PNG file. @param image as for `encodePng` */
export function writePng(path: string, image: Tensor): void {
  writeFileSync(path, encodePng(image))
}

/**
 * Decodes a PNG. Colours of a palette are looked up.
 *
 * @returns uint8, [C, H, W]; for 16 bits a channel the upper 8
 * @throws FormatError for a truncated or corrupt image
 */
export function decodePng(bytes: Uint8Array): Tensor {
  const { width, height, channels, depth, data, palette } = parse(bytes)
  const pixels =
    depth === 16
      ? Uint8Array.from(data, (value) => value >> 8)
      : spread(data as Uint8Array, width, height, channels, depth, palette !== undefined)
  if (palette === undefined) return toImage(pixels, height, width, channels)
  const colours = palette[0].length
  const looked = new Uint8Array(pixels.length * colours)
  pixels.forEach((index, i) => {
    const colour = palette[index]
    if (colour === undefined)
      throw new FormatError(`decodePng: a pixel has colour ${index} of a palette of ${palette.length}`)
    looked.set(colour, i * colours)
  })
  return toImage(looked, height, width, colours)
}

/** Reads a PNG file. @see decodePng */
export function readPng(path: string): Tensor {
  return decodePng(readFileSync(path))
}

function parse(bytes: Uint8Array): ReturnType<typeof decode> {
  try {
    return decode(bytes, { checkCrc: true })
  } catch (error) {
    throw new FormatError(`decodePng: the image is truncated or corrupt: ${(error as Error).message}`, { cause: error })
  }
}

/** Pixels of 1, 2 or 4 bits as bytes; grey ones over the whole range. */
function spread(
  data: Uint8Array,
  width: number,
  height: number,
  channels: number,
  depth: number,
  indexed: boolean,
): Uint8Array {
  if (depth === 8) return data
  const row = Math.ceil((width * channels * depth) / 8)
  const scale = indexed ? 1 : 255 / (2 ** depth - 1)
  return Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const bit = (i % (width * channels)) * depth
    const byte = data[Math.floor(i / (width * channels)) * row + (bit >> 3)]
    return ((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * scale
  })
}

const toImage = (pixels: Uint8Array, height: number, width: number, channels: number): Tensor =>
  tensor(pixels).reshape([height, width, channels]).permute([2, 0, 1]).contiguous()
