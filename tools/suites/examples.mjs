// Every program in docs/examples, run with a small budget: it must end well, whatever it prints. The data of three of them is
// 385 MB of system packages, which CI and `npm run example` install; elsewhere they are run where it is there.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, runNode, StepError, spawned, state } from '../setup/exec.mjs'
import { hasPackages } from '../setup/system.mjs'

const dist = join(root, 'docs/dist')

const exampleNames = () =>
  readdirSync(join(root, 'docs/examples'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''))

/** Runs one example in the current folder, whole or, with --short, as the tests do. */
export async function runExample([name, ...options]) {
  const names = exampleNames()
  const unknown = options.find((option) => option !== '--short')
  if (!names.includes(name) || unknown !== undefined)
    throw new StepError(
      `${unknown === undefined ? `example: expected a name, got ${name ?? 'none'}` : `example: unknown option ${unknown}`}\n` +
        `  npm run example NAME [-- --short]    with NAME one of: ${names.join(', ')}`,
    )
  if (options.includes('--short')) process.env.FLAMBEAU_EXAMPLE_QUICK = '1'
  await runNode(join(dist, `${name}.js`))
}

export async function examples() {
  const counts = { passed: 0, failed: 0 }
  const leftOut = hasPackages('examples') ? [] : ['detect', 'fashion', 'voices']
  for (const name of exampleNames()) {
    if (leftOut.includes(name)) {
      console.log(`– ${name}: its data is not installed; \`npm run example ${name} -- --short\` does that and runs it`)
      continue
    }
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
