import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { arange, equal, FormatError, full, ones, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { io, utils } from '@flambeau/vision'
import { afterAll, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-images-'))
afterAll(() => rmSync(folder, { recursive: true }))

// Each row: torchvision.utils.make_grid of the same images.
test("makeGrid has TorchVision's semantics", () => {
  const images = arange(1, 6).view([5, 1, 1, 1])
  const rows: [Tensor, utils.GridOptions, number[][]][] = [
    [
      images,
      { nrow: 3, padding: 1 },
      [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 2, 0, 3, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 4, 0, 5, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
      ],
    ],
    [images, { padding: 0 }, [[1, 2, 3, 4, 5]]],
    [
      images,
      { nrow: 2, padding: 0, padValue: 9 },
      [
        [1, 2],
        [3, 4],
        [5, 9],
      ],
    ],
    [images, { padding: 0, normalize: true }, [[0, 0.25, 0.5, 0.75, 1]]],
    [images, { padding: 0, normalize: true, valueRange: [2, 4] }, [[0, 0, 0.5, 1, 1]]],
    [arange(4).view([2, 1, 1, 2]), { padding: 0, normalize: true, scaleEach: true }, [[0, 1, 0, 1]]],
    [
      ones([1, 1, 2, 2]),
      {},
      [
        [1, 1],
        [1, 1],
      ],
    ],
    [
      ones([2, 2]),
      {},
      [
        [1, 1],
        [1, 1],
      ],
    ],
  ]
  for (const [given, options, expected] of rows) {
    const grid = utils.makeGrid(given, options)
    expect(grid.shape).toEqual([3, expected.length, expected[0].length])
    for (const channel of [0, 2]) expect(grid.select(0, channel).toArray()).toEqual(expected)
  }
  expect(utils.makeGrid([zeros([3, 2, 4]), ones([3, 2, 4])]).shape).toEqual([3, 6, 14])
  expect(utils.makeGrid(tensor([[[[7]]], [[[8]]]], { dtype: 'uint8' }), { padding: 0 }).dtype).toBe('uint8')
  expect(() => utils.makeGrid(zeros([2, 3, 4, 5, 6]))).toThrow(/expected images \[N, C, H, W\], got \[2, 3, 4, 5, 6\]/)
  expect(() => utils.makeGrid(images, { nrow: 0 })).toThrow(/integer ≥ 1 for nrow, got 0/)
  expect(() => utils.makeGrid(zeros([0, 3, 4, 4]))).toThrow(/at least one image/)
})

/** A PNG made by hand: `rows` are the packed bytes of each row. */
function png(width: number, depth: number, colourType: number, rows: number[][], palette: number[] = []): Buffer {
  const chunk = (type: string, body: Buffer): Buffer => {
    const tagged = Buffer.concat([Buffer.from(type), body])
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(body.length)
    crc.writeUInt32BE(crc32(tagged))
    return Buffer.concat([length, tagged, crc])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(rows.length, 4)
  header.set([depth, colourType], 8)
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    ...(palette.length > 0 ? [chunk('PLTE', Buffer.from(palette))] : []),
    chunk('IDAT', deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

test('PNG files come back as they were written', async () => {
  for (const channels of [1, 2, 3, 4]) {
    const image = arange(channels * 15, { dtype: 'uint8' })
      .view([channels, 3, 5])
      .mul(4)
    const path = join(folder, `${channels}.png`)
    await io.writePng(path, image)
    const read = await io.readImage(path)
    expect([read.dtype, read.shape, read.toArray()]).toEqual(['uint8', image.shape, image.toArray()])
  }
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  await expect(io.encodePng(ones([3, 2, 2]))).rejects.toThrow(
    /encodePng: expected a uint8 image .* got float32 \[3, 2, 2\]/,
  )
  await expect(io.encodePng(zeros([5, 2, 2], { dtype: 'uint8' }))).rejects.toThrow(/1 to 4 channels/)
  await expect(io.writeImage(join(folder, 'x.bmp'), zeros([3, 2, 2], { dtype: 'uint8' }))).rejects.toThrow(/ends in/)
  await expect(io.encodeJpeg(zeros([4, 2, 2], { dtype: 'uint8' }))).rejects.toThrow(/JPEG has no alpha, got 4/)
})

/** A smooth picture, which lossy formats keep nearly. */
const picture = (height: number, width: number): Tensor =>
  stack(
    [
      arange(width)
        .mul(200 / width)
        .expand([height, width]),
      arange(height)
        .mul(200 / height)
        .unsqueeze(1)
        .expand([height, width]),
      full([height, width], 90),
    ],
    0,
  ).to('uint8')

test('every format, and what is wrong with damaged files', async () => {
  const image = picture(40, 60)
  for (const format of ['png', 'jpeg', 'webp', 'avif', 'gif', 'tiff'] as const) {
    const bytes = await io.encodeImage(image, format, { quality: 95 })
    const read = await io.decodeImage(bytes, { mode: 'rgb' })
    expect(read.shape).toEqual([3, 40, 60])
    expect(read.to('float32').sub(image.to('float32')).abs().mean().item<number>()).toBeLessThan(4)
    for (const cut of [20, Math.floor(bytes.length / 2)])
      await expect(io.decodeImage(bytes.subarray(0, cut))).rejects.toThrow(FormatError)
    await expect(io.decodeImage(bytes, { maxPixels: 2399 })).rejects.toThrow(
      /60 × 40 pixels, more than maxPixels = 2399/,
    )
    // The format is told from the bytes, whatever the file is called.
    const path = join(folder, `${format}.dat`)
    writeFileSync(path, bytes)
    expect((await io.readImage(path, { mode: 'gray' })).shape).toEqual([1, 40, 60])
  }
})

test('hostile, empty and mislabelled bytes are refused', async () => {
  const bomb = png(60000, 8, 2, [])
  bomb.writeUInt32BE(60000, 20)
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29)
  const rows: [Uint8Array, RegExp][] = [
    [Buffer.alloc(0), /got no bytes/],
    [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /expected a JPEG, PNG.* begin with 3c737667/],
    [Buffer.from('%PDF-1.7'), /expected a JPEG/],
    [Buffer.from('GIF89a'), /gif image is truncated or corrupt/],
    [Buffer.concat([Buffer.from([0x89]), Buffer.from('PNG\r\n\x1a\n'), Buffer.alloc(50)]), /png image is truncated or/],
    [bomb, /60000 × 60000 pixels, more than maxPixels/],
    [Buffer.concat([Buffer.from([255, 216, 255, 224]), Buffer.alloc(500, 7)]), /jpeg image is truncated or corrupt/],
  ]
  for (const [bytes, message] of rows) {
    await expect(io.decodeImage(bytes)).rejects.toThrow(message)
    await expect(io.decodeImage(bytes)).rejects.toThrow(FormatError)
  }
  await expect(io.decodeImage(zeros([4]))).rejects.toThrow(/uint8 tensor of one dimension, got float32 \[4\]/)
  await expect(io.readImage(join(folder, 'none.png'))).rejects.toThrow(/ENOENT/)
  const cut = join(folder, 'cut.png')
  writeFileSync(cut, (await io.encodePng(picture(9, 9))).subarray(0, 60))
  await expect(io.readImage(cut)).rejects.toThrow(/cut.png: the png image is truncated or corrupt/)
})

test('modes and EXIF orientation', async () => {
  const image = tensor([[[10, 200]], [[20, 100]], [[30, 50]], [[255, 7]]], { dtype: 'uint8' })
  const bytes = await io.encodePng(image)
  const rows: [io.ImageReadMode, number[][][]][] = [
    ['unchanged', [[[10, 200]], [[20, 100]], [[30, 50]], [[255, 7]]]],
    ['rgb', [[[10, 200]], [[20, 100]], [[30, 50]]]],
    // (299 r + 587 g + 114 b) / 1000, rounded
    ['gray', [[[18, 124]]]],
    ['gray_alpha', [[[18, 124]], [[255, 7]]]],
  ]
  for (const [mode, expected] of rows) expect((await io.decodeImage(bytes, { mode })).toArray()).toEqual(expected)
  const opaque = await io.decodeImage(await io.encodePng(image.narrow(0, 0, 3)), { mode: 'rgb_alpha' })
  expect(opaque.select(0, 3).toArray()).toEqual([[255, 255]])

  // An EXIF segment that says 'turn right by 90°' behind the first two bytes of a JPEG.
  const jpeg = await io.encodeJpeg(picture(20, 40), { quality: 95 })
  const exif = Buffer.from('ffe100224578696600004d4d002a0000000800010112000300000001000600000000000000', 'hex')
  const turned = Buffer.concat([jpeg.subarray(0, 2), exif.subarray(0, 36), jpeg.subarray(2)])
  const plain = await io.decodeImage(turned)
  expect(plain.shape).toEqual([3, 20, 40])
  const upright = await io.decodeImage(turned, { applyExifOrientation: true })
  expect(upright.toArray()).toEqual(plain.transpose(1, 2).flip(2).toArray())
})

test('PNG of a palette and of fewer or more than 8 bits', async () => {
  const rows: [Buffer, number[][][]][] = [
    [
      png(3, 1, 0, [[0b10100000], [0b01000000]]),
      [
        [
          [255, 0, 255],
          [0, 255, 0],
        ],
      ],
    ],
    [
      png(3, 2, 0, [[0b00011011], [0b11000000]]),
      [
        [
          [0, 85, 170],
          [255, 0, 0],
        ],
      ],
    ],
    [png(3, 4, 0, [[0x0f, 0x80]]), [[[0, 255, 136]]]],
    [png(1, 16, 0, [[0x12, 0x34]]), [[[0x12]]]],
    [png(2, 2, 3, [[0b01100000]], [1, 2, 3, 4, 5, 6, 7, 8, 9]), [[[4, 7]], [[5, 8]], [[6, 9]]]],
  ]
  for (const [bytes, expected] of rows) expect((await io.decodeImage(bytes)).toArray()).toEqual(expected)
})

test('saveImage rounds as TorchVision does', async () => {
  const path = join(folder, 'grid.png')
  await utils.saveImage(path, tensor([-1, 0, 0.5, 0.999, 2]).view([5, 1, 1, 1]), { padding: 0 })
  expect((await io.readImage(path)).select(0, 1).toArray()).toEqual([[0, 0, 128, 255, 255]])
  await utils.saveImage(path, tensor([[[[3]]], [[[250]]]], { dtype: 'uint8' }), { padding: 0 })
  expect((await io.readImage(path)).select(0, 0).toArray()).toEqual([[3, 250]])
})

test("libjpeg-turbo's pixels are sharp's", async () => {
  if (process.platform === 'linux') expect(io.jpegDecoder()).toBe('libjpeg-turbo')
  const wave = arange(3 * 37 * 53)
    .view([3, 37, 53])
    .mul(0.37)
    .sin()
    .add(1)
    .mul(127)
    .to('uint8')
  for (const [image, quality] of [
    [wave, 60],
    [wave, 98],
    [wave.narrow(0, 0, 1), 80],
  ] as const) {
    const bytes = await io.encodeJpeg(image, { quality })
    for (const mode of ['unchanged', 'rgb', 'gray'] as const) {
      const direct = await io.decodeImage(bytes, { mode })
      // Only sharp knows orientations; these have none.
      expect(equal(direct, await io.decodeImage(bytes, { mode, applyExifOrientation: true }))).toBe(true)
    }
  }
})

test('images are decoded and encoded beside the main thread', async () => {
  const image = picture(1500, 2000)
  for (const format of ['jpeg', 'png'] as const) {
    const bytes = await io.encodeImage(image, format)
    // Work on the main thread would leave a timer no time before its promise resolves.
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await io.decodeImage(bytes)
    clearInterval(timer)
    expect([format, ticks > 0]).toEqual([format, true])
  }
})
