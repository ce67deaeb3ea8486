// Every program in docs/examples, run with a small budget: it must end well, whatever it prints.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, spawned, state } from '../setup/exec.mjs'

const dist = join(root, 'docs/dist')

export async function examples() {
  const sources = join(root, 'docs/examples')
  const names = existsSync(sources) ? readdirSync(sources).filter((name) => name.endsWith('.ts')) : []
  const counts = { passed: 0, failed: 0 }
  for (const name of names.map((file) => file.replace(/\.ts$/, ''))) {
    const started = performance.now()
    // What an example writes (models, pictures) must not land in the work tree.
    const cwd = join(state, 'examples', name)
    mkdirSync(cwd, { recursive: true })
    const { code, signal, output } = await spawned(process.execPath, [join(dist, `${name}.js`)], {
      cwd,
      env: { FLAMBEAU_EXAMPLE_QUICK: '1' },
      capture: true,
      quiet: true,
    })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    if (code === 0) console.log(`✓ ${name} (${seconds} s)`)
    else console.log(`✗ ${name}: ${signal ?? `exit code ${code}`}\n${output}`)
    counts[code === 0 ? 'passed' : 'failed']++
  }
  return counts
}
