// The programs of the packaging check's user: the README's quick start, as a module and through require.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, StepError } from '../setup/exec.mjs'
import { fromMarkdown } from '../snippets/extract.mjs'

/** The first TypeScript block below README's heading 'Quick start'. */
export function quickStart() {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const section = /^## Quick start$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme)?.[1]
  const snippet = section && fromMarkdown(section, 'README.md')[0]
  if (!snippet) throw new StepError("README.md has no TypeScript block under '## Quick start'")
  return snippet.code
}

/** A module's text with its imports as require calls. */
export const asCommonJs = (text) =>
  text
    .replace(/^import \* as (\w+) from (['"][^'"]+['"]);?$/gm, 'const $1 = require($2);')
    .replace(/^import (\{[\s\S]*?\}) from (['"][^'"]+['"]);?$/gm, (_, names, module) => {
      return `const ${names.replace(/\btype \w+,?/g, '').replace(/ as /g, ': ')} = require(${module});`
    })
    .replace(/^export \{\};?$/gm, '')

/** Preloaded into the user's programs: says at the end which libraries the process had mapped (Linux). */
export const reportMaps = `
const { readFileSync } = require('node:fs')
process.on('exit', () => {
  const files = readFileSync('/proc/self/maps', 'utf8').match(/\\/\\S+\\.(so[.\\d]*|node)$/gm) ?? []
  console.log('MAPPED ' + JSON.stringify([...new Set(files)]))
})
`
