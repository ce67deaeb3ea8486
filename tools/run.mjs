#!/usr/bin/env node
// The one way in: `node tools/run.mjs COMMAND`, behind `npm start`, `npm test` and the other npm scripts.
// Each command does the set-up that it needs, and set-up that is current costs nothing.
import { join } from 'node:path'
import { root, runNode, runTool, StepError } from './setup/exec.mjs'
import { checkNode, dependencies, native, projects, tsc, typescript } from './setup/steps.mjs'
import { systemPackages } from './setup/system.mjs'

async function build(...groups) {
  checkNode()
  await systemPackages(['build', ...groups])
  await dependencies()
  await native()
  await typescript()
}

/** For what only reads sources. */
async function tools(...groups) {
  checkNode()
  await systemPackages(groups)
  await dependencies()
}

const commands = {
  build: () => build(),
  async start() {
    await build()
    await runNode(join(root, 'docs/dist/mnist.js'))
  },
  /** A program of docs/examples: `example NAME [--short]`. */
  async example(...options) {
    await build('examples')
    const { runExample } = await import('./suites/examples.mjs')
    await runExample(options)
  },
  async test(...suites) {
    await build('test', ...(process.env.CI === 'true' ? ['examples'] : []))
    await native('flambeau_tests')
    const { runTests } = await import('./test.mjs')
    process.exitCode = await runTests(suites)
  },
  async typecheck() {
    await build()
    const folders = projects({ tests: true })
    await tsc(folders)
    console.log(`typecheck: ${folders.join(', ')}`)
  },
  async asan() {
    await build('test')
    const { sanitize } = await import('./sanitize.mjs')
    process.exitCode = await sanitize('asan')
  },
  async tsan() {
    await build('test', 'tsan')
    const { sanitize } = await import('./sanitize.mjs')
    process.exitCode = await sanitize('tsan')
  },
  async lint() {
    await tools()
    await runTool('@biomejs/biome', ['lint', '.'])
    const { checkImports } = await import('./checks/imports.mjs')
    checkImports()
  },
  async format(...options) {
    await tools('format')
    const { format } = await import('./checks/format.mjs')
    await format({ write: options.includes('--write') })
  },
  async packaging() {
    await build('packaging')
    const { checkPackaging } = await import('./packaging/check.mjs')
    await checkPackaging()
  },
  async 'pack-native'() {
    await build('packaging')
    const { packNative } = await import('./packaging/native.mjs')
    await packNative()
  },
  /** Installs OpenMPI, builds the library for it, and runs its tests. */
  async mpi() {
    await build('mpi')
    await native('flambeau_mpi')
    await runNode(join(root, 'tools/jest.mjs'), ['packages/core/test/distributed/mpi.test.ts'])
  },
  /** What a machine with a GPU needs that has neither Node nor a network: `pack-gpu FOLDER`. */
  async 'pack-gpu'(folder) {
    await build('packaging')
    const { packGpu } = await import('./gpu/pack.mjs')
    await packGpu(folder)
  },
  /** Any tool of package.json, everything being built: `exec nx run-many -t build`. */
  async exec(tool, ...args) {
    await build()
    await (tool.endsWith('.mjs') ? runNode(tool, args) : runTool(tool, args))
  },
}

const [name = '', ...args] = process.argv.slice(2)
try {
  const command = commands[name]
  if (!command) throw new StepError(`unknown command '${name}': expected one of ${Object.keys(commands).join(', ')}`)
  await command(...args)
} catch (error) {
  console.error(error instanceof StepError ? `\n✗ ${error.message}` : error)
  process.exitCode = 1
}
