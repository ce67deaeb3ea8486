import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ArgumentError,
  AsyncCheckpointer,
  arange,
  checkpointState,
  FormatError,
  Generator,
  load,
  loadCheckpoint,
  manualSeed,
  nn,
  ones,
  optim,
  randn,
  randperm,
  save,
  saveCheckpoint,
  type Tensor,
  zeros,
} from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-checkpoints-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A run with everything that has a state: dropout draws from the default generator. */
function makeRun(seed: number) {
  manualSeed(seed)
  const [first, last] = [new nn.Linear(4, 8), new nn.Linear(8, 1)]
  const model = new nn.Sequential(first, new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Dropout(0.5), last)
  const optimizer = new optim.AdamW([{ params: first.parameters(), lr: 0.02 }, { params: last.parameters() }], {
    lr: 0.01,
  })
  const scheduler = new optim.lrScheduler.SequentialLR(
    optimizer,
    [
      new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.1, totalIters: 3 }),
      new optim.lrScheduler.CosineAnnealingLR(optimizer, 10),
    ],
    [3],
  )
  const order = new Generator().manualSeed(seed + 1)
  const step = (): number => {
    const picked = randperm(32, { generator: order }).narrow(0, 0, 8)
    const x = arange(128).reshape([32, 4]).to('float32').div(100).indexSelect(0, picked)
    const loss = model
      .forward(x)
      .sub(x.sum(1, { keepdim: true }))
      .pow(2)
      .mean()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    return loss.item() as number
  }
  return { parts: { model, optimizer, scheduler, order }, step }
}

test('a run goes on from its checkpoint as if it had not been interrupted', () => {
  const first = makeRun(1)
  for (let i = 0; i < 5; i++) first.step()
  saveCheckpoint(at('run.pt'), { ...first.parts, epoch: 5, history: [0.5, null, 'text'], best: ones([2]) })
  const rest = Array.from({ length: 8 }, first.step)

  const second = makeRun(99)
  second.step()
  const { values, missingKeys, unexpectedKeys } = loadCheckpoint(at('run.pt'), second.parts)
  expect(Object.keys(values)).toEqual(['epoch', 'history', 'best'])
  expect([values.epoch, values.history, (values.best as Tensor).toArray()]).toEqual([5, [0.5, null, 'text'], [1, 1]])
  expect([missingKeys, unexpectedKeys]).toEqual([[], []])
  expect(Array.from({ length: 8 }, second.step)).toEqual(rest)
})

test('what does not fit is listed, and strict: false lets it be', () => {
  const { parts } = makeRun(1)
  saveCheckpoint(at('strict.pt'), { model: parts.model, epoch: 1 })
  const other = new nn.Sequential(new nn.Linear(4, 8), new nn.Linear(8, 2))
  expect(() => loadCheckpoint(at('strict.pt'), parts)).toThrow(
    /does not have 'optimizer', 'scheduler', 'order'; it has: model, epoch, rng_state/,
  )
  expect(() => loadCheckpoint(at('strict.pt'), { model: other })).toThrow(ArgumentError)
  expect(() => loadCheckpoint(at('strict.pt'), { model: other })).toThrow(
    /for Sequential:\n\s+Unexpected key\(s\) in stateDict: "1.running_mean", "1.running_var", "1.num_batches_tracked", "4.weight", "4.bias".\n\s+size mismatch for 1.weight: copying a param with shape \[8\] from checkpoint, the shape in current model is \[2, 8\]./,
  )
  const bigger = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Identity(), new nn.PReLU())
  expect(() => loadCheckpoint(at('strict.pt'), { model: bigger })).toThrow(/Missing key\(s\) in stateDict: "3.weight"/)
  const before = manualSeed(3).getState()
  const { missingKeys, unexpectedKeys, values } = loadCheckpoint(
    at('strict.pt'),
    { model: bigger, order: new Generator() },
    { strict: false, rng: false },
  )
  expect([missingKeys, unexpectedKeys]).toEqual([
    ['order', 'model.3.weight'],
    ['model.4.weight', 'model.4.bias'],
  ])
  expect(values).toEqual({ epoch: 1 })
  expect(manualSeed(3).getState().eq(before).all().item()).toBe(true)
  const weights = (parts.model.stateDict() as nn.StateDict)['0.weight']
  expect(bigger.stateDict()['0.weight'].eq(weights).all().item()).toBe(true)
})

test('arguments that are no parts', () => {
  expect(() => checkpointState({ rng_state: 1 })).toThrow(/'rng_state' is the default generator's/)
  expect(Object.keys(checkpointState({ rng_state: 1 }, { rng: false }))).toEqual(['rng_state'])
  expect(() => saveCheckpoint(at('x'), new nn.Linear(1, 1) as never)).toThrow(/expected an object such as { model/)
  expect(() => saveCheckpoint(at('x'), { f: () => 1 })).toThrow(/save: expected tensors and plain values/)
  save(at('list.pt'), [1, 2])
  expect(() => loadCheckpoint(at('list.pt'))).toThrow(FormatError)
  expect(() => loadCheckpoint(at('list.pt'), { epoch: 3 } as never)).toThrow(/as 'epoch', got 3; values are returned/)
  save(at('bad-state.pt'), { order: ones([3]) })
  expect(() => loadCheckpoint(at('bad-state.pt'), { order: new Generator() })).toThrow(
    /expected a uint8 tensor of 5056/,
  )
})

test('an AsyncCheckpointer saves the values of the call', async () => {
  const checkpointer = new AsyncCheckpointer()
  const base = randn([3, 400_000])
  const value = {
    base,
    row: base.select(0, 1),
    turned: base.transpose(0, 1),
    far: ones([5], { device: 'debug' }),
    n: [1, 'x'],
    none: zeros([0]),
  }
  const before = base.clone()
  const saved = checkpointer.save(at('async.pt'), value)
  base.fill_(-1)
  value.far.fill_(-1)
  await saved
  const loaded = load<typeof value>(at('async.pt'))
  expect(loaded.base.eq(before).all().item()).toBe(true)
  expect([loaded.far.toArray(), loaded.n, loaded.none.shape]).toEqual([[1, 1, 1, 1, 1], [1, 'x'], [0]])
  // Shared memory is shared again.
  loaded.row.fill_(7)
  expect(loaded.turned.at(0).toArray()).toEqual([before.at(0, 0).item(), 7, before.at(2, 0).item()])
  expect(statSync(at('async.pt')).size).toBeLessThan(4_900_000)

  // A loop that never gives the event loop a turn.
  const weight = zeros([100_000])
  const all: Promise<void>[] = []
  for (let i = 0; i < 6; i++) {
    weight.fill_(i)
    all.push(checkpointer.save(at(`loop-${i}.pt`), { weight, i }))
  }
  await checkpointer.wait()
  await Promise.all(all)
  for (let i = 0; i < 6; i++) {
    const { weight: w, i: n } = load<{ weight: Tensor; i: number }>(at(`loop-${i}.pt`))
    expect([n, w.eq(i).all().item()]).toEqual([i, true])
  }

  // Failures reach whoever waits; later saves are not disturbed.
  await expect(checkpointer.save(at('no/such/folder.pt'), { weight })).rejects.toMatchObject({ code: 'ENOENT' })
  expect(() => checkpointer.save(at('f.pt'), { f: () => 1 })).toThrow(/expected tensors and plain values/)
  await checkpointer.save(at('after.pt'), [1])
  expect(load(at('after.pt'))).toEqual([1])
  await checkpointer.close()
  expect(() => checkpointer.save(at('f.pt'), 1)).toThrow(/was closed/)
  await checkpointer.close()
  expect(() => new AsyncCheckpointer({ maxPending: 0 })).toThrow(/maxPending/)
})

test('a process that ends waits for the save that is under way', () => {
  const program = `
    import { AsyncCheckpointer, ones } from '@flambeau/core'
    new AsyncCheckpointer().save(${JSON.stringify(at('ending.pt'))}, { weight: ones([3_000_000]) })`
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: join(root, 'packages/core/test') })
  expect(load<{ weight: Tensor }>(at('ending.pt')).weight.sum().item()).toBe(3_000_000)
})

test('what ended processes left behind goes with the next save', () => {
  const old = new Date(Date.now() - 3_600_000)
  const left = (name: string, time: Date | null) => {
    writeFileSync(at(name), 'x')
    if (time !== null) utimesSync(at(name), time, time)
    return name
  }
  // No process has this number.
  const gone = left('kept.pt.4194304.00112233.tmp', old)
  const kept = [
    left('kept.pt.4194304.00112244.tmp', null),
    left(`kept.pt.${process.pid}.00112233.tmp`, old),
    left('other.pt.4194304.00112233.tmp', old),
    left('kept.pt.4194304.tmp', old),
  ]
  save(at('kept.pt'), 1)
  const found = readdirSync(folder)
  expect(found).not.toContain(gone)
  for (const name of kept) expect(found).toContain(name)
})

test('a kill at any moment leaves a whole file', () => {
  const output = execFileSync(process.execPath, [join(root, 'tools/kills.mjs'), '--kills', '12', '--seed', '1'], {
    encoding: 'utf8',
  })
  expect(output.match(/a whole file each time/g)).toHaveLength(4)
})
