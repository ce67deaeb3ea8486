// Fills this platform's package, packages/native-<platform>-<arch>: the addon, the libraries it needs in lib/, found
// there by relative paths, and their licences.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { probe, root, run, StepError, windows } from '../setup/exec.mjs'
import { isProvided, loadedBy } from './elf.mjs'

const release = join(root, 'native/build/Release')
const addon = join(release, 'flambeau.node')
/** What the addon loads on demand, where it was built: it goes along. */
const optional = ['flambeau_gloo.so', 'flambeau_jpeg.node']
const plugins = optional.filter((name) => existsSync(join(release, name)))
export const platform = `${process.platform}-${process.arch}`
export const folder = join(root, `packages/native-${platform}`)

/** Debian's package of a file. Its database knows /usr/lib, where the loader may say /lib. */
function debianPackageOf(file) {
  for (const path of [file, file.replace(/^\/lib/, '/usr/lib'), file.replace(/^\/usr\/lib/, '/lib')]) {
    const owner = probe('dpkg-query', ['-S', path])
    if (owner) return owner.split(/[:,]/)[0]
  }
  throw new StepError(`${file} belongs to no Debian package, so its licence is unknown`)
}

/** What is compiled or linked into the addon itself, with where its licence is. */
const included = {
  'liblapacke-dev': '/usr/share/doc/liblapacke-dev/copyright',
  'node-addon-api': join(root, 'native/node_modules/node-addon-api/LICENSE.md'),
  'node-api-headers': join(root, 'native/node_modules/node-api-headers/LICENSE'),
}

async function bundleLinux() {
  const lib = join(folder, 'lib')
  const thirdParty = join(folder, 'third-party')
  mkdirSync(lib)
  mkdirSync(thirdParty)
  for (const [name, found] of [addon, ...plugins.map((plugin) => join(release, plugin))].flatMap(loadedBy)) {
    if (isProvided(name) || existsSync(join(lib, name))) continue
    const path = realpathSync(found)
    const copy = join(lib, name)
    copyFileSync(path, copy)
    chmodSync(copy, 0o644)
    await run('patchelf', ['--set-rpath', '$ORIGIN', copy])
    const owner = debianPackageOf(path)
    copyFileSync(`/usr/share/doc/${owner}/copyright`, join(thirdParty, `${owner}.txt`))
  }
  for (const [name, path] of Object.entries(included)) copyFileSync(path, join(thirdParty, `${name}.txt`))
  for (const name of ['flambeau.node', ...plugins]) {
    const target = join(folder, name)
    if (name !== 'flambeau.node') copyFileSync(join(release, name), target)
    await run('strip', ['--strip-unneeded', target])
    await run('patchelf', ['--set-rpath', '$ORIGIN/lib', target])
  }
}

/** Homebrew's dylibbundler does for Mach-O what the above does for ELF. */
async function bundleDarwin() {
  const options = ['--bundle-deps', '--create-dir', '--overwrite-files', '--install-path', '@loader_path/lib/']
  await run('dylibbundler', [
    ...options,
    '--fix-file',
    join(folder, 'flambeau.node'),
    '--dest-dir',
    join(folder, 'lib'),
  ])
}

/** vcpkg's static libraries leave nothing to bundle on Windows, but what lies beside the addon goes with it. */
function bundleWindows() {
  for (const name of readdirSync(release).filter((file) => file.endsWith('.dll'))) {
    copyFileSync(join(release, name), join(folder, basename(name)))
  }
}

export async function packNative() {
  if (!existsSync(join(folder, 'package.json'))) throw new StepError(`there is no package for ${platform}: ${folder}`)
  for (const made of ['flambeau.node', ...optional, 'lib', 'third-party'])
    rmSync(join(folder, made), { recursive: true, force: true })
  copyFileSync(addon, join(folder, 'flambeau.node'))
  if (process.platform === 'darwin') await bundleDarwin()
  else if (windows) bundleWindows()
  else await bundleLinux()
  console.log(`${folder}: ${readdirSync(folder).join(' ')}`)
}
