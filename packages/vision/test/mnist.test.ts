import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ArgumentError, data, FormatError, type Tensor } from '@flambeau/core'
import { datasets } from '@flambeau/vision'
import { afterAll, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-mnist-'))
afterAll(() => rmSync(folder, { recursive: true }))

const idx = (code: number, shape: number[], bytes: number[]): Buffer => {
  const sizes = Buffer.alloc(4 * shape.length)
  for (const [i, size] of shape.entries()) sizes.writeUInt32BE(size, 4 * i)
  return Buffer.concat([Buffer.from([0, 0, code, shape.length]), sizes, Buffer.from(bytes)])
}

function write(name: string, bytes: Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

test('IDX of every dtype, plain and gzipped', () => {
  const rows: [number, string, number[], number[]][] = [
    [8, 'uint8', [255, 1], [255, 1]],
    [9, 'int8', [255, 1], [-1, 1]],
    [11, 'int16', [1, 2, 255, 254], [258, -2]],
    [12, 'int32', [0, 1, 0, 2, 255, 255, 255, 255], [65538, -1]],
    [13, 'float32', [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1, -2.5]],
    [14, 'float64', [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 4, 0, 0, 0, 0, 0, 0], [1, -2.5]],
  ]
  for (const [code, dtype, bytes, values] of rows)
    for (const pack of [(b: Buffer) => b, gzipSync]) {
      const t = datasets.readIdx(write('x', pack(idx(code, [2, 1], bytes))))
      expect([t.dtype, t.shape, t.toArray()]).toEqual([dtype, [2, 1], values.map((v) => [v])])
    }
  expect(datasets.readIdx(write('empty', idx(8, [0, 28, 28], []))).shape).toEqual([0, 28, 28])
})

test('bad IDX files are named for what is wrong with them', () => {
  const good = idx(8, [2, 2], [1, 2, 3, 4])
  const rows: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /not an IDX file: 0 bytes/],
    [Buffer.from('PK\u0003\u0004....'), /not an IDX file: it begins with 504b0304/],
    [idx(10, [1], [1]), /not an IDX file/],
    [good.subarray(0, 9), /truncated: 9 bytes are too few for the sizes of 2 dimensions/],
    [good.subarray(0, 14), /truncated: expected 4 bytes of data for shape \[2, 2\], got 2/],
    [Buffer.concat([good, good]), /corrupt: expected 4 bytes of data .*, got 20/],
    [idx(8, Array(17).fill(1), [1]), /corrupt: it claims 17 dimensions/],
    [idx(8, [2 ** 32 - 1, 2 ** 32 - 1], [1]), /truncated/],
    [gzipSync(good).subarray(0, 20), /gzip data are truncated or corrupt: unexpected end of file/],
    [Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(20, 7)]), /gzip data are truncated or corrupt/],
  ]
  for (const [bytes, message] of rows) {
    const read = () => datasets.readIdx(write('bad', bytes))
    expect(read).toThrow(message)
    expect(read).toThrow(FormatError)
  }
})

/** Three images of 2 × 2 with the labels 7, 0 and 9. */
function digits(root: string, names: [string, string], labels = [7, 0, 9]): string {
  const at = join(folder, root)
  mkdirSync(at, { recursive: true })
  writeFileSync(
    join(at, names[0]),
    idx(
      8,
      [3, 2, 2],
      Array.from({ length: 12 }, (_, i) => 10 * i),
    ),
  )
  writeFileSync(join(at, names[1]), gzipSync(idx(8, [labels.length], labels)))
  return at
}

test('MNIST gives images and labels', async () => {
  const root = digits('flat', ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte.gz'])
  const train = new datasets.MNIST(root)
  expect([train.length, train.data.shape, train.targets.dtype, train.classes.length]).toEqual([
    3,
    [3, 2, 2],
    'int64',
    10,
  ])
  const [image, label] = train.get(1)
  expect([image.dtype, image.shape, image.toArray(), label]).toEqual([
    'uint8',
    [1, 2, 2],
    [
      [
        [40, 50],
        [60, 70],
      ],
    ],
    0,
  ])
  expect(() => train.get(3)).toThrow(/got 3/)
  for await (const [images, labels] of new data.DataLoader(train, { batchSize: 2, sampler: [2, 0] }))
    expect([images.shape, images.select(0, 0).toArray(), labels.dtype, labels.toArray()]).toEqual([
      [2, 1, 2, 2],
      [
        [
          [80, 90],
          [100, 110],
        ],
      ],
      'int64',
      [9, 7],
    ])
  const changed = new datasets.MNIST(root, {
    transform: (x: Tensor) => x.to('float32').div(10),
    targetTransform: (y) => `class ${y}`,
  })
  expect(changed.get(0)[1]).toBe('class 7')
  for await (const [images, labels] of new data.DataLoader(changed, { batchSize: 3 }))
    expect([images.dtype, images.select(0, 0).toArray(), labels]).toEqual([
      'float32',
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
      ['class 7', 'class 0', 'class 9'],
    ])

  // Where TorchVision puts the files.
  digits('torch/FashionMNIST/raw', ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte.gz'])
  const fashion = new datasets.FashionMNIST(join(folder, 'torch'), { train: false })
  expect([fashion.length, fashion.classes[9]]).toEqual([3, 'Ankle boot'])
  expect(() => new datasets.MNIST(join(folder, 'torch'))).toThrow(ArgumentError)
  expect(() => new datasets.MNIST(join(folder, 'torch'))).toThrow(
    /MNIST: expected the file train-images-idx3-ubyte or train-images-idx3-ubyte.gz in /,
  )
  const short = digits('short', ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte.gz'], [1, 2])
  expect(() => new datasets.MNIST(short)).toThrow(/got uint8 \[3, 2, 2\] and \[2\]/)
  const strange = digits('strange', ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte.gz'], [1, 10, 2])
  expect(() => new datasets.MNIST(strange)).toThrow(/labels below 10, got 10/)
})

test('EMNIST: six ways to divide letters and digits', () => {
  const pixels = idx(8, [2, 2, 3], [...Array(12).keys()])
  const names = (split: string, part: string): [string, string] => [
    `emnist-${split}-${part}-images-idx3-ubyte.gz`,
    `emnist-${split}-${part}-labels-idx1-ubyte.gz`,
  ]
  const put = (at: string, split: string, part: string, labels: number[]): void => {
    mkdirSync(join(folder, at), { recursive: true })
    const [images, kinds] = names(split, part)
    writeFileSync(join(folder, at, images), gzipSync(pixels))
    writeFileSync(join(folder, at, kinds), gzipSync(idx(8, [labels.length], labels)))
  }
  // Flat, and where `download` unpacks the archive.
  put('emnist', 'letters', 'train', [1, 26])
  put('emnist/EMNIST/raw/gzip', 'byclass', 'test', [10, 61])
  put('emnist/EMNIST/raw', 'balanced', 'train', [46, 47])
  const root = join(folder, 'emnist')
  const letters = new datasets.EMNIST(root, 'letters')
  expect([letters.length, letters.split, letters.get(1)[1], letters.classes[26]]).toEqual([2, 'letters', 26, 'z'])
  expect(letters.get(0)[0].toArray()).toEqual([
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
  ])
  const all = new datasets.EMNIST(root, 'byclass', { train: false, targetTransform: (y) => y * 2 })
  expect([all.get(0)[1], all.classes.length, all.classes[10], all.classes[61]]).toEqual([20, 62, 'A', 'z'])
  // Fifteen small letters count as capitals: TorchVision's EMNIST.classes_split_dict['balanced'].
  expect(datasets.EMNIST.classesOf.balanced.join('')).toBe('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt')
  expect(() => new datasets.EMNIST(root, 'balanced')).toThrow(/labels below 47, got 47/)
  expect(() => new datasets.EMNIST(root, 'digits')).toThrow(
    /the file emnist-digits-train-images-idx3-ubyte or .*call await EMNIST\.download/,
  )
  expect(() => new datasets.EMNIST(root, 'capitals' as 'letters')).toThrow(/one of byclass, bymerge, .* got 'capitals'/)
})

test('QMNIST: parts, and labels of eight numbers', async () => {
  const root = join(folder, 'qmnist')
  mkdirSync(join(root, 'QMNIST/raw'), { recursive: true })
  const put = (name: string, bytes: Buffer): void => writeFileSync(join(root, 'QMNIST/raw', name), bytes)
  const label = (kind: number): number[] => [kind, 1, 600, 7, 30 + kind, 123456, 0, 0]
  const columns = (rows: number[][]): Buffer =>
    idx(
      12,
      [rows.length, rows[0].length],
      rows.flatMap((row) => row.flatMap((n) => [0, n >> 16, (n >> 8) & 255, n & 255])),
    )
  const count = 10_002
  put(
    'qmnist-test-images-idx3-ubyte.gz',
    gzipSync(
      idx(
        8,
        [count, 1, 1],
        Array.from({ length: count }, (_, i) => i % 251),
      ),
    ),
  )
  put('qmnist-test-labels-idx2-int', columns(Array.from({ length: count }, (_, i) => label(i % 10))))
  const test = new datasets.QMNIST(root, { train: false })
  expect([test.what, test.length, test.targets.shape, test.get(13)[1]]).toEqual(['test', count, [count, 8], 3])
  const rest = new datasets.QMNIST(root, { what: 'test50k', compat: false })
  const [image, all] = rest.get(1)
  expect([rest.length, image.toArray(), all.dtype, all.toArray()]).toEqual([2, [[[10_001 % 251]]], 'int64', label(1)])
  for await (const [images, labels] of new data.DataLoader(rest, { batchSize: 2 }))
    expect([images.shape, labels.toArray()]).toEqual([
      [2, 1, 1, 1],
      [label(0), label(1)],
    ])
  const first = new datasets.QMNIST(root, { what: 'test10k', targetTransform: (y) => `digit ${y}` })
  expect([first.length, first.get(-1)[1]]).toEqual([10_000, 'digit 9'])
  put('qmnist-train-images-idx3-ubyte', idx(8, [1, 1, 1], [5]))
  put('qmnist-train-labels-idx2-int', columns([[1, 2, 3]]))
  expect(() => new datasets.QMNIST(root)).toThrow(/labels \[N, 8\], got uint8 \[1, 1, 1\] and \[1, 3\]/)
  expect(() => new datasets.QMNIST(root, { what: 'nist' })).toThrow(/xnist-images-idx3-ubyte .*with xz/)
  expect(() => new datasets.QMNIST(root, { what: 'all' as 'nist' })).toThrow(/one of train, test, .* got 'all'/)
})
