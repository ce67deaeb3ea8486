// `npm run interop:torch -- [--count N] [--seed N]`: files of random values, of every dtype and
// with views that share storages, written by PyTorch and read here, and the other way round, compared bit for bit.
// FLAMBEAU_PYTHON names a Python that has PyTorch.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { needPyTorch, python } from '../../benchmarks/support/alternate.mjs'
import { core, fromBytes, Tensor, toBytes } from '../conformance/library.mjs'
import { Random } from '../fuzz/random.mjs'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
})
const count = Number(values.count)
const seed = Number(values.seed)
const other = fileURLToPath(new URL('torch_files.py', import.meta.url))
const DTYPES = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  complex32: 4,
  complex64: 8,
  complex128: 16,
}

/** Every leaf of a value: [path, kind, …], as torch_files.py describes them. */
function described(value, path = '', rows = [], storages = new Map()) {
  if (value instanceof Tensor) {
    const { storage } = value
    // PyTorch makes a new storage for each tensor without elements.
    if (storage.nbytes === 0) storages.set(storage, -1)
    else if (!storages.has(storage)) storages.set(storage, [...storages.values()].filter((n) => n >= 0).length)
    const kind = value instanceof core.nn.Parameter ? 'parameter' : 'tensor'
    const layout = [value.dtype, [...value.shape], value.stride(), value.storageOffset(), storages.get(storage)]
    rows.push([path, kind, ...layout, value.requiresGrad, Buffer.from(toBytes(value.detach())).toString('hex')])
  } else if (Array.isArray(value))
    for (const [i, item] of value.entries()) described(item, `${path}[${i}]`, rows, storages)
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) described(item, `${path}.${key}`, rows, storages)
  else rows.push([path, 'value', value])
  return rows
}

function tensorOf(r) {
  const dtype = r.pick(Object.keys(DTYPES))
  const shape = r.list(0, 4, () => (r.chance(0.2) ? r.pick([0, 1, 2, 3, 5]) : r.int(1, 4)))
  const numel = shape.reduce((n, size) => n * size, 1)
  const bytes = Uint8Array.from({ length: numel * DTYPES[dtype] }, () => r.int(0, dtype === 'bool' ? 1 : 255))
  return fromBytes({ dtype, shape, stride: core.zeros(shape).stride() }, bytes)
}

function viewOf(r, t) {
  if (t.ndim === 0 || t.numel() === 0) return t.detach()
  const kind = r.int(0, 4)
  if (kind === 0 && t.ndim > 1) return t.transpose(0, -1)
  if (kind === 1) return t.select(0, r.int(0, t.shape[0] - 1))
  if (kind === 2) return t.at(core.slice(null, null, r.int(1, 3)))
  if (kind === 3) return t.unsqueeze(0).expand([3, ...t.shape])
  return t.detach()
}

function randomValue(r, depth, pool) {
  const choice = r.next()
  if (depth > 0 && choice < 0.25)
    return Object.fromEntries(r.list(0, 4, () => null).map((_, i) => [`k${i}`, randomValue(r, depth - 1, pool)]))
  if (depth > 0 && choice < 0.4) return r.list(0, 4, () => randomValue(r, depth - 1, pool))
  if (choice < 0.55) return r.pick([null, true, false, 0, -1, 2 ** 31, -(2 ** 40), 0.5, 1e300, '', 'text', 'ä€😀'])
  if (pool.length > 0 && choice < 0.75) return viewOf(r, r.pick(pool))
  const made = tensorOf(r)
  pool.push(made)
  if (choice < 0.8 && made.isFloatingPoint()) return new core.nn.Parameter(made, r.chance(0.7))
  return made
}

function run(...args) {
  const { status, stdout, stderr } = spawnSync(python, ['-W', 'ignore', other, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args[0]}: ${stderr}`)
  if (stderr !== '') console.error(stderr.slice(0, 4000))
  return stdout
}

needPyTorch()
const folder = mkdtempSync(join(tmpdir(), 'flambeau-compare-'))
try {
  run('write', folder, String(count), String(seed))
  let problems = 0
  let leaves = 0
  for (let number = 0; number < count; number++) {
    const expected = JSON.parse(readFileSync(join(folder, `${number}.json`), 'utf8'))
    const rows = described(core.load(join(folder, `${number}.pt`)))
    leaves += rows.length
    if (isDeepStrictEqual(rows, expected)) continue
    problems++
    const at = rows.findIndex((row, i) => !isDeepStrictEqual(row, expected[i]))
    console.error(`file ${number}: expected ${JSON.stringify(expected[at])}, got ${JSON.stringify(rows[at])}`)
  }
  console.log(`PyTorch → Flambeau: ${count} files, ${leaves} values, ${problems} problems`)
  for (let number = 0; number < count; number++) {
    const r = new Random(seed * 1_000_003 + number)
    const value = { root: randomValue(r, 4, []), more: [randomValue(r, 3, [])] }
    core.save(join(folder, `${number}.pt`), value)
    writeFileSync(join(folder, `${number}.json`), JSON.stringify(described(value)))
  }
  const wrong = Number(run('read', folder, String(count)))
  console.log(`Flambeau → PyTorch: ${count} files, read and mapped, ${wrong} problems`)
  process.exitCode = problems + wrong === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
