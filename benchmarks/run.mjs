// `npm run bench [-- NAME…]`: the benchmarks, one after another.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NAMES = ['import', 'dispatch', 'memory', 'mnist-step', 'fft', 'lstm']
const chosen = process.argv.length > 2 ? process.argv.slice(2) : NAMES
for (const name of chosen) {
  if (!NAMES.includes(name)) {
    console.error(`unknown benchmark '${name}': expected ${NAMES.join(', ')}`)
    process.exit(2)
  }
  console.log(`▸ ${name}`)
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.mjs`, import.meta.url))], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
