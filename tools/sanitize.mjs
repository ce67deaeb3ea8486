// `npm run test:asan` and `npm run test:tsan`: the C++ tests, and a Node process that trains, under sanitizers.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { probe, root, run, StepError } from './setup/exec.mjs'
import { cpp } from './suites/cpp.mjs'

const native = join(root, 'native')
const libraryOf = (compiler, name) => {
  const path = probe(compiler, [`-print-file-name=${name}`])
  if (!path || !existsSync(path)) throw new StepError(`${compiler} does not have ${name}`)
  return path
}

/** How each sanitizer's runtime gets into a Node that was built without it, and what it is told. */
const sanitizers = {
  asan: () => ({
    preload: [libraryOf('g++', 'libasan.so'), libraryOf('g++', 'libubsan.so')],
    // What V8 still holds when Node ends is no leak; the C++ tests do look for leaks.
    node: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:allocator_may_return_null=1' },
    // An allocation that cannot succeed is something that the tests try.
    tests: {
      ASAN_OPTIONS: 'allocator_may_return_null=1',
      LSAN_OPTIONS: `suppressions=${join(native, 'tests/lsan.supp')}:print_suppressions=0`,
    },
    all: { UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1' },
    launcher: [],
  }),
  tsan: () => ({
    // GCC's runtime, since clang 14's cannot be preloaded; both answer to the same instrumentation. libomp also answers
    // for libgomp, which oneDNN and OpenBLAS were linked with: one runtime, one set of threads.
    preload: [libraryOf('g++', 'libtsan.so'), libraryOf('clang++', 'libomp.so.5')],
    node: {},
    tests: {},
    all: {
      // Archer tells the sanitizer what OpenMP synchronises; without it every barrier looks like a race.
      OMP_TOOL_LIBRARIES: join(probe('clang++', ['-print-resource-dir']) ?? '', '../../libarcher.so'),
      // Node, oneDNN and OpenBLAS are not instrumented, so how they synchronise cannot be seen.
      TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:halt_on_error=1:allocator_may_return_null=1',
    },
    // The sanitizer's shadow memory collides with a fully randomised address space.
    launcher: ['setarch', '-R'],
  }),
}

const folderOf = (name) => join(native, 'build', name)

/** Builds the addon and the C++ tests with a sanitizer. */
async function build(name) {
  console.log(`▸ ${name}: build`)
  await run('cmake', ['--preset', name], { cwd: native, capture: true, quiet: true })
  await run('cmake', ['--build', '--preset', name, '--parallel', String(availableParallelism())], { cwd: native })
}

/** The environment in which a Node loads the addon that was built with a sanitizer. */
export async function environmentOf(name) {
  await build(name)
  const { preload, node, all } = sanitizers[name]()
  const addon = join(folderOf(name), 'flambeau.node')
  return { ...all, ...node, LD_PRELOAD: preload.join(' '), FLAMBEAU_NATIVE: addon, FLAMBEAU_UNPOOLED: '1' }
}

export async function sanitize(name) {
  const { tests, all, launcher } = sanitizers[name]()
  const env = await environmentOf(name)
  console.log(`▸ ${name}: C++ tests`)
  const counts = await cpp(folderOf(name), { ...all, ...tests }, launcher)

  console.log(`▸ ${name}: Node`)
  const command = [...launcher, 'env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`)]
  try {
    await run(command[0], [...command.slice(1), process.execPath, join(native, 'tests/smoke.mjs')])
    counts.passed++
  } catch (error) {
    console.error(error.message)
    counts.failed++
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed === 0 ? 0 : 1
}
