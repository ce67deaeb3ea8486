// The set-up steps, in order. Each does nothing when what it made is current.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, run, runNode, StepError, state, windows } from './exec.mjs'
import { filesUnder, whenStale } from './stamp.mjs'
import { systemHint } from './system.mjs'

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
export const pnpm = join(state, 'pnpm/node_modules/pnpm/bin/pnpm.cjs')

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new StepError(`Node ${process.versions.node} is too old: Flambeau needs 20.19 or newer`)
  }
}

/** pnpm at the version that package.json pins, in a folder of ours: nothing global is touched. */
async function packageManagerReady() {
  const version = packageManager.split('@')[1]
  const manifest = join(state, 'pnpm/node_modules/pnpm/package.json')
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version) return
  console.log(`▸ ${packageManager}`)
  const args = ['install', '--prefix', join(state, 'pnpm'), '--no-audit', '--no-fund', '--no-save', packageManager]
  // Under `npm start` npm says where it is; only a direct call has to look for it.
  const npm = process.env.npm_execpath
  if (npm?.endsWith('npm-cli.js')) await runNode(npm, args, { capture: true, quiet: true })
  else await run(windows ? 'npm.cmd' : 'npm', args, { capture: true, quiet: true })
}

export async function dependencies() {
  await packageManagerReady()
  const inputs = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...workspace('package.json')]
  await whenStale('dependencies', { inputs, outputs: ['node_modules/.modules.yaml'] }, async () => {
    console.log('▸ dependencies')
    // Quiet, since it warns of every prebuilt package that is for another system.
    await runNode(pnpm, ['install', '--frozen-lockfile'], { env: { CI: 'true' }, capture: true, quiet: true })
  })
}

/** CMake refuses a build folder that was moved or copied with its tree. */
function forgetMovedBuild() {
  const cache = join(root, 'native/build/CMakeCache.txt')
  const home = `CMAKE_HOME_DIRECTORY:INTERNAL=${join(root, 'native').replaceAll('\\', '/')}\n`
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(home)) {
    rmSync(join(root, 'native/build'), { recursive: true })
  }
}

/**
 * The addon, or with `target` 'flambeau_tests' the C++ tests, which share the backend's object files with it, or
 * 'flambeau_mpi' the library for MPI.
 */
export async function native(target = 'flambeau') {
  const tests = target === 'flambeau_tests'
  const inputs = ['native/CMakeLists.txt', 'native/cmake', 'native/package.json', 'native/include', 'native/src']
  const outputs = [`native/build/Release/${target === 'flambeau_mpi' ? 'flambeau_mpi.so' : 'flambeau.node'}`]
  if (tests) inputs.push('native/tests')
  await whenStale(target, { inputs, outputs }, async () => {
    console.log(tests ? '▸ native tests' : '▸ native build')
    const cmake = (command, output, ...options) =>
      runNode(join(root, 'native/node_modules/cmake-js/bin/cmake-js'), [command, '--log-level', 'warn', ...options], {
        cwd: join(root, 'native'),
        ...output,
      })
    forgetMovedBuild()
    try {
      await cmake('configure', { capture: true, quiet: true }, ...(tests ? ['--CDFLAMBEAU_TESTS=ON'] : []))
    } catch (error) {
      throw new StepError(`the native build could not be configured: ${error.message}${systemHint()}`)
    }
    await cmake('build', {}, '--target', target, '--parallel', String(availableParallelism()))
  })
}

/** Workspace files of one name: `packages/<each>/<name>` and those of native and docs, where they exist. */
export function workspace(name) {
  const folders = [...readdirSync(join(root, 'packages')).map((folder) => `packages/${folder}`), 'native', 'docs']
  return folders.map((folder) => `${folder}/${name}`).filter((path) => existsSync(join(root, path)))
}

/** The folders of the TypeScript projects that have sources; with `tests`, those of their tests too. */
export function projects({ tests = false } = {}) {
  const configs = [...workspace('tsconfig.json'), ...(tests ? workspace('test/tsconfig.json') : [])]
  return configs
    .map((config) => config.replace('/tsconfig.json', ''))
    .filter((folder) => filesUnder([sources(folder)]).some((file) => file.endsWith('.ts')))
}

const sources = (folder) => (folder === 'docs' ? 'docs/examples' : folder.endsWith('/test') ? folder : `${folder}/src`)

/** tsc leaves the output of a deleted source behind; it would still be imported, tested and packed. */
function removeOrphans(folder) {
  const dist = join(root, folder, 'dist')
  if (!existsSync(dist)) return
  for (const path of readdirSync(dist, { recursive: true })) {
    const match = /^(.*?)\.(d\.ts|js)(\.map)?$/.exec(path)
    if (match && !path.startsWith('bundle') && !existsSync(join(root, sources(folder), `${match[1]}.ts`)))
      rmSync(join(dist, path))
  }
}

export const tsc = (folders) => runNode(join(root, 'node_modules/typescript/bin/tsc'), ['-b', ...folders])

export async function typescript() {
  const built = projects()
  const inputs = [
    'tools/bundle.mjs',
    'tsconfig.base.json',
    'pnpm-lock.yaml',
    ...built.flatMap((folder) => [`${folder}/tsconfig.json`, sources(folder)]),
  ]
  const outputs = built.map((folder) => `${folder}/dist`)
  await whenStale('typescript', { inputs, outputs }, async () => {
    console.log('▸ TypeScript build')
    for (const folder of built) removeOrphans(folder)
    await tsc(built)
    const { bundle } = await import('../bundle.mjs')
    await bundle()
  })
}
