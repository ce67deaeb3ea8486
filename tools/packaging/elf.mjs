// What a Linux binary asks of the machine it runs on, as readelf and ldd tell it.
import { probe, StepError } from '../setup/exec.mjs'

/** What every glibc Linux has: the C library's parts, and the C++ runtime that Node itself needs. */
const provided = /^(lib(c|m|pthread|dl|rt|stdc\+\+|gcc_s)\.so[.\d]*|ld-linux[\w-]*\.so[.\d]*|linux-vdso\.so\.1)$/

export const isProvided = (library) => provided.test(library)

function ask(command, args) {
  const output = probe(command, args)
  if (output === undefined) throw new StepError(`'${command} ${args.join(' ')}' failed`)
  return output
}

/** The libraries that a file names, and the folders it looks for them in. */
export function dynamicSection(file) {
  const lines = ask('readelf', ['-dW', file]).split('\n')
  const values = (tag) => lines.filter((line) => tag.test(line)).map((line) => /\[(.*)\]/.exec(line)?.[1] ?? '')
  return { needed: values(/\(NEEDED\)/), runpath: values(/\((RUNPATH|RPATH)\)/) }
}

/** Where the loader finds each library that a file needs, directly or not: [soname, path]. */
export function loadedBy(file) {
  return ask('ldd', [file])
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(\S+) => (\S+)/.exec(line)
      if (match?.[2] === 'not') throw new StepError(`${file} needs ${match[1]}, which is not on this machine`)
      return match ? [[match[1], match[2]]] : []
    })
}

const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0

/** The newest symbol version of a family (GLIBC, GLIBCXX, CXXABI) that any of the files needs. */
export function floor(family, files) {
  let newest = '0'
  for (const file of files) {
    const versions = ask('readelf', ['-VW', file]).split('Version needs section')[1] ?? ''
    for (const [, version] of versions.matchAll(new RegExp(`\\b${family}_(\\d[\\d.]*)`, 'g'))) {
      if (newer(version, newest)) newest = version
    }
  }
  return newest
}
