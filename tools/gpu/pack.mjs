// `node tools/run.mjs pack-gpu FOLDER`: what a machine with a GPU needs that has neither Node nor a network, as one
// archive and a script that unpacks it: this Node, the built TypeScript, the addon with the libraries it needs, the
// library for CUDA, the conformance runner with its cases, the benchmarks and the device tests. There:
// `bash FOLDER/run.sh COMMAND …` (commands are those of tools/gpu/run.sh).
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isProvided, loadedBy } from '../packaging/elf.mjs'
import { root, run, StepError } from '../setup/exec.mjs'

const LIMIT = 60e6
/** Copied as they are, without what only types and maps are for. */
const FOLDERS = [
  'packages/core/dist',
  'packages/core/test/conformance',
  'tools/conformance',
  'tools/setup',
  'tools/gpu',
  'benchmarks',
]
const FILES = ['package.json', 'packages/core/package.json', 'tools/conformance.mjs']
const wanted = (path) => !/\.(map|d\.ts)$/.test(path)

/** The addon, the library for CUDA, and in lib/ what they load that not every Linux has. */
async function nativeLibraries(release) {
  const built = join(root, 'native/build/Release')
  if (!existsSync(join(built, 'flambeau_cuda.so')))
    throw new StepError('pack-gpu: the library for CUDA was not built: is nvcc on the PATH?')
  mkdirSync(join(release, 'lib'), { recursive: true })
  for (const [name, found] of loadedBy(join(built, 'flambeau.node'))) {
    if (isProvided(name)) continue
    const copy = join(release, 'lib', name)
    copyFileSync(realpathSync(found), copy)
    chmodSync(copy, 0o644)
    await run('patchelf', ['--set-rpath', '$ORIGIN', copy])
  }
  for (const name of ['flambeau.node', 'flambeau_cuda.so']) {
    copyFileSync(join(built, name), join(release, name))
    await run('strip', ['--strip-unneeded', join(release, name)])
  }
  await run('patchelf', ['--set-rpath', '$ORIGIN/lib', join(release, 'flambeau.node')])
}

/** Jest's tests that run on devices, without their types; tools/gpu/jest-globals.mjs stands for Jest there. */
const TESTS = ['cuda', 'creation', 'indexing']

async function deviceTests(tree) {
  const { transformFile } = await import('@swc/core')
  for (const name of TESTS) {
    const { code } = await transformFile(join(root, `packages/core/test/${name}.test.ts`), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    })
    writeFileSync(join(tree, `packages/core/test/${name}.test.mjs`), code)
  }
  const globals = join(tree, 'node_modules/@jest/globals')
  mkdirSync(globals, { recursive: true })
  copyFileSync(join(root, 'tools/gpu/jest-globals.mjs'), join(globals, 'index.mjs'))
  writeFileSync(
    join(globals, 'package.json'),
    '{ "name": "@jest/globals", "type": "module", "exports": "./index.mjs" }\n',
  )
  // Jest brings `expect` along, at the end of this chain.
  let require = createRequire(join(root, 'package.json'))
  for (const name of ['@jest/globals', '@jest/expect']) require = createRequire(findManifest(name, require))
  copyPackage('expect', require, tree)
}

/** A package and all that it needs, each once: among those of `expect` no two have one name and different versions. */
function copyPackage(name, require, tree) {
  const into = join(tree, 'node_modules', name)
  if (existsSync(into)) return
  const manifest = findManifest(name, require)
  cpSync(dirname(manifest), into, { recursive: true, filter: (path) => !/node_modules$|\.(map|d\.ts)$/.test(path) })
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'))
  for (const needed of Object.keys(dependencies)) copyPackage(needed, createRequire(manifest), tree)
}

function findManifest(name, require) {
  for (const folder of require.resolve.paths(name)) {
    const manifest = join(folder, name, 'package.json')
    if (existsSync(manifest)) return realpathSync(manifest)
  }
  throw new StepError(`pack-gpu: ${name} is not installed`)
}

export async function packGpu(folder) {
  if (folder === undefined) throw new StepError('usage: node tools/run.mjs pack-gpu FOLDER')
  const into = resolve(folder)
  const staging = mkdtempSync(join(tmpdir(), 'flambeau-gpu-'))
  try {
    const tree = join(staging, 'flambeau')
    for (const path of FOLDERS) cpSync(join(root, path), join(tree, path), { recursive: true, filter: wanted })
    for (const path of FILES) cpSync(join(root, path), join(tree, path))
    await nativeLibraries(join(tree, 'native/build/Release'))
    // Programs import the package by its name.
    mkdirSync(join(tree, 'node_modules/@flambeau'), { recursive: true })
    symlinkSync('../../packages/core', join(tree, 'node_modules/@flambeau/core'))
    await deviceTests(tree)
    mkdirSync(join(tree, 'bin'))
    copyFileSync(process.execPath, join(tree, 'bin/node'))
    await run('strip', [join(tree, 'bin/node')])
    mkdirSync(into, { recursive: true })
    const archive = join(into, 'flambeau.tar.xz')
    await run('tar', ['-C', staging, '-c', '-f', archive, '-I', 'xz -2 -T0', 'flambeau'])
    copyFileSync(join(root, 'tools/gpu/run.sh'), join(into, 'run.sh'))
    const { size } = statSync(archive)
    if (size > LIMIT) throw new StepError(`pack-gpu: the archive has ${(size / 1e6).toFixed(1)} MB, more than 60`)
    console.log(`${archive}: ${(size / 1e6).toFixed(1)} MB`)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}
