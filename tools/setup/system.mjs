// Step 1: compilers and libraries from the system's package manager.
import { probe, run, StepError, spawned, windows } from './exec.mjs'

/** Debian's packages by what needs them; a column each for other systems would only go stale untested. */
const debian = {
  build: [
    'cmake',
    'g++',
    'make',
    'libdnnl-dev',
    'libopenblas-openmp-dev',
    'liblapacke-dev',
    'libhwy-dev',
    'libxbyak-dev',
    'ocl-icd-opencl-dev',
    'libgloo-dev',
    'libturbojpeg0-dev',
  ],
  test: ['doctest-dev'],
  format: ['clang-format'],
  packaging: ['patchelf', 'binutils'],
  /** The data that docs/examples train on. */
  examples: [
    'dataset-fashion-mnist',
    'opencv-doc',
    'tuxpaint-stamps-default',
    ...['en', 'es', 'fr', 'it', 'ru'].map((l) => `asterisk-core-sounds-${l}-wav`),
  ],
  /** Process groups on MPI, which nothing else needs. */
  mpi: ['libopenmpi-dev', 'openmpi-bin'],
  tsan: ['clang', 'libclang-rt-dev', 'libomp-dev'],
}

const elsewhere = {
  darwin: 'brew install cmake onednn openblas lapack highway xbyak libomp doctest clang-format',
  win32:
    'winget install Kitware.CMake LLVM.LLVM and, with vcpkg: vcpkg install onednn openblas[openmp] lapack highway doctest',
  linux:
    "your package manager's CMake (3.25 or newer), a C++20 compiler, oneDNN, OpenBLAS with OpenMP, LAPACKE, Highway " +
    'and doctest, with their headers (Fedora: dnf install cmake gcc-c++ onednn-devel openblas-devel lapack-devel ' +
    'highway-devel doctest-devel)',
}

const has = (command) => probe(windows ? 'where' : 'which', [command]) !== undefined

function missingOnDebian(packages) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg's fields
  const format = '${Package} ${db:Status-Status}\n'
  const installed = (probe('dpkg-query', ['-W', '-f', format]) ?? '').split('\n')
  return packages.filter((name) => !installed.includes(`${name} installed`))
}

/** Whether all system packages of a group are there. */
export const hasPackages = (group) => has('dpkg-query') && missingOnDebian(debian[group]).length === 0

/** Makes sure of the system packages that `groups` (build, test, format, …) need. */
export async function systemPackages(groups) {
  if (!has('apt-get') || !has('dpkg-query')) {
    // CMake itself says which library is missing; the two below it could not even say that.
    const missing = ['cmake', windows ? 'cl' : 'c++'].filter((command) => !has(command))
    if (missing.length > 0) {
      throw new StepError(
        `missing: ${missing.join(', ')}. Install with: ${elsewhere[process.platform] ?? elsewhere.linux}`,
      )
    }
    return
  }
  const missing = missingOnDebian(groups.flatMap((group) => debian[group]))
  if (missing.length === 0) return
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  if (process.getuid() !== 0) {
    throw new StepError(
      `these system packages are missing: ${missing.join(' ')}\n` +
        `Install them and run this again:\n  sudo apt-get update && sudo ${install.join(' ')}`,
    )
  }
  console.log(`▸ system packages: ${missing.join(' ')}`)
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, capture: true, quiet: true }
  // A failed update need not matter: the lists that are there may know the packages.
  await spawned('apt-get', ['update', '-q'], options)
  await run(install[0], [...install.slice(1), '-o', 'DPkg::Lock::Timeout=300'], options)
}

/** What to try when the native build cannot find a library, for the systems that are not Debian. */
export const systemHint = () =>
  has('apt-get') ? '' : `\nIts libraries come from: ${elsewhere[process.platform] ?? elsewhere.linux}`
