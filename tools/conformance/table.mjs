// `node tools/conformance/table.mjs OPS.json MODULES.json OPTIMS.json [DEVICE=OPS.json …] > docs/conformance.md`: a page from
// the reports that `npm run conformance -- DIR --json FILE` writes, on the cpu and with --device DEVICE.
import { readFileSync } from 'node:fs'
import { registry } from './library.mjs'
import { resolveOperator } from './operators.mjs'

const [opsPath, modulesPath, optimsPath, ...others] = process.argv.slice(2)
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const [ops, modules, optims] = [opsPath, modulesPath, optimsPath].map(read)
const devices = {
  cpu: ops,
  ...Object.fromEntries(others.map((text) => text.split('=')).map(([name, path]) => [name, read(path)])),
}
const totalOf = (reports) =>
  reports.reduce(
    (sum, { passed, failed, missing }) => ({ passed: sum.passed + passed, all: sum.all + passed + failed + missing }),
    { passed: 0, all: 0 },
  )

/**
 * One cell: ✓, with ∂ where gradients and ∂² where those of second order are part of the cases, passed/total, or — for
 * what is missing; empty where PyTorch does not support the dtype.
 */
function cell(outcome) {
  if (!outcome || outcome.passed + outcome.failed + outcome.missing === 0) return ''
  const { passed, failed, missing } = outcome
  if (missing > 0) return '—'
  const [first = 0, second = 0] = outcome.orders ?? []
  return failed === 0 ? `✓${second > 0 ? '∂²' : first > 0 ? '∂' : ''}` : `${passed}/${passed + failed}`
}

/** The devices on which every case of an operator passes. */
function devicesOf(name) {
  const passes = (report) => {
    const outcomes = Object.keys(ops)
      .filter((folder) => folder.split('/')[0] === name)
      .map((folder) => report[folder])
    return outcomes.length > 0 && outcomes.every((o) => o && o.failed + o.missing === 0)
  }
  return Object.keys(devices)
    .filter((device) => passes(devices[device]))
    .join(', ')
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
  'cases of a dtype pass, with ∂ where gradients are among what was compared and ∂² where those of second order are too, otherwise',
  'how many pass, — where there is no such operator. A case covers the result with its dtype and shape, which memory a view shares,',
  'the in-place form, the gradients, and the inputs that must be refused.',
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
  'derivative of their own, `composite` ones that of the operators they are made of. *Devices* are those on which all of its cases',
  'pass; `debug` computes on a queue of its own, with memory that the host cannot read.',
  '',
  row('operator', 'derivative', 'devices', ...dtypes),
  row('---', '---', '---', ...dtypes.map(() => '---')),
)
for (const [name, outcomes] of [...byOperator].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const record = registry.get(resolveOperator(name)?.name)?.record
  const kind = !record ? '' : record.kind === 'composite' ? 'composite' : record.backward ? 'primitive' : 'none'
  print(row(`\`${name}\``, kind, devicesOf(name), ...dtypes.map((dtype) => cell(outcomes[dtype]))))
}
print('', '## Modules', '', row('module', 'train', 'eval'), row('---', '---', '---'))
const names = [...new Set(Object.keys(modules).map((folder) => folder.split('/')[0]))].sort()
for (const name of names) print(row(`\`${name}\``, cell(modules[`${name}/train`]), cell(modules[`${name}/eval`])))
print('', '## Optimizers', '', row('optimizer', 'passes'), row('---', '---'))
for (const [name, outcome] of Object.entries(optims)) print(row(`\`${name}\``, cell(outcome)))
const failing = Object.entries({ ...ops, ...modules, ...optims }).filter(([, { failed }]) => failed > 0)
print(
  '',
  '## What does not pass',
  '',
  "The first failing case of each. Where a gradient in single or half precision differs from PyTorch's, both are compared with the",
  "gradient in double precision, which passes in a case of its own: the largest error of ours, then of PyTorch's.",
  '',
)
for (const [name, { passed, failed, first }] of failing.sort(([a], [b]) => (a < b ? -1 : 1)))
  print(`- \`${name}\` ${passed}/${passed + failed}: ${first.replace(/[|<>*_]/g, (c) => `\\${c}`)}`)
process.stdout.write(`${lines.join('\n')}\n`)
