// Which image format bytes are of, told from how they begin: a file's name says nothing that can be relied on.

/** The formats that can be read. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff'

const text = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, Math.min(to, bytes.length)))

/** The format of encoded bytes, or null where it is none that can be read. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | null {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  if (text(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'webp'
  if (/^GIF8[79]a$/.test(text(bytes, 0, 6))) return 'gif'
  if (/^(II\*\0|MM\0\*|II\+\0|MM\0\+)$/.test(text(bytes, 0, 4))) return 'tiff'
  if (text(bytes, 4, 8) === 'ftyp' && /^(avif|avis|mif1|miaf)$/.test(text(bytes, 8, 12))) return 'avif'
  return null
}

/** The format that a file's name asks for when it is written, or null. */
export function formatOfName(path: string): ImageFormat | null {
  const [, extension = ''] = /\.([^./\\]+)$/.exec(path) ?? []
  switch (extension.toLowerCase()) {
    case 'jpg':
    case 'jpeg':
      return 'jpeg'
    case 'tif':
    case 'tiff':
      return 'tiff'
    case 'png':
    case 'webp':
    case 'gif':
    case 'avif':
      return extension.toLowerCase() as ImageFormat
    default:
      return null
  }
}

/** A beginning as a message shows it. */
export const showBeginning = (bytes: Uint8Array): string =>
  bytes.length === 0 ? 'no bytes' : `bytes that begin with ${Buffer.from(bytes.subarray(0, 8)).toString('hex')}`
