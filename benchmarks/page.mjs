// `npm run bench -- page FOLDER [FILE]`: a page of the figures in a folder that `npm run bench -- all FOLDER` wrote; docs/benchmarks.md
// unless named otherwise.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { page, SECTIONS } from './support/markdown.mjs'

const [folder, file = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))] = process.argv.slice(2)
const found = SECTIONS.map((name) => join(folder ?? '', `${name}.json`)).filter(existsSync)
if (folder === undefined || found.length === 0) {
  console.error(
    `page: expected a folder with ${SECTIONS.map((name) => `${name}.json`).join(', ')} or some of them, got ${folder}`,
  )
  process.exit(2)
}
writeFileSync(file, page(found.map((path) => JSON.parse(readFileSync(path, 'utf8')))))
console.log(`${file}: ${found.length} of ${SECTIONS.length} benchmarks`)
