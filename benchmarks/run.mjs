// `npm run bench [-- NAME] [OPTIONS]`: the benchmarks, one after another, or one with its options. Options alone are the suite's.
// `npm run bench -- all FOLDER` keeps the figures of those that write JSON there; `page` makes docs/benchmarks.md of such a folder.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PLAIN = [
  'import',
  'dispatch',
  'memory',
  'mnist-step',
  'fft',
  'linalg',
  'files',
  'trainer',
  'text',
  'audio',
  'vision',
  'distributed',
]
const WRITING = ['suite', 'compile', 'peers', 'growth', 'lateness']
const NAMES = [...PLAIN, ...WRITING]
/** Not a benchmark. */
const PAGE = 'page'
const given = process.argv.slice(2)
const optionsOnly = given[0]?.startsWith('-') ?? false
const all = given.length === 0 || given[0] === 'all'
const folder = all ? given[1] : undefined
const chosen = all ? NAMES : [optionsOnly ? 'suite' : given[0]]
const options = all ? [] : optionsOnly ? given : given.slice(1)
if (folder !== undefined) mkdirSync(folder, { recursive: true })
for (const name of chosen) {
  if (!NAMES.includes(name) && name !== PAGE) {
    console.error(`unknown benchmark '${name}': expected ${[...NAMES, 'all', PAGE].join(', ')}`)
    process.exit(2)
  }
  console.log(`▸ ${name}`)
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const keeping = folder !== undefined && WRITING.includes(name) ? ['--json', join(folder, `${name}.json`)] : []
  const { status } = spawnSync(process.execPath, [file, ...options, ...keeping], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
