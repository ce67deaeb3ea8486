// `npm run bench [-- NAME] [OPTIONS]`: the benchmarks, one after another, or one with its options. Options alone are the suite's.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NAMES = ['import', 'dispatch', 'memory', 'mnist-step', 'fft', 'lstm', 'suite', '-', 'suite', 'linalg']
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
