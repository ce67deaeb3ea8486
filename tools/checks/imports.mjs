// The import rule: imports point downward only. Inside core, nn, optim, data and their like stand on ops, ops on
// autograd, autograd on tensor, tensor on binding; hub stands on files, distributed on nn, optim and data, and cli on all of them. A sibling package imports core
// and no other, by its public entry.
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root, StepError } from '../setup/exec.mjs'
import { filesUnder } from '../setup/stamp.mjs'

/** Core's folders from the bottom up. A folder that is not listed stands on top of them, beside the others like it. */
const layers = ['binding', 'tensor', 'autograd', 'ops']
const top = layers.length
/** What stands beside the others of the top layer, and on some of them. */
const standsOn = {
  hub: ['files'],
  tables: ['data'],
  distributed: ['nn', 'optim', 'data'],
  cli: ['files', 'hub', 'distributed'],
}

/** What a file of core belongs to: a file beside index.ts is below everything, index.ts above. */
function placeOf(path) {
  const [folder, ...rest] = path.split('/')
  if (rest.length === 0) return folder === 'index.ts' ? { folder, rank: top + 1 } : { folder: '', rank: -1 }
  const rank = layers.indexOf(folder)
  return { folder, rank: rank < 0 ? top : rank }
}

const specifiers = /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')

/** What is wrong with one import, or undefined. `file` and the answer speak of paths like packages/core/src/x/y.ts. */
export function violation(file, specifier) {
  const [, own, , ...inside] = file.split('/')
  if (specifier.startsWith('@flambeau/')) {
    const [, name, ...deep] = specifier.split('/')
    if (name.startsWith('native-')) return undefined
    if (own === name) return 'a package imports its own files by relative path'
    if (own === 'core') return 'core imports no other package'
    if (name !== 'core') return 'a sibling package imports only @flambeau/core'
    if (deep[0] === 'dist' || deep[0] === 'src') return `only core's public entries may be imported`
    return undefined
  }
  if (!specifier.startsWith('.')) return undefined
  const target = join(dirname(file), specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts')
  if (!target.startsWith(`packages/${own}/src/`)) return 'a relative import stays inside its own package'
  if (own !== 'core') return undefined
  const from = placeOf(inside.join('/'))
  const to = placeOf(target.split('/').slice(3).join('/'))
  if (from.folder === to.folder || to.rank < from.rank || standsOn[from.folder]?.includes(to.folder)) return undefined
  return to.rank === from.rank
    ? `${from.folder} and ${to.folder} stand side by side: neither imports the other`
    : `${from.folder || 'a file below all layers'} may not import from ${to.folder}, which stands above it`
}

export function violationsIn(file, text) {
  return [...withoutComments(text).matchAll(specifiers)].flatMap(([, from, bare]) => {
    const specifier = from ?? bare
    const problem = violation(file, specifier)
    return problem ? [`${file}: '${specifier}': ${problem}`] : []
  })
}

/** Checks every source of every package. */
export function checkImports() {
  const files = filesUnder(['packages']).filter((file) => /[\\/]src[\\/].*\.ts$/.test(file))
  const problems = files.flatMap((file) =>
    violationsIn(relative(root, file).replaceAll('\\', '/'), readFileSync(file, 'utf8')),
  )
  if (problems.length > 0) throw new StepError(`imports point the wrong way:\n${problems.join('\n')}`)
  console.log(`import rule: ${files.length} files, no violation`)
}
