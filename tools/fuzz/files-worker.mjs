// A child process that reads damaged files by number. It writes each number down first, so that the parent knows which
// one took the process with it; everything else that is wrong it reports.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { core, Tensor, toBytes } from '../conformance/library.mjs'
import { formats } from './formats.mjs'
import { mutate } from './mutate.mjs'
import { Random } from './random.mjs'

const [, , marker, seedText, formatName] = process.argv
const format = formats[formatName]
const file = openSync(marker, 'w')
/** What a reader may allocate for a file of n bytes. */
const justified = (n) => 2 ** 24 + 1100 * n
/** Expanded shapes cost nothing until they are read. */
const READABLE = 1e6

/** The tensors in a value, which may be deep and hold itself. */
function tensorsIn(value) {
  const seen = new Set([value])
  for (const item of seen) {
    if (typeof item !== 'object' || item === null || item instanceof Tensor || ArrayBuffer.isView(item)) continue
    const parts =
      item instanceof Map ? [...item.keys(), ...item.values()] : item instanceof Set ? item : Object.values(item)
    for (const part of parts) seen.add(part)
  }
  return [...seen].filter((item) => item instanceof Tensor)
}

export function inputOf(number) {
  const r = new Random(Math.imul(Number(seedText) + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const seed = r.pick(format.seeds)
  if (format.make && r.chance(0.6)) return format.make(r, seed, format.seeds)
  return mutate(r, seed, format.seeds)
}

/** Null, or what is wrong. */
async function run(bytes) {
  const path = `${marker}.input`
  writeFileSync(path, bytes)
  const before = core.memory().inUse
  let value
  try {
    value = await format.read(path)
  } catch (error) {
    if (error instanceof core.FormatError) return null
    return `threw ${error?.name}: ${inspect(error).slice(0, 500)}`
  }
  const { inUse } = core.memory()
  if (inUse - before > justified(bytes.length))
    return `took ${inUse - before} bytes of memory for a file of ${bytes.length}`
  for (const t of tensorsIn(value)) {
    if (t.device !== 'meta' && t.numel() <= READABLE) toBytes(t)
    t.dispose()
  }
  return null
}

process.on('message', async ({ from, count }) => {
  for (let number = from; number < from + count; number++) {
    writeSync(file, String(number).padStart(12), 0)
    const bytes = inputOf(number)
    const problem = await run(bytes)
    if (problem !== null) process.send({ number, problem })
  }
  process.send({ done: from + count })
})
process.on('disconnect', () => {
  closeSync(file)
  process.exit(0)
})
process.send({ ready: true })
