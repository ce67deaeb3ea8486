import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { arange, FormatError, ones, type Tensor, tensor, zeros } from '@flambeau/core'
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

test('PNG files come back as they were written', () => {
  for (const channels of [1, 2, 3, 4]) {
    const image = arange(channels * 15, { dtype: 'uint8' })
      .view([channels, 3, 5])
      .mul(4)
    const path = join(folder, `${channels}.png`)
    io.writePng(path, image)
    const read = io.readPng(path)
    expect([read.dtype, read.shape, read.toArray()]).toEqual(['uint8', image.shape, image.toArray()])
    const truncated = readFileSync(path).subarray(0, 40)
    expect(() => io.decodePng(truncated)).toThrow(FormatError)
  }
  expect(() => io.decodePng(Buffer.from('GIF89a'))).toThrow(/decodePng: the image is truncated or corrupt/)
  expect(() => io.encodePng(ones([3, 2, 2]))).toThrow(/encodePng: expected a uint8 image .* got float32 \[3, 2, 2\]/)
  expect(() => io.encodePng(zeros([5, 2, 2], { dtype: 'uint8' }))).toThrow(/1 to 4 channels/)
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

test('PNG of a palette and of fewer or more than 8 bits', () => {
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
  for (const [bytes, expected] of rows) expect(io.decodePng(bytes).toArray()).toEqual(expected)
  expect(() => io.decodePng(png(1, 8, 3, [[3]], [1, 2, 3]))).toThrow(/colour 3 of a palette of 1/)
})

test('saveImage rounds as TorchVision does', () => {
  const path = join(folder, 'grid.png')
  utils.saveImage(path, tensor([-1, 0, 0.5, 0.999, 2]).view([5, 1, 1, 1]), { padding: 0 })
  expect(io.readPng(path).select(0, 1).toArray()).toEqual([[0, 0, 128, 255, 255]])
  utils.saveImage(path, tensor([[[[3]]], [[[250]]]], { dtype: 'uint8' }), { padding: 0 })
  expect(io.readPng(path).select(0, 0).toArray()).toEqual([[3, 250]])
})
