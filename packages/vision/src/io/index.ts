export { type DecodeOptions, decodeImage, type ImageReadMode, readFileBytes, readImage } from './decode.js'
export {
  type EncodeOptions,
  encodeImage,
  encodeJpeg,
  encodePng,
  type PngOptions,
  type QualityOptions,
  writeImage,
  writeJpeg,
  writePng,
} from './encode.js'
export type { ImageFormat } from './formats.js'
export { jpegDecoder } from './jpeg.js'
