// `npm run bench -- compile [--only TEXT] [--json FILE] [--rounds N]`: chains of elementwise operators through `compile(fn)` against
// torch.compile, and both eager beside. All four start from the same random numbers and must give the same results and gradients.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chains } from './suite/chains.mjs'
import { flambeau, hasPyTorch, pytorch } from './support/alternate.mjs'
import { ask, difference, isBad, MARKS, machine, ms, takeTurns, verdict } from './support/turns.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '8' },
  },
})
const LIMIT = 1
/** Of the largest value: both approximate tanh and the like by other polynomials, and gradients of rows are sums. */
const ALLOWED = 2e-5
/** The first call is taken down, those after it run the plan. */
const CHECKED = 3

const rounds = Math.max(2, Number(options.rounds))
const names = Object.keys(chains(false)).filter((name) => name.includes(options.only))
if (names.length === 0) {
  console.error(`no chain has '${options.only}' in its name; there are:\n  ${Object.keys(chains(false)).join('\n  ')}`)
  process.exit(2)
}
const compares = hasPyTorch()
if (!compares) console.log('no PyTorch to compare with (FLAMBEAU_PYTHON names a Python that has it): times alone')
const sides = {
  ours_eager: flambeau('suite', 'cpu', '--chains'),
  ours: flambeau('suite', 'cpu', '--chains', '--compiled'),
  ...(compares && {
    torch_eager: pytorch('suite', 'cpu', '--chains'),
    torch: pytorch('suite', 'cpu', '--chains', '--compiled'),
  }),
}

async function measure(name) {
  const seen = {}
  for (const [key, side] of Object.entries(sides))
    try {
      seen[key] = await ask(side, { do: 'check', name, steps: CHECKED })
    } catch (error) {
      // It needs a C++ compiler, where nothing else here does.
      if (key !== 'torch') throw error
      console.log(`  torch.compile cannot run here: ${error.message}`)
    }
  for (const [key, steps] of Object.entries(seen))
    for (const [i, step] of steps.entries()) {
      const wrong = difference(step, seen.ours_eager[i])
      if (!(wrong <= ALLOWED)) return { problem: `call ${i + 1} of ${key} differs by ${wrong.toExponential(1)}` }
    }
  const able = Object.fromEntries(Object.entries(sides).filter(([key]) => seen[key] !== undefined))
  const { ms: times, noise } = await takeTurns(able, name, rounds)
  return {
    limit: LIMIT,
    ...Object.fromEntries(Object.entries(times).map(([key, time]) => [`${key}_ms`, time])),
    ...(able.torch && { ratio: times.ours / times.torch }),
    noise,
  }
}

function line(name, result) {
  const mark = MARKS[verdict(result)]
  if (result.problem !== undefined) return `${mark} ${name}: ${result.problem}`
  const { ours_ms, ours_eager_ms, torch_ms, torch_eager_ms, ratio, noise } = result
  const theirs = torch_eager_ms === undefined ? '' : `, PyTorch eager ${ms(torch_eager_ms)}`
  const compared =
    ratio === undefined ? '' : `, torch.compile ${ms(torch_ms)}, ratio ${ratio.toFixed(2)} (at most ${LIMIT})`
  return `${mark} ${name}: ${ms(ours_ms)} (eager ${ms(ours_eager_ms)})${theirs}${compared}, noise ${(noise * 100).toFixed(0)} %`
}

const results = {}
for (const name of names) {
  results[name] = await measure(name).catch((error) => ({ problem: error.message }))
  console.log(line(name, results[name]))
}
for (const side of Object.values(sides)) side.close()
if (Object.values(results).some(isBad)) process.exitCode = 1
const written = { benchmark: 'compile', machine: machine(), rounds, chains: results }
if (options.json) writeFileSync(options.json, `${JSON.stringify(written, null, 1)}\n`)
