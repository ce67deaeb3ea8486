// Files of 1 GB, loaded and read to the last byte, against Python in fresh processes; a file of 2 GB, opened; and what a
// checkpoint costs the training step that it is taken after.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { AsyncCheckpointer, nn, openSafetensors, optim, randn, save, saveNpy, saveSafetensors } from '@flambeau/core'
import { figure, flambeau, median, needPyTorch, pytorch, report } from './support/alternate.mjs'

needPyTorch()
/** `npm run bench -- files pt npy`: these formats alone. */
const chosen = process.argv.slice(2)
const FORMATS = ['safetensors', 'pt', 'npy']
const folder = mkdtempSync(join(tmpdir(), 'flambeau-bench-'))
const ROUNDS = 7

/** How long a process may take to begin, and the one before it to end, neither of which is measured. */
const SETTLE_MS = 4000

async function once(contestant, format, path) {
  await setTimeout(SETTLE_MS)
  const answer = await contestant.ask(JSON.stringify([format, path]))
  contestant.close()
  return answer
}

/** Reads a file, so that it is in the system's cache whoever comes next. */
function warm(path) {
  const fd = openSync(path, 'r')
  const buffer = new Uint8Array(2 ** 22)
  while (readSync(fd, buffer) > 0);
  closeSync(fd)
}

/** Both sides, each time in a new process, and in turns the one or the other first. */
async function compare(format, path) {
  const times = { ours: [], theirs: [] }
  const peaks = { ours: [], theirs: [] }
  const ours = () => once(flambeau('files'), format, path)
  const theirs = () => once(pytorch('files'), format, path)
  for (let round = 0; round <= ROUNDS; round++) {
    const answers = []
    for (const side of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      warm(path)
      answers.push(await side())
    }
    const [[a, sum, peak], [b, theirSum, theirPeak]] = round % 2 === 0 ? answers : answers.reverse()
    if (Math.abs(sum - theirSum) > 1e-3 * Math.abs(theirSum) + 1)
      throw new Error(`${format}: sums differ: ${sum}, ${theirSum}`)
    if (round === 0) continue
    times.ours.push(a)
    times.theirs.push(b)
    peaks.ours.push(peak)
    peaks.theirs.push(theirPeak)
  }
  report(`${format}: load and read`, { ours: median(times.ours) * 1e3, theirs: median(times.theirs) * 1e3 }, 1.1, 'ms')
  const { size } = statSync(path)
  figure(
    `${format}: peak memory over the file's size (Python ${(median(peaks.theirs) / size).toFixed(2)})`,
    median(peaks.ours) / size,
    1.1,
    (x) => x.toFixed(3),
  )
}

function writeFiles() {
  const tensors = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`w${i}`, randn([64, 1024, 256])]))
  saveSafetensors(join(folder, 'safetensors'), tensors)
  save(join(folder, 'pt'), tensors)
  saveNpy(join(folder, 'npy'), randn([1024, 1024, 256]))
}

/** A header for 2 GB, and nothing but holes behind it. */
function openLarge() {
  const path = join(folder, 'large')
  const each = 2 ** 27
  const header = Buffer.from(
    JSON.stringify(
      Object.fromEntries(
        Array.from({ length: 16 }, (_, i) => [
          `layers.${i}.weight`,
          { dtype: 'F32', shape: [each / 4096, 1024], data_offsets: [i * each, (i + 1) * each] },
        ]),
      ),
    ),
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(path, Buffer.concat([length, header]))
  truncateSync(path, 8 + header.length + 16 * each)
  const times = []
  const resident = process.memoryUsage.rss()
  for (let i = 0; i < 9; i++) {
    const start = performance.now()
    const file = openSafetensors(path)
    file.slice('layers.7.weight', 100, '10:20').sum().item()
    times.push(performance.now() - start)
    file.close()
  }
  figure('a file of 2 GB: open, and read ten elements', median(times), 5, (ms) => `${ms.toFixed(2)} ms`)
  figure('what that reads', process.memoryUsage.rss() - resident, 2e7, (n) => `${(n / 1e6).toFixed(1)} MB`)
}

/** A step of a network of 50 MB with Adam, whose checkpoint is 150 MB. */
async function checkpoints() {
  const layers = Array.from({ length: 3 }, () => new nn.Linear(2048, 2048))
  const model = new nn.Sequential(...layers)
  const optimizer = new optim.Adam(model.parameters())
  const x = randn([128, 2048])
  const step = () => {
    optimizer.zeroGrad()
    model.forward(x).pow(2).mean().backward()
    optimizer.step()
  }
  const timed = (body) => {
    const start = performance.now()
    body()
    return performance.now() - start
  }
  const value = () => ({ model: model.stateDict(), optimizer: optimizer.stateDict() })
  for (let i = 0; i < 5; i++) step()
  const alone = Array.from({ length: 20 }, () => timed(step))
  const synchronous = Array.from({ length: 3 }, (_, i) => timed(() => save(join(folder, `sync-${i}`), value())))
  const checkpointer = new AsyncCheckpointer()
  const calls = []
  const beside = []
  // The first one makes its thread and memory.
  for (let i = 0; i < 6; i++) {
    let done = false
    const call = timed(() => {
      checkpointer.save(join(folder, 'async'), value()).then(() => {
        done = true
      })
    })
    if (i > 0) calls.push(call)
    while (!done) {
      const time = timed(step)
      if (i > 0) beside.push(time)
      await new Promise(setImmediate)
    }
  }
  await checkpointer.close()
  const ms = (time) => `${time.toFixed(1)} ms`
  console.log(`  a training step: ${ms(median(alone))}, while a checkpoint is written: ${ms(median(beside))}`)
  console.log(`  save() of 150 MB: ${ms(median(synchronous))}`)
  figure('AsyncCheckpointer.save() of 150 MB, against save()', median(calls) / median(synchronous), 0.25, (x) =>
    x.toFixed(3),
  )
}

try {
  if (chosen.length === 0) {
    openLarge()
    await checkpoints()
  }
  writeFiles()
  for (const format of FORMATS)
    if (chosen.length === 0 || chosen.includes(format)) await compare(format, join(folder, format))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
