// `npm run bench -- suite [--only TEXT] [--json FILE] [--markdown FILE] [--rounds N] [--device cuda]`: networks, kernels and dispatch against
// PyTorch. Both sides start from the same random numbers; what they compute is compared before anything is timed.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import cases from './suite/index.mjs'
import { flambeau, hasPyTorch, median, pytorch } from './support/alternate.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    rounds: { type: 'string', default: '8' },
    device: { type: 'string', default: 'cpu' },
  },
})
/** A measurement takes at least this long, in milliseconds. */
const LEAST = 25
const GEOMEAN_LIMIT = 0.65

const rounds = Math.max(2, Number(options.rounds))
const names = Object.keys(cases).filter((name) => name.includes(options.only))
if (names.length === 0) {
  console.error(`no case has '${options.only}' in its name; there are:\n  ${Object.keys(cases).join('\n  ')}`)
  process.exit(2)
}
const compares = hasPyTorch()
if (!compares) console.log('no PyTorch to compare with (FLAMBEAU_PYTHON names a Python that has it): times alone')

/** The largest difference between what both sides gave in one step, relative to the largest value. */
function difference(ours, theirs) {
  let worst = 0
  for (const [i, x] of ours.entries()) {
    const y = theirs[i]
    if (String(x.shape) !== String(y.shape)) throw new Error(`shape [${x.shape}], PyTorch's is [${y.shape}]`)
    const scale = Math.max(1e-12, ...y.values.map(Math.abs))
    for (const [k, v] of x.values.entries()) worst = Math.max(worst, Math.abs(v - y.values[k]) / scale)
  }
  return worst
}

/** How much the same side differs between even and odd rounds. */
const spread = (times) =>
  Math.abs(median(times.filter((_, i) => i % 2 === 0)) / median(times.filter((_, i) => i % 2 === 1)) - 1)

/** Asks a side, and throws what went wrong there. */
async function ask(side, question) {
  const answer = await side.ask(JSON.stringify(question))
  if (answer?.error) throw new Error(answer.error)
  return answer
}

async function measure(name, ours, theirs) {
  const { kind, limit } = cases[name]
  const sides = theirs ? [ours, theirs] : [ours]
  const steps = kind === 'workload' ? 3 : 1
  const seen = []
  for (const side of sides) seen.push(await ask(side, { do: 'check', name, steps }))
  // Sums are taken in another order; updates multiply the difference from step to step, Adam's first ones most.
  const allowed = name.includes('bfloat16') ? 2e-2 : 1e-3
  if (theirs)
    for (let i = 0; i < steps; i++) {
      const wrong = difference(seen[0][i], seen[1][i])
      if (!(wrong <= allowed * (i === 0 ? 1 : 30)))
        return { kind, limit, problem: `the results of step ${i + 1} differ by ${wrong.toExponential(1)}` }
    }

  const counts = []
  for (const side of sides) {
    await ask(side, { do: 'time', name, steps: 1 })
    const once = await ask(side, { do: 'time', name, steps: 1 })
    counts.push(Math.max(1, Math.min(2000, Math.round(LEAST / once))))
  }
  const times = sides.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, side] of sides.entries()) times[i].push(await ask(side, { do: 'time', name, steps: counts[i] }))
  const [a, b] = times.map(median)
  return {
    kind,
    limit,
    ours_ms: a,
    ...(theirs && { torch_ms: b, ratio: a / b }),
    noise: Math.max(...times.map(spread)),
  }
}

/** The noise of the machine must not decide. */
function verdict({ problem, ratio, noise, limit }) {
  if (problem !== undefined) return 'wrong'
  if (ratio === undefined) return 'alone'
  if (noise > Math.abs(ratio - limit) / limit) return 'noise'
  return ratio <= limit ? 'good' : 'slow'
}
const MARKS = { good: '✓', slow: '✗', wrong: '✗', noise: '?', alone: ' ' }
const ms = (x) => (x < 0.01 ? `${(x * 1000).toPrecision(3)} µs` : `${x.toPrecision(3)} ms`)

function line(name, result) {
  const mark = MARKS[verdict(result)]
  if (result.problem !== undefined) return `${mark} ${name}: ${result.problem}`
  const { ours_ms, torch_ms, ratio, noise, limit } = result
  const compared = ratio === undefined ? '' : `, PyTorch ${ms(torch_ms)}, ratio ${ratio.toFixed(2)} (at most ${limit})`
  return `${mark} ${name}: ${ms(ours_ms)}${compared}, noise ${(noise * 100).toFixed(0)} %`
}

const results = {}
let shared
for (const name of names) {
  // A network has processes of its own, so that their memory can be told.
  const own = cases[name].kind === 'workload'
  const start = () => ({
    ours: flambeau('suite', options.device),
    theirs: compares ? pytorch('suite', options.device) : null,
  })
  if (!own) shared ??= start()
  const sides = own ? start() : shared
  try {
    results[name] = await measure(name, sides.ours, sides.theirs).catch((error) => ({
      kind: cases[name].kind,
      problem: error.message,
    }))
    if (own) {
      results[name].ours_mb = await ask(sides.ours, { do: 'memory' })
      if (sides.theirs) results[name].torch_mb = await ask(sides.theirs, { do: 'memory' })
    }
    console.log(line(name, results[name]))
  } finally {
    if (own) {
      sides.ours.close()
      sides.theirs?.close()
    }
  }
}
shared?.ours.close()
shared?.theirs?.close()

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
if (Object.values(results).some((r) => ['slow', 'wrong'].includes(verdict(r)))) process.exitCode = 1

if (options.json) writeFileSync(options.json, `${JSON.stringify({ workloads: results, geomean }, null, 1)}\n`)
if (options.markdown) writeFileSync(options.markdown, markdown())

/** A page: a table a kind, with a bar for each ratio. */
function markdown() {
  const bar = (ratio) => {
    const eighths = Math.round(Math.min(ratio, 2) * 80) / 8
    return '█'.repeat(Math.floor(eighths)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][Math.round((eighths % 1) * 8)]
  }
  const titles = { workload: 'Networks', dispatch: 'Dispatch', kernel: 'Kernels' }
  const tables = Object.entries(titles).map(([kind, title]) => {
    const rows = Object.entries(results)
      .filter(([, r]) => r.kind === kind && r.ratio !== undefined)
      .map(([name, r]) => {
        const memory = r.torch_mb
          ? ` ${Math.round(r.ours_mb)} / ${Math.round(r.torch_mb)} MB |`
          : kind === 'workload'
            ? ' |'
            : ''
        return `| ${name} | ${ms(r.ours_ms)} | ${ms(r.torch_ms)} | ${r.ratio.toFixed(2)} | \`${bar(r.ratio)}\` | ${(r.noise * 100).toFixed(0)} % |${memory}`
      })
    const head = ['what', 'Flambeau', 'PyTorch', 'ratio', 'ten cells are PyTorch', 'noise']
    if (kind === 'workload') head.push('memory')
    return `## ${title}\n\n| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|\n${rows.join('\n')}\n`
  })
  return `# Figures

Medians of ${rounds} rounds in one run, taking turns with PyTorch eager on ${cpus().length} cores (${cpus()[0].model.trim()}), Node ${process.versions.node}.
A ratio below 1 means that Flambeau takes less time. Noise is how far the same side differs between even and odd rounds. Made by
\`npm run bench -- suite --markdown FILE\`.${geomean === null ? '' : ` Geometric mean over the networks: ${geomean.toFixed(2)}.`}

${tables.join('\n')}`
}
