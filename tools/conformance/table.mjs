// `node tools/conformance/table.mjs OPS.json MODULES.json OPTIMS.json > docs/conformance.md`: a page from the reports that
// `npm run conformance -- DIR --json FILE` writes.
import { readFileSync } from 'node:fs'
import { registry } from './library.mjs'
import { resolveOperator } from './operators.mjs'

const [ops, modules, optims] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')))
const totalOf = (reports) =>
  reports.reduce(
    (sum, { passed, failed, missing }) => ({ passed: sum.passed + passed, all: sum.all + passed + failed + missing }),
    { passed: 0, all: 0 },
  )

/** One cell: ✓, passed/total, or — for what is missing; empty where PyTorch does not support the dtype. */
function cell(outcome) {
  if (!outcome || outcome.passed + outcome.failed + outcome.missing === 0) return ''
  const { passed, failed, missing } = outcome
  if (missing > 0) return '—'
  return failed === 0 ? '✓' : `${passed}/${passed + failed}`
}

const row = (...cells) => `| ${cells.join(' | ')} |`
const lines = []
const print = (...text) => lines.push(...text)

const byOperator = new Map()
for (const [folder, outcome] of Object.entries(ops)) {
  const [name, dtype] = folder.split('/')
  byOperator.set(name, { ...byOperator.get(name), [dtype]: outcome })
}
const dtypes = [...new Set([...byOperator.values()].flatMap(Object.keys))].sort()
const holds = (reports) => Object.values(reports).filter(({ passed, failed, missing }) => passed + failed + missing > 0)
const whole = (reports) => holds(reports).filter(({ failed, missing }) => failed + missing === 0).length
const cases = totalOf(Object.values({ ...ops, ...modules, ...optims }))

print(
  '# Conformance with PyTorch',
  '',
  'PyTorch is tested with tables of its own operators, modules and optimizers. This page holds Flambeau against them: ✓ where all',
  'cases of a dtype pass, otherwise how many do, — where there is no such operator. A case covers the result with its dtype and',
  'shape, which memory a view shares, the in-place form, the gradients, in double precision also those of second order, and the',
  'inputs that must be refused.',
  '',
  'The page is made by `node tools/conformance/table.mjs` from the reports of `npm run conformance -- DIR --json FILE`.',
  '',
  row('', 'pass whole', 'of'),
  row('---', '---', '---'),
  row('operators and dtypes', whole(ops), holds(ops).length),
  row('modules, train and eval', whole(modules), holds(modules).length),
  row('optimizers', whole(optims), holds(optims).length),
  row('cases', cases.passed, cases.all),
  '',
  '## Operators',
  '',
  'A name after the dot is a variant of the table. *Derivative* tells how an operator is made: `primitive` operators have a',
  'derivative of their own, `composite` ones that of the operators they are made of.',
  '',
  row('operator', 'derivative', ...dtypes),
  row('---', '---', ...dtypes.map(() => '---')),
)
for (const [name, outcomes] of [...byOperator].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const record = registry.get(resolveOperator(name)?.name)?.record
  const kind = !record ? '' : record.kind === 'composite' ? 'composite' : record.backward ? 'primitive' : 'none'
  print(row(`\`${name}\``, kind, ...dtypes.map((dtype) => cell(outcomes[dtype]))))
}
print('', '## Modules', '', row('module', 'train', 'eval'), row('---', '---', '---'))
const names = [...new Set(Object.keys(modules).map((folder) => folder.split('/')[0]))].sort()
for (const name of names) print(row(`\`${name}\``, cell(modules[`${name}/train`]), cell(modules[`${name}/eval`])))
print('', '## Optimizers', '', row('optimizer', 'passes'), row('---', '---'))
for (const [name, outcome] of Object.entries(optims)) print(row(`\`${name}\``, cell(outcome)))
process.stdout.write(`${lines.join('\n')}\n`)
