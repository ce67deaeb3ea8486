import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { data, Generator, type Tensor, WorkerError } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const { DataLoader } = data
const here = fileURLToPath(new URL('.', import.meta.url))
const module = join(here, 'fixtures/data/datasets.mjs')
const named = (name: string, ...args: unknown[]) => ({ module, export: name, args })

async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const batches: B[] = []
  for await (const batch of loader) batches.push(batch)
  return batches
}

async function failure(loader: AsyncIterable<unknown>): Promise<WorkerError> {
  try {
    await all(loader)
  } catch (error) {
    if (error instanceof WorkerError) return error
    throw error
  }
  throw new Error('expected a WorkerError')
}

test('the order does not depend on the number of workers', async () => {
  const epochs = async (options: object) => {
    const loader = new DataLoader<[Tensor, number]>(named('Numbers', 11, { slow: true }), {
      batchSize: 2,
      shuffle: true,
      generator: new Generator().manualSeed(1),
      ...options,
    })
    const seen = [await all(loader), await all(loader)].map((batches) =>
      batches.map(([x, y]) => [x.toArray(), y.toArray()]),
    )
    await loader.close()
    return seen
  }
  const alone = await epochs({})
  expect(await epochs({ numWorkers: 1 })).toEqual(alone)
  expect(await epochs({ numWorkers: 3, prefetchFactor: 1, persistentWorkers: true })).toEqual(alone)
})

test('streams, single samples, collateFn, workerInitFn and getWorkerInfo', async () => {
  const stream = new DataLoader<number>(named('Stream', 7), { batchSize: 2, numWorkers: 2 })
  // PyTorch 2.13, the same stream: [[0, 2], [1, 3], [4, 6], [5]]
  expect((await all(stream)).map((batch) => batch.toArray())).toEqual([[0, 2], [1, 3], [4, 6], [5]])
  expect(await all(new DataLoader(named('letters'), { batchSize: null, numWorkers: 1 }))).toEqual(['a', 'b', 'c'])
  const info = new DataLoader(named('inWorker'), {
    batchSize: null,
    numWorkers: 2,
    workerInitFn: { module, export: 'initialise' },
  })
  expect(await all(info)).toEqual(
    [0, 1, 2, 3].map((index) => ({ index, info: index % 2, initialised: `worker ${index % 2}` })),
  )
  expect(data.getWorkerInfo()).toBe(null)
  const joined = new DataLoader(named('Stream', 3), {
    batchSize: 3,
    numWorkers: 1,
    collateFn: { module, export: 'join' },
  })
  expect(await all(joined)).toEqual(['0+1+2'])
  const ready = await new DataLoader(named('Numbers', 9), { batchSize: 4, numWorkers: 2 }).ready()
  expect(ready.length).toBe(3)
  expect((await all(ready)).length).toBe(3)
})

test('errors in a worker come with their stack and index', async () => {
  const error = await failure(new DataLoader(named('Failing'), { batchSize: 2, numWorkers: 2 }))
  expect(error.message).toBe('DataLoader worker 0 failed at index 5: RangeError: sample five is broken')
  expect([error.worker, error.index]).toEqual([0, 5])
  expect(error.stack).toMatch(/Failing.get .*datasets\.mjs:\d+/)
  expect(error.cause).toMatchObject({ name: 'RangeError', message: 'sample five is broken' })
  const rows: [object, object, RegExp][] = [
    [named('broken'), {}, /DataLoader worker 0 failed: Error: no data set today/],
    [named('Nothing'), {}, /has no export 'Nothing'/],
    [{ module: './nowhere.mjs' }, {}, /Cannot find module/],
    [named('Unsendable'), { batchSize: null }, /could not be cloned/],
    [named('Dying'), {}, /DataLoader worker 1 ended unexpectedly with exit code 3/],
    [named('Uncaught'), {}, /DataLoader worker 1 failed: Error: thrown in a timer/],
    [named('Hanging'), { timeout: 0.3 }, /DataLoader worker \d gave no batch within 0.3 seconds/],
  ]
  for (const [spec, options, message] of rows)
    expect((await failure(new DataLoader(spec as { module: string }, { numWorkers: 2, ...options }))).message).toMatch(
      message,
    )
})

test('kept workers serve epoch after epoch, also after an early break and a death', async () => {
  const loader = new DataLoader<[Tensor, number]>(named('Numbers', 20, { slow: true }), {
    numWorkers: 2,
    persistentWorkers: true,
  })
  for await (const [, y] of loader) if (y.item() === 3) break
  const labels = (await all(loader)).map(([, y]) => y.item())
  expect(labels).toEqual(Array.from({ length: 20 }, (_, i) => i))
  // Two loops at once: the second gets workers of its own.
  const first = loader[Symbol.asyncIterator]()
  await first.next()
  expect((await all(loader)).length).toBe(20)
  await first.return?.()
  await loader.close()
  expect((await all(loader)).length).toBe(20)
  await loader.close()

  const dying = new DataLoader(named('Dying'), { numWorkers: 2, persistentWorkers: true })
  for (let i = 0; i < 2; i++) expect((await failure(dying)).message).toMatch(/exit code 3/)
})

/** Runs a program in a Node of its own. */
function run(program: string): { readonly status: number | null; readonly output: string } {
  const head = `
    import { Worker } from 'node:worker_threads'
    import { data } from '@flambeau/core'
    import { native } from ${JSON.stringify(new URL('../dist/binding/native.js', import.meta.url).href)}
    import { collectGarbage } from ${JSON.stringify(new URL('../dist/tensor/collect.js', import.meta.url).href)}
    const module = ${JSON.stringify(module)}
    const inUse = () => { collectGarbage(); return native.memory(0).inUse }
    const settled = () => new Promise((resolve) => setTimeout(resolve, 20))
  `
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', head + program], {
    cwd: here,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, output: stdout + stderr }
}

test('no memory is left behind, however a loop ends', () => {
  const { status, output } = run(`
    const loader = (name, args, options) => new data.DataLoader({ module, export: name, args }, { batchSize: 4, numWorkers: 2, ...options })
    // 1 MB a batch
    const big = (options) => loader('Numbers', [64, { size: 65536 }], options)
    // Compiled code may keep the last value it saw from collection: what arrived is disposed, the rest is the loader's.
    const end = (batch) => batch[0].dispose()
    const loops = {
      async whole() {
        for await (const batch of big()) end(batch)
      },
      async early() {
        for (let i = 0; i < 3; i++) for await (const batch of big({ prefetchFactor: 8 })) { end(batch); break }
      },
      async kept() {
        const kept = big({ persistentWorkers: true, prefetchFactor: 4 })
        for (let i = 0; i < 3; i++) for await (const batch of kept) { end(batch); break }
        await kept.close()
      },
      async died() {
        for await (const batch of loader('Dying', [], { batchSize: 1 })) ;
      },
    }
    const before = inUse()
    for (const [name, loop] of Object.entries(loops)) {
      await loop().catch(() => {})
      await settled()
      const left = inUse() - before
      if (left > 64 * 1024) throw new Error(name + ' left ' + left + ' bytes')
    }
  `)
  expect({ status, output }).toEqual({ status: 0, output: '' })
})

test('a loader that is dropped in mid-epoch does not keep the process alive', () => {
  const { status, output } = run(`
    const loader = new data.DataLoader({ module, export: 'Numbers', args: [1000] }, { numWorkers: 2 })
    const iterator = loader[Symbol.asyncIterator]()
    console.log((await iterator.next()).value[1].item())
  `)
  expect({ status, output }).toEqual({ status: 0, output: '0\n' })
})

test('a caller that dies with batches on their way leaves no memory behind', () => {
  const { status, output } = run(`
    const before = inUse()
    const caller = new Worker(\`
      import('@flambeau/core').then(async ({ data }) => {
        const loader = new data.DataLoader({ module: \${JSON.stringify(module)}, export: 'Numbers', args: [64, { size: 65536 }] }, { batchSize: 4, numWorkers: 2, prefetchFactor: 8 })
        for await (const batch of loader) { await new Promise((resolve) => setTimeout(resolve, 300)); process.exit(0) }
      })
    \`, { eval: true })
    await new Promise((resolve) => caller.on('exit', resolve))
    await settled()
    const left = inUse() - before
    if (left > 64 * 1024) throw new Error('left behind: ' + left)
  `)
  expect({ status, output }).toEqual({ status: 0, output: '' })
})
