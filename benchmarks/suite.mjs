// `npm run bench -- suite [--only TEXT] [--json FILE] [--markdown FILE] [--rounds N] [--device cuda] [--compiled]`: networks, kernels and
// dispatch against PyTorch, and with --compiled the networks against torch.compile as well, which takes minutes to compile.
// Both sides start from the same random numbers; what they compute is compared before anything is timed.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import cases from './suite/index.mjs'
import { flambeau, hasPyTorch, pytorch } from './support/alternate.mjs'
import { page } from './support/markdown.mjs'
import { ask, difference, isBad, MARKS, machine, ms, takeTurns, verdict } from './support/turns.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    rounds: { type: 'string', default: '8' },
    device: { type: 'string', default: 'cpu' },
    compiled: { type: 'boolean', default: false },
  },
})
const GEOMEAN_LIMIT = 0.65

const rounds = Math.max(2, Number(options.rounds))
const names = Object.keys(cases).filter((name) => name.includes(options.only))
if (names.length === 0) {
  console.error(`no case has '${options.only}' in its name; there are:\n  ${Object.keys(cases).join('\n  ')}`)
  process.exit(2)
}
const compares = hasPyTorch()
if (!compares) console.log('no PyTorch to compare with (FLAMBEAU_PYTHON names a Python that has it): times alone')

async function measure(name, sides) {
  const { kind, limit } = cases[name]
  const steps = kind === 'workload' ? 3 : 1
  const seen = {}
  let notCompiled
  for (const [key, side] of Object.entries(sides))
    try {
      seen[key] = await ask(side, { do: 'check', name, steps })
    } catch (error) {
      if (key !== 'compiled') throw error
      notCompiled = error.message
    }
  // Sums are taken in another order; updates multiply the difference from step to step, Adam's first ones most.
  const allowed = name.includes('bfloat16') ? 2e-2 : 1e-3
  for (const key of ['theirs', 'compiled'])
    for (let i = 0; i < (seen[key]?.length ?? 0); i++) {
      const wrong = difference(seen.ours[i], seen[key][i])
      if (!(wrong <= allowed * (i === 0 ? 1 : 30)))
        return { kind, limit, problem: `the results of step ${i + 1} differ by ${wrong.toExponential(1)} (${key})` }
    }

  const able = Object.fromEntries(Object.entries(sides).filter(([key]) => seen[key] !== undefined))
  const { ms: times, noise } = await takeTurns(able, name, rounds)
  return {
    kind,
    limit,
    ours_ms: times.ours,
    ...(able.theirs && { torch_ms: times.theirs, ratio: times.ours / times.theirs }),
    ...(able.compiled && { torch_compiled_ms: times.compiled }),
    ...(notCompiled && { torch_compiled_problem: notCompiled }),
    noise,
  }
}

function line(name, result) {
  const mark = MARKS[verdict(result)]
  if (result.problem !== undefined) return `${mark} ${name}: ${result.problem}`
  const { ours_ms, torch_ms, torch_compiled_ms, torch_compiled_problem, ratio, noise, limit } = result
  const judged = limit === undefined ? '' : ` (at most ${limit})`
  const compared = ratio === undefined ? '' : `, PyTorch ${ms(torch_ms)}, ratio ${ratio.toFixed(2)}${judged}`
  const compiled = torch_compiled_ms
    ? `, torch.compile ${ms(torch_compiled_ms)}, ratio ${(ours_ms / torch_compiled_ms).toFixed(2)}`
    : torch_compiled_problem
      ? `, torch.compile cannot run it: ${torch_compiled_problem}`
      : ''
  return `${mark} ${name}: ${ms(ours_ms)}${compared}${compiled}, noise ${(noise * 100).toFixed(0)} %`
}

const results = {}
let shared
for (const name of names) {
  // A network has processes of its own, so that their memory can be told.
  const own = cases[name].kind === 'workload'
  const start = () => ({
    ours: flambeau('suite', options.device),
    ...(compares && { theirs: pytorch('suite', options.device) }),
    ...(compares && own && options.compiled && { compiled: pytorch('suite', options.device, '--compiled') }),
  })
  if (!own) shared ??= start()
  const sides = own ? start() : shared
  try {
    results[name] = await measure(name, sides).catch((error) => ({
      kind: cases[name].kind,
      problem: error.message,
    }))
    if (own) {
      results[name].ours_mb = await ask(sides.ours, { do: 'memory' })
      if (sides.theirs) results[name].torch_mb = await ask(sides.theirs, { do: 'memory' })
    }
    console.log(line(name, results[name]))
  } finally {
    if (own) for (const side of Object.values(sides)) side.close()
  }
}
for (const side of Object.values(shared ?? {})) side.close()

const ratios = (kind) =>
  Object.values(results)
    .filter((r) => r.kind === kind && r.ratio !== undefined)
    .map((r) => r.ratio)
const networks = ratios('workload')
const geomean =
  networks.length > 0 ? Math.exp(networks.reduce((sum, r) => sum + Math.log(r), 0) / networks.length) : null
const kernels = ratios('kernel')
if (geomean !== null) {
  console.log(`\nnetworks: geometric mean ${geomean.toFixed(3)} (at most ${GEOMEAN_LIMIT})`)
  if (geomean > GEOMEAN_LIMIT && networks.length > 1) process.exitCode = 1
}
if (kernels.length > 0) console.log(`kernels: ${kernels.filter((r) => r <= 1).length} of ${kernels.length} at most 1.0`)
if (Object.values(results).some(isBad)) process.exitCode = 1

const written = { benchmark: 'suite', machine: machine(), rounds, workloads: results, geomean }
if (options.json) writeFileSync(options.json, `${JSON.stringify(written, null, 1)}\n`)
if (options.markdown) writeFileSync(options.markdown, page([written]))
