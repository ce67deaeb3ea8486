// `node tools/conformance/pack.mjs DIR… --out FILE`: a small set of cases in one compressed file, for machines without
// PyTorch. Of each folder it takes a few small cases that differ in their arguments.

import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants } from 'node:zlib'
import { packArchive } from './archive.mjs'
import { describeValue, findFolders, readFolder } from './cases.mjs'

/** How many ordinary cases and refusals of a folder of each kind, and the bytes that a case may have. */
const QUOTA = {
  float32: { cases: 4, errors: 3, bytes: 6000 },
  float64: { cases: 1, errors: 0, bytes: 6000 },
  int64: { cases: 2, errors: 0, bytes: 3000 },
  bool: { cases: 1, errors: 0, bytes: 2000 },
  complex64: { cases: 1, errors: 0, bytes: 4000 },
  bfloat16: { cases: 1, errors: 0, bytes: 3000 },
  modules: { cases: 1, errors: 0, bytes: 60000 },
  optims: { cases: 20, errors: 0, bytes: 20000 },
}

/** Every tensor of a case, wherever it is. */
function* allTensors(value) {
  if (value === null || typeof value !== 'object') return
  if (value.$tensor) yield value.$tensor
  else for (const item of Object.values(value)) yield* allTensors(item)
}

const sizeOf = (testCase) => [...allTensors(testCase)].reduce((n, { byteLength }) => n + byteLength, 0)

/** What a case exercises: dtypes and numbers of dimensions, and everything that is no tensor. */
function kindOf({ args, kwargs, constructor: made }) {
  const text = describeValue(made ? [made.args, made.kwargs] : [args ?? [], kwargs ?? {}])
  return text.replace(/\[[\d,]*\]/g, (shape) => `[${shape.split(',').length}]`)
}

/** The smallest cases, one of each kind first. */
function choose(cases, count, bytes) {
  const sized = cases
    .map((testCase) => ({ testCase, size: sizeOf(testCase), kind: kindOf(testCase) }))
    .sort((a, b) => a.size - b.size)
  const fitting = sized.filter(({ size }) => size <= bytes)
  // An operator whose cases are all large still gets one.
  const pool = fitting.length > 0 ? fitting : sized.slice(0, 1)
  const seen = new Set()
  const first = pool.filter(({ kind }) => !seen.has(kind) && seen.add(kind))
  // Empty tensors are the smallest and show the least: at most one of them.
  const ordered = [...first, ...pool.filter((entry) => !first.includes(entry))]
  const full = ordered.filter(({ size }) => size > 64)
  const list = [...full.slice(0, Math.max(1, count - 1)), ...ordered.filter((entry) => !full.includes(entry))]
  return list.slice(0, count).map(({ testCase }) => testCase)
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
const folders = []
for (const dir of positionals)
  for (const folder of findFolders(dir)) {
    const name = basename(dir)
    const quota = QUOTA[name === 'ops' ? folder.split('/').at(-1) : name]
    if (!quota) continue
    const { cases, data } = readFolder(dir, folder)
    const chosen = [
      ...choose(
        cases.filter(({ error }) => error === undefined),
        quota.cases,
        quota.bytes,
      ),
      ...choose(
        cases.filter(({ error }) => error !== undefined),
        quota.errors,
        quota.bytes,
      ),
    ]
    if (chosen.length > 0) folders.push({ name: `${name}/${folder}`, cases: chosen, data })
  }
const archive = brotliCompressSync(packArchive(folders), {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 11 },
})
writeFileSync(values.out, archive)
console.log(
  `${folders.length} folders, ${folders.reduce((n, { cases }) => n + cases.length, 0)} cases, ${archive.length} bytes`,
)
