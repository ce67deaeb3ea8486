// `npm run conformance -- DIR [--json FILE] [--passing FILE] [--only NAME,…] [--dtype NAME,…] [--device cpu|debug|cuda] [--all] [--processes N]`
// Holds the library against PyTorch's own operator, module and optimizer tables, written out as cases: folders of them,
// or an archive of tools/conformance/pack.mjs. --json writes the outcome of each folder, --passing the names of those
// that pass whole.
import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { findFolders } from './conformance/cases.mjs'
import { runFolders } from './conformance/pool.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    passing: { type: 'string' },
    only: { type: 'string' },
    dtype: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    all: { type: 'boolean', default: false },
    processes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
})
const [dir] = positionals
if (positionals.length !== 1 || !existsSync(dir)) {
  console.error(
    'usage: npm run conformance -- DIR [--json FILE] [--passing FILE] [--only NAME,…] [--dtype NAME,…] [--device cpu|debug|cuda] [--all] [--processes N]',
  )
  process.exit(2)
}

/** `*` stands for anything; a name also means its variants. */
function matcher(names) {
  const patterns = names
    .split(',')
    .map((name) => new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}(\\..*)?$`))
  return (text) => patterns.some((pattern) => pattern.test(text))
}
const isName = values.only === undefined ? () => true : matcher(values.only)
const isDType = values.dtype === undefined ? () => true : matcher(values.dtype)
const folders = findFolders(dir).filter((folder) => {
  const parts = folder.split('/')
  return (values.only === undefined || parts.some(isName)) && (values.dtype === undefined || isDType(parts.at(-1)))
})
if (folders.length === 0) {
  console.error(`no folder of cases in ${dir} matches`)
  process.exit(2)
}

const report = {}
const total = { passed: 0, failed: 0, missing: 0 }
let empty = 0
const started = performance.now()
await runFolders({
  dir,
  folders,
  device: values.device,
  processes: Number(values.processes),
  done(folder, { passed, failed, missing, failures, orders }) {
    const text = ({ sample, call, problem }) => `case ${sample}${call}: ${problem}`
    const first = failures.length > 0 ? text(failures[0]) : null
    // How many cases have gradients, and gradients of gradients.
    report[folder] = { passed, failed, missing, first, orders }
    if (passed + failed + missing === 0) empty++
    total.passed += passed
    total.failed += failed
    total.missing += missing
    if (missing > 0) console.log(`${folder}: ${passed}/${passed + failed + missing} missing`)
    else if (failed > 0)
      console.log(
        `${folder}: ${passed}/${passed + failed} ${values.all ? `\n  ${failures.map(text).join('\n  ')}` : first}`,
      )
  },
})
/** A folder without cases shows nothing. */
const isWhole = ({ passed, failed, missing }) => passed > 0 && failed === 0 && missing === 0
const whole = Object.values(report).filter(isWhole).length
const absent = Object.values(report).filter(({ missing }) => missing > 0).length
if (values.passing) {
  const names = Object.keys(report).filter((name) => isWhole(report[name]))
  writeFileSync(values.passing, `${JSON.stringify(names.sort(), null, 2)}\n`)
}
if (values.json) {
  const sorted = Object.fromEntries(Object.entries(report).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(values.json, `${JSON.stringify(sorted, null, 1)}\n`)
}
console.log(
  `\n${whole} of ${folders.length - empty} folders pass whole, ${absent} are missing` +
    `\n${total.passed} cases passed, ${total.failed} failed, ${total.missing} missing (${((performance.now() - started) / 1000).toFixed(1)} s)`,
)
process.exitCode = total.failed + total.missing === 0 ? 0 : 1
