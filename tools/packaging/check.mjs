// The packaging check: what a user gets. Packs every public package, installs the tarballs alone in an empty folder
// outside of the repository, runs the README's quick start there, typechecks it, and looks at what the prebuilt
// binary asks of the machine.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, sep } from 'node:path'
import { probe, root, run, runNode, StepError, spawned, windows } from '../setup/exec.mjs'
import { pnpm } from '../setup/steps.mjs'
import { dynamicSection, floor, isProvided, loadedBy } from './elf.mjs'
import { folder as nativeFolder, packNative, platform } from './native.mjs'
import { asCommonJs, quickStart, reportMaps } from './user.mjs'

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
const fail = (message) => {
  throw new StepError(message)
}

/** The public packages that this machine can install: { name, folder, manifest }. */
function publicPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => ({
      folder: join(root, 'packages', name),
      manifest: JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
    }))
    .filter(({ folder, manifest }) => !manifest.private && (folder === nativeFolder || !manifest.os))
}

async function pack(into) {
  const tarballs = new Map()
  for (const { folder, manifest } of publicPackages()) {
    for (const script of ['preinstall', 'install', 'postinstall']) {
      if (manifest.scripts?.[script]) fail(`${manifest.name} has an ${script} script`)
    }
    const args = ['pack', '--json', '--pack-destination', into]
    const output = await runNode(pnpm, args, { cwd: folder, capture: true, quiet: true })
    const path = join(into, basename(JSON.parse(output.slice(output.indexOf('{'))).filename))
    const files = (await run('tar', ['-tf', path], { capture: true, quiet: true })).trim().split('\n')
    for (const name of ['LICENSE', 'README.md']) {
      if (!files.includes(`package/${name}`)) fail(`${manifest.name} has no ${name}`)
    }
    tarballs.set(manifest.name, path)
    console.log(`  ${manifest.name}: ${megabytes(statSync(path).size)} packed, ${files.length} files`)
  }
  return tarballs
}

/** What the public packages need from others, packed from what is installed here: the user's install is offline. */
async function packDependencies(into) {
  const folders = new Map()
  const visit = (from, dependencies, optional = false) => {
    for (const name of Object.keys(dependencies ?? {})) {
      if (name.startsWith('@flambeau/') || folders.has(name)) continue
      // A workspace package has its dependencies below it; pnpm puts those of any other beside it.
      const places = [join(from, 'node_modules', name), join(dirname(from), name)]
      const place = places.find((path) => existsSync(path))
      // Of binaries, one for each platform, those of other ones are not here.
      if (!place && optional) continue
      if (!place) fail(`${name} is not installed for ${from}`)
      const folder = realpathSync(place)
      folders.set(name, folder)
      const home = folder.slice(0, -name.length - 1)
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      visit(join(home, 'x'), manifest.dependencies)
      visit(join(home, 'x'), manifest.optionalDependencies, true)
    }
  }
  for (const { folder, manifest } of publicPackages()) visit(folder, manifest.dependencies)
  const paths = []
  for (const [name, folder] of folders) {
    const copy = join(into, 'dependencies', name)
    cpSync(folder, join(copy, 'package'), { recursive: true })
    paths.push(join(copy, 'package.tgz'))
    await run('tar', ['-czf', 'package.tgz', 'package'], { cwd: copy, capture: true, quiet: true })
    console.log(`  ${name}: as installed here`)
  }
  return paths
}

/** Offline: whatever is not in the tarballs fails instead of being fetched. */
async function install(folder, tarballs) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  const args = ['install', '--offline', '--no-audit', '--no-fund', ...tarballs]
  const npm = process.env.npm_execpath
  // The cache is new too, so that no earlier download can stand in for a tarball.
  const env = { npm_config_cache: join(folder, '.npm') }
  const options = { cwd: folder, env, capture: true, quiet: true }
  if (npm?.endsWith('npm-cli.js')) await runNode(npm, args, options)
  else await run(windows ? 'npm.cmd' : 'npm', args, options)
}

async function typecheck(folder) {
  // The compiler and Node's types come from the repository: they are the user's own tools, not part of a package.
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(
    realpathSync(join(root, 'node_modules/@types/node')),
    join(folder, 'node_modules/@types/node'),
    'junction',
  )
  for (const [moduleResolution, module] of [
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ]) {
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
    ]
    const args = [...options, '--moduleResolution', moduleResolution, '--module', module, 'quickstart.ts']
    await runNode(join(root, 'node_modules/typescript/bin/tsc'), args, { cwd: folder, capture: true, quiet: true })
    console.log(`✓ typechecks under strict with moduleResolution ${moduleResolution}`)
  }
}

/** Writes the quick start as TypeScript, as a module and as CommonJS; gives the last two's names. */
async function writePrograms(folder) {
  const code = quickStart()
  writeFileSync(join(folder, 'quickstart.ts'), code)
  writeFileSync(join(folder, 'maps.cjs'), reportMaps)
  const { transformSync } = await import('@swc/core')
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }
  const { code: text } = transformSync(code, options)
  writeFileSync(join(folder, 'quickstart.mjs'), text)
  writeFileSync(join(folder, 'quickstart.cjs'), asCommonJs(text))
  return ['quickstart.mjs', 'quickstart.cjs']
}

/** Runs a program and makes sure that each of our libraries came out of the installed package. */
async function runProgram(folder, name, launcher = []) {
  const node = [process.execPath, ...(process.platform === 'linux' ? ['--require', './maps.cjs'] : []), name]
  const [command, ...args] = [...launcher, ...node]
  const env = { FLAMBEAU_NATIVE: '', NODE_PATH: '', LD_LIBRARY_PATH: '' }
  const { code, signal, output } = await spawned(command, args, { cwd: folder, env, capture: true, quiet: true })
  if (code !== 0) fail(`${name} ended with ${signal ?? `exit code ${code}`}:\n${output}`)
  if (process.platform !== 'linux') return output
  const mapped = JSON.parse(/^MAPPED (.*)$/m.exec(output)[1])
  const home = realpathSync(folder) + sep
  const outside = mapped.filter((path) => !path.startsWith(home) && !isProvided(basename(path)))
  if (outside.length > 0) fail(`${name} used libraries from outside of its packages: ${outside.join(', ')}`)
  if (!mapped.some((path) => path.startsWith(home) && path.endsWith('flambeau.node'))) {
    fail(`${name} did not load the installed flambeau.node: ${mapped.join(', ')}`)
  }
  return output.replace(/^MAPPED .*\n?/m, '').trim()
}

/** The command of the installed package: a file is made, converted and shown. */
async function runCommand(folder) {
  const make = "import { ones, save } from '@flambeau/core'; save('made.pt', { weight: ones([2, 3]) })"
  execFileSync(process.execPath, ['--input-type=module', '-e', make], { cwd: folder })
  const { bin } = JSON.parse(readFileSync(join(folder, 'node_modules/@flambeau/core/package.json'), 'utf8'))
  const program = join(folder, 'node_modules/@flambeau/core', bin.flambeau)
  const flambeau = (...args) => execFileSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' })
  flambeau('convert', 'made.pt', 'made.safetensors')
  const shown = flambeau('inspect', 'made.safetensors')
  if (!/weight +float32 +\[2, 3\] +24 B/.test(shown)) fail(`flambeau inspect says:\n${shown}`)
  if (!existsSync(join(folder, 'node_modules/.bin', windows ? 'flambeau.cmd' : 'flambeau')))
    fail('npm installed no command named flambeau')
  execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      "import '@flambeau/core/hub'; import '@flambeau/core/metrics'; import '@flambeau/core/tables'; import '@flambeau/core/distributed'; import '@flambeau/core/distributions'; import '@flambeau/core/errors'",
    ],
    { cwd: folder },
  )
  if (process.platform === 'linux') {
    const alone = `import { ones } from '@flambeau/core'
      import * as distributed from '@flambeau/core/distributed'
      distributed.initProcessGroup({ initMethod: 'file://' + process.cwd() + '/store', rank: 0, worldSize: 1 })
      distributed.allReduce(ones([3]))`
    execFileSync(process.execPath, ['--input-type=module', '-e', alone], { cwd: folder, env: { PATH: '' } })
  }
  console.log('✓ the command converts and inspects, and the other entries load')
}

/** Every binary of the package needs only what it brings along and what any glibc Linux has. */
function inspectLinux(folder) {
  const installed = join(folder, `node_modules/@flambeau/native-${platform}`)
  const lib = join(installed, 'lib')
  const bundled = readdirSync(lib)
  const own = readdirSync(installed).filter((name) => /\.(node|so)$/.test(name))
  const files = [...own.map((name) => join(installed, name)), ...bundled.map((name) => join(lib, name))]
  for (const file of files) {
    const { needed, runpath } = dynamicSection(file)
    const foreign = needed.filter((name) => !isProvided(name) && !bundled.includes(name))
    if (foreign.length > 0) fail(`${basename(file)} needs ${foreign.join(', ')} from outside of the package`)
    if (runpath.some((path) => !path.startsWith('$ORIGIN'))) fail(`${basename(file)} looks in ${runpath.join(', ')}`)
  }
  if (readdirSync(join(installed, 'third-party')).length === 0) fail('the bundled libraries have no licences')
  const size = files.reduce((sum, file) => sum + statSync(file).size, 0)
  console.log(`✓ bundled: ${bundled.join(' ')}`)
  console.log(
    `✓ needs from outside: glibc ${floor('GLIBC', files)}, libstdc++ GLIBCXX_${floor('GLIBCXX', files)} or newer`,
  )
  console.log(`✓ unpacked size of ${platform}: ${megabytes(size)}`)
}

/** Runs where the system's own copies of the bundled libraries are unreadable, in a mount namespace of its own. */
async function runHidden(folder, name) {
  const addon = join(root, 'native/build/Release/flambeau.node')
  const system = loadedBy(addon).filter(([library]) => !isProvided(library))
  const hidden = [...new Set(system.map(([, path]) => realpathSync(path)))]
  const hide = 'for file in $HIDDEN; do mount --bind /dev/null "$file" || exit 99; done; exec "$@"'
  const launcher = ['env', `HIDDEN=${hidden.join(' ')}`, 'unshare', '--mount', 'sh', '-c', hide, 'sh']
  if (probe('unshare', ['--mount', 'true']) === undefined) {
    console.log('– no mount namespaces here: that every library came from the package stands on /proc/self/maps alone')
    return
  }
  // The check itself is checked: the local build cannot load there.
  const [command, ...args] = [...launcher, process.execPath, '-e', `require(${JSON.stringify(addon)})`]
  const { code } = await spawned(command, args, { capture: true, quiet: true })
  if (code === 0 || code === 99) fail('the system libraries could not be hidden')
  await runProgram(folder, name, launcher)
  console.log(`✓ runs where the system's ${hidden.map((path) => basename(path)).join(' ')} are hidden`)
}

/** Without the platform package there is no binary at all: the error has to say what to do. */
async function withoutBinary(folder, tarballs, dependencies) {
  await install(folder, [tarballs.get('@flambeau/core'), ...dependencies])
  const program = "import('@flambeau/core').catch((error) => console.log(error.message))"
  const output = execFileSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8' })
  if (!/Possible solutions/.test(output) || !output.includes(`@flambeau/native-${platform}`)) {
    fail(`without its binary, @flambeau/core says:\n${output}`)
  }
  console.log('✓ without a binary it says what to install')
}

export async function checkPackaging() {
  await packNative()
  const work = mkdtempSync(join(tmpdir(), 'flambeau-packaging-'))
  try {
    console.log('▸ pack')
    const tarballs = await pack(work)
    console.log('▸ install and run')
    const user = join(work, 'user')
    const dependencies = await packDependencies(work)
    await install(user, [...tarballs.values(), ...dependencies])
    const programs = await writePrograms(user)
    for (const name of programs) {
      await runProgram(user, name)
      console.log(`✓ ${name} runs from the tarballs alone`)
    }
    await runCommand(user)
    if (process.platform === 'linux') {
      inspectLinux(user)
      await runHidden(user, programs[0])
    }
    await typecheck(user)
    await withoutBinary(join(work, 'bare'), tarballs, dependencies)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
