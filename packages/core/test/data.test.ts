import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { arange, data, Generator, manualSeed, type Tensor, tensor, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  defaultCollate,
  fromArray,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  StackDataset,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} = data

// PyTorch 2.13: torch.Generator().manual_seed(42) for each; 'loader' after torch.manual_seed(7).
const EXPECTED = {
  random: [6, 3, 0, 7, 2, 1, 4, 5],
  more: [2, 3, 0, 1, 2, 1],
  replacement: [
    6, 3, 4, 6, 2, 7, 4, 4, 6, 1, 2, 6, 2, 2, 7, 4, 3, 7, 7, 2, 5, 4, 1, 7, 3, 5, 5, 1, 7, 3, 4, 0, 3, 1, 5, 4, 3, 0, 0,
    2,
  ],
  subset: [5, 9, 7],
  weighted: [1, 1, 1, 1, 4],
  weightedWithout: [1, 3, 4, 2, 0],
  split: [
    [2, 6, 1],
    [8, 4, 5, 0, 9, 3, 7],
  ],
  fractions: [4, 3, 4],
  loader: [
    [
      [7, 0, 3, 1],
      [6, 2, 5, 4],
    ],
    [
      [1, 0, 7, 3],
      [4, 6, 5, 2],
    ],
  ],
  ownGenerator: [
    [
      [4, 6, 2, 3],
      [0, 7, 1, 5],
    ],
    [
      [7, 4, 3, 1],
      [5, 0, 2, 6],
    ],
  ],
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const batches: B[] = []
  for await (const batch of loader) batches.push(batch)
  return batches
}

const values = (batches: Tensor[]) => batches.map((batch) => batch.toArray())

test('data sets', async () => {
  const pairs = new TensorDataset(arange(10).view([5, 2]), tensor([0, 10, 20, 30, 40]))
  expect(pairs.length).toBe(5)
  expect(pairs.get(-1).map((t) => t.toArray())).toEqual([[8, 9], 40])
  expect(pairs.getBatch([3, 0]).map((t) => t.toArray())).toEqual([
    [
      [6, 7],
      [0, 1],
    ],
    [30, 0],
  ])
  const both = new ConcatDataset([fromArray(['a', 'b']), fromArray([]), fromArray(['c'])])
  expect([both.length, ...range(3).map((i) => both.get(i)), both.get(-3)]).toEqual([3, 'a', 'b', 'c', 'a'])
  expect(new StackDataset([fromArray([1, 2]), fromArray(['x', 'y'])]).get(1)).toEqual([2, 'y'])
  expect(new StackDataset({ n: fromArray([1, 2]), s: fromArray(['x', 'y']) }).get(0)).toEqual({ n: 1, s: 'x' })
  const subset = new Subset(pairs, [4, 2])
  expect((await subset.get(1)).map((t) => t.toArray())).toEqual([[4, 5], 20])
  expect(values(await all(new DataLoader(new Subset(subset, [1, 0]), { batchSize: 2 })).then(([b]) => b))).toEqual([
    [
      [4, 5],
      [8, 9],
    ],
    [20, 40],
  ])

  const errors: [() => unknown, RegExp][] = [
    [
      () => new TensorDataset(zeros([2]), zeros([3])),
      /TensorDataset: expected tensors with equal first dimensions, got \[2\], \[3\]/,
    ],
    [() => new TensorDataset(), /at least one tensor/],
    [() => pairs.get(5), /expected an index in \[-5, 4\] for 5 samples, got 5/],
    [() => pairs.get(0.5), /expected an integer index, got 0.5/],
    [() => subset.get(2), /Subset: expected an index in \[-2, 1\]/],
    [() => new ConcatDataset([]), /at least one data set/],
    [() => new StackDataset([fromArray([1]), fromArray([])]), /data sets of one length, got 1, 0/],
    [() => randomSplit(pairs, [2, 2]), /lengths that sum to the data set's length/],
    [() => randomSplit(pairs, [0.5, 0.1]), /integers, or fractions that sum to 1/],
    [() => new BatchSampler([1, 2], 0), /positive integer for batchSize, got 0/],
  ]
  for (const [make, message] of errors) expect(make).toThrow(message)
})

// Each row: torch.utils.data in PyTorch 2.13 with the same seed.
test("samplers draw PyTorch's order", async () => {
  const generator = () => new Generator().manualSeed(42)
  const rows: [string, unknown, unknown][] = [
    ['random', [...new RandomSampler({ length: 8 }, { generator: generator() })], EXPECTED.random],
    ['more than all', [...new RandomSampler({ length: 4 }, { numSamples: 6, generator: generator() })], EXPECTED.more],
    [
      'replacement',
      [...new RandomSampler({ length: 8 }, { replacement: true, numSamples: 40, generator: generator() })],
      EXPECTED.replacement,
    ],
    ['subset', [...new SubsetRandomSampler([5, 7, 9], { generator: generator() })], EXPECTED.subset],
    [
      'weighted',
      [...new WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3, 0.6], 5, { generator: generator() })],
      EXPECTED.weighted,
    ],
    [
      'weighted without',
      [...new WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3, 0.6], 5, { replacement: false, generator: generator() })],
      EXPECTED.weightedWithout,
    ],
    [
      'split',
      randomSplit(fromArray(range(10)), [3, 7], { generator: generator() }).map((part) => part.indices),
      EXPECTED.split,
    ],
    [
      'fractions',
      randomSplit(fromArray(range(11)), [0.3, 0.3, 0.4], { generator: generator() }).map((part) => part.length),
      EXPECTED.fractions,
    ],
  ]
  for (const [name, actual, expected] of rows) expect([name, actual]).toEqual([name, expected])
  manualSeed(7)
  const loader = new DataLoader(fromArray(range(8)), { batchSize: 4, shuffle: true })
  expect([values(await all(loader)), values(await all(loader))]).toEqual(EXPECTED.loader)
  const own = new DataLoader(fromArray(range(8)), { batchSize: 4, shuffle: true, generator: generator() })
  expect([values(await all(own)), values(await all(own))]).toEqual(EXPECTED.ownGenerator)
})

test('batches', async () => {
  const five = fromArray(range(5))
  const rows: [object, unknown][] = [
    [{}, [[0], [1], [2], [3], [4]]],
    [{ batchSize: 2 }, [[0, 1], [2, 3], [4]]],
    [
      { batchSize: 2, dropLast: true },
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [{ batchSize: 3, sampler: [4, 2, 0, 1] }, [[4, 2, 0], [1]]],
    [{ batchSampler: [[0, 4], [1]] }, [[0, 4], [1]]],
    [{ batchSize: 9 }, [[0, 1, 2, 3, 4]]],
  ]
  for (const [options, expected] of rows) {
    const loader = new DataLoader(five, options)
    const batches = await all(loader)
    expect(values(batches)).toEqual(expected)
    expect(loader.length).toBe(batches.length)
  }
  expect(await all(new DataLoader(five, { batchSize: null }))).toEqual(range(5))
  expect(await all(new DataLoader(five, { batchSize: 3, collateFn: (list) => list.length }))).toEqual([3, 2])
  expect(await all(new DataLoader(fromArray([]), { batchSize: 3, shuffle: true }))).toEqual([])
  const later = { length: 4, get: async (i: number) => i }
  expect(values(await all(new DataLoader(later, { batchSize: 2, prefetchFactor: 2 })))).toEqual([
    [0, 1],
    [2, 3],
  ])
  expect(values(await all(new DataLoader(new Set([1, 2, 3]), { batchSize: 2 })))).toEqual([[1, 2], [3]])
  expect([...new BatchSampler(new SequentialSampler(five), 2)]).toEqual([[0, 1], [2, 3], [4]])
})

test('a stream that is left early is closed', async () => {
  let closed = false
  const stream = {
    *[Symbol.iterator]() {
      try {
        yield* range(10)
      } finally {
        closed = true
      }
    },
  }
  for await (const batch of new DataLoader(stream, { batchSize: 2 })) {
    expect(batch.toArray()).toEqual([0, 1])
    break
  }
  expect(closed).toBe(true)
})

test('collating', () => {
  const batch = defaultCollate([
    { x: tensor([1, 2]), y: [1, 'a', true] as [number, string, boolean], z: new Float64Array([0.5]) },
    { x: tensor([3, 4]), y: [2.5, 'b', false] as [number, string, boolean], z: new Float64Array([1.5]) },
  ])
  expect(batch.x.toArray()).toEqual([
    [1, 2],
    [3, 4],
  ])
  expect(batch.y[0].toArray()).toEqual([1, 2.5])
  expect(batch.y[1]).toEqual(['a', 'b'])
  expect([batch.y[2].dtype, batch.y[2].toArray()]).toEqual(['bool', [true, false]])
  expect([batch.z.dtype, batch.z.toArray()]).toEqual(['float64', [[0.5], [1.5]]])
  expect([defaultCollate([1, 2]).dtype, defaultCollate([1n, 2n]).dtype]).toEqual(['int64', 'int64'])
  const errors: [unknown[], RegExp][] = [
    [[], /a list of samples/],
    [[1, 'a'], /samples of one structure, got 1 and 'a'/],
    [
      [{ a: [1, zeros([2])] }, { a: [1, zeros([3])] }],
      /got \[2\] and \[3\] at sample.a\[1\]; give the loader a collateFn/,
    ],
    [[[1], [1, 2]], /arrays of one length, got 1 and 2/],
    [[{ a: 1 }, { b: 1 }], /every sample to have 'a', got one with b/],
    [[new Date(), new Date()], /got Date; give the loader a collateFn/],
  ]
  for (const [samples, message] of errors) expect(() => defaultCollate(samples)).toThrow(message)
})

const module = join(fileURLToPath(new URL('.', import.meta.url)), 'fixtures/data/datasets.mjs')

test('what a loader refuses', async () => {
  const five = fromArray(range(5))
  const spec = { module, export: 'Numbers', args: [4] }
  const errors: [() => unknown, RegExp][] = [
    [() => new DataLoader(five, { batchSize: 0 }), /positive integer or null for batchSize, got 0/],
    [
      () => new DataLoader(five, { numWorkers: 2 }),
      /the data set as \{ module, export, args \} where numWorkers is 2, got ArrayDataset/,
    ],
    [() => new DataLoader(five, { numWorkers: -1 }), /integer ≥ 0 for numWorkers/],
    [() => new DataLoader(five, { shuffle: true, sampler: [1] }), /sampler and shuffle exclude each other/],
    [() => new DataLoader(five, { batchSampler: [[1]], batchSize: 2 }), /batchSampler excludes/],
    [() => new DataLoader([1].values(), { shuffle: true }), /iterable data set has no indices/],
    [() => new DataLoader(new Set([1])).length, /iterable data set has no length/],
    [() => new DataLoader(spec, { numWorkers: 1, collateFn: () => 1 }), /collateFn as \{ module, export \}/],
    [() => new DataLoader(spec, { numWorkers: 1 }).length, /await loader.ready\(\)/],
    [() => new DataLoader(7 as never), /expected a data set .*, got 7/],
  ]
  for (const [make, message] of errors) expect(make).toThrow(message)
  await expect(all(new DataLoader({ module: 'no-such-package' }))).rejects.toThrow(
    /got 'no-such-package'; a relative path/,
  )
  await expect(all(new DataLoader({ module, export: 'Nothing' }))).rejects.toThrow(
    /has no export 'Nothing'; it has .*Numbers/,
  )
  await expect(
    all(
      new DataLoader(fromArray([1, 2]), {
        collateFn: () => {
          throw new RangeError('mine')
        },
      }),
    ),
  ).rejects.toThrow(RangeError)
})

test('another sampler', async () => {
  const loader = new DataLoader(fromArray(range(6)), { batchSize: 2, shuffle: true })
  expect([loader.samples, loader.shuffle, loader.sampler]).toEqual([6, true, undefined])
  const other = loader.withSampler([5, 3, 1])
  expect([other.samples, other.shuffle, other.length]).toEqual([6, false, 2])
  expect(values(await all(other))).toEqual([[5, 3], [1]])
  expect(new DataLoader(new Set([1])).samples).toBe(null)
  const batches = new DataLoader(fromArray([0, 1]), { batchSampler: [[0], [1]] })
  expect(() => batches.withSampler([1])).toThrow(/withSampler: a batchSampler decides/)
})

test('a data set by its module, without workers', async () => {
  const loader = new DataLoader<[Tensor, number]>({ module, export: 'namespace.Numbers', args: [5] }, { batchSize: 2 })
  await loader.ready()
  expect(loader.length).toBe(3)
  const [[x, y]] = await all(loader)
  expect([x.toArray(), y.toArray()]).toEqual([
    [
      [0, 0, 0],
      [1, 1, 1],
    ],
    [0, 1],
  ])
})
