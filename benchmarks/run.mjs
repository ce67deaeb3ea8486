// `npm run bench [-- NAME] [OPTIONS]`: the benchmarks, one after another, or one with its options. Options alone are the suite's.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NAMES = [
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
  'suite',
  'compile',
  'distributed',
]
const given = process.argv.slice(2)
const optionsOnly = given[0]?.startsWith('-') ?? false
const chosen = given.length === 0 ? NAMES : [optionsOnly ? 'suite' : given[0]]
const options = optionsOnly ? given : given.slice(1)
for (const name of chosen) {
  if (!NAMES.includes(name)) {
    console.error(`unknown benchmark '${name}': expected ${NAMES.join(', ')}`)
    process.exit(2)
  }
  console.log(`▸ ${name}`)
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
