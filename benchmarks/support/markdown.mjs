// Tables of the figures, one function a benchmark: from the JSON that it writes to a section of a page.
import { ms } from './turns.mjs'

const percent = (x) => `${(x * 100).toFixed(0)} %`
const table = (head, rows) =>
  `| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`
const optional = (x, show) => (x === undefined ? '' : show(x))

/** Ten cells are the other side's time. */
function bar(ratio) {
  const eighths = Math.round(Math.min(ratio, 2) * 80)
  return `\`${'█'.repeat(eighths >> 3)}${['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]}\``
}

function suite({ workloads, geomean, rounds }) {
  const titles = {
    workload: 'Networks',
    dispatch: 'Dispatch',
    kernel: 'Kernels',
    collected: 'Kernels whose results are left to the collector',
  }
  const results = Object.entries(workloads)
  const withCompiled = results.some(([, r]) => r.torch_compiled_ms !== undefined)
  const tables = Object.entries(titles).map(([kind, title]) => {
    const networks = kind === 'workload'
    const head = ['what', 'Flambeau', 'PyTorch', 'ratio', 'ten cells are PyTorch', 'noise']
    if (networks && withCompiled) head.push('torch.compile', 'ratio to it')
    if (networks) head.push('memory')
    const rows = results
      .filter(([, r]) => r.kind === kind && r.ratio !== undefined)
      .map(([name, r]) => [
        name,
        ms(r.ours_ms),
        ms(r.torch_ms),
        r.ratio.toFixed(2),
        bar(r.ratio),
        percent(r.noise),
        ...(networks && withCompiled
          ? [optional(r.torch_compiled_ms, ms), optional(r.torch_compiled_ms, (x) => (r.ours_ms / x).toFixed(2))]
          : []),
        ...(networks ? [optional(r.torch_mb, (mb) => `${Math.round(r.ours_mb)} / ${Math.round(mb)} MB`)] : []),
      ])
    return rows.length === 0 ? '' : `### ${title}\n\n${table(head, rows)}`
  })
  return `## Against PyTorch eager

Medians of ${rounds} rounds in one run, taking turns. A ratio below 1 means that Flambeau takes less time. Noise is how far the same
side differs between even and odd rounds. What a kernel gives is disposed of at once, by \`tidy\`, as PyTorch's reference counts do; its
memory is then written again while it is in the processor's caches. Some kernels are shown once more with their results left to the
collector, as networks and dispatch are.${geomean === null ? '' : ` Geometric mean over the networks: ${geomean.toFixed(2)}.`}

${tables.filter(Boolean).join('\n')}`
}

function compile({ chains, rounds }) {
  const rows = Object.entries(chains)
    .filter(([, r]) => r.problem === undefined)
    .map(([name, r]) => [
      name,
      ms(r.ours_eager_ms),
      ms(r.ours_ms),
      optional(r.torch_eager_ms, ms),
      optional(r.torch_ms, ms),
      optional(r.ratio, (x) => x.toFixed(2)),
      optional(r.ratio, bar),
      percent(r.noise),
    ])
  return `## compile() against torch.compile

Chains of elementwise operators on a million floats, medians of ${rounds} rounds; the ratio is \`compile\`'s time to \`torch.compile\`'s.

${table(['chain', 'Flambeau eager', 'Flambeau compiled', 'PyTorch eager', 'PyTorch compiled', 'ratio', 'ten cells are torch.compile', 'noise'], rows)}`
}

const PEERS = { tfjs: 'TensorFlow.js (wasm)', jax: 'jax-js (wasm)', mlx: 'node-mlx', onnx: 'ONNX Runtime' }

function peers({ workloads }) {
  const rows = Object.entries(workloads).flatMap(([name, results]) =>
    Object.entries(results).map(([peer, r]) =>
      r.unable === undefined
        ? [name, PEERS[peer], ms(r.ours_ms), ms(r.theirs_ms), r.ratio.toFixed(3), percent(r.noise)]
        : [name, PEERS[peer], `not compared: ${r.unable.split('\n')[0].replaceAll('|', '¦')}`, '', '', ''],
    ),
  )
  return `## Against JavaScript libraries

The same networks from the same parameters; losses, gradients and updates are compared before anything is timed, without dropout, whose
random numbers differ. A ratio of 0.2 is five times as fast.

${table(['network', 'library', 'Flambeau', 'theirs', 'ratio', 'noise'], rows)}`
}

function growth({ curves, threads }) {
  const grown = Object.entries(curves).map(([name, r]) => [
    name,
    r.sizes.map((size, i) => `${size}: ${ms(r.ms[i])}`).join(', '),
    r.ratio.toFixed(2),
    percent(r.noise),
  ])
  const shared = Object.entries(threads).map(([name, r]) => [
    name,
    ms(r.one_ms),
    ms(r.two_ms),
    (1 / r.ratio).toFixed(2),
    percent(r.noise),
  ])
  return `## Growth

The time of a step while a size is doubled again and again, and the most that one doubling multiplied it by.

${table(['what', 'times', 'largest factor', 'noise'], grown)}
${shared.length === 0 ? '' : table(['with threads', 'one', 'two', 'times as fast', 'noise'], shared)}`
}

function lateness({ period_ms, inference_ms, idle, forwardAsync, forward }) {
  const row = (name, r) => [name, ...[r.median, r.p99, r.largest].map((x) => ms(x)), r.ticks]
  return `## The event loop

How late a timer of ${period_ms} ms is while an inference of ${Math.round(inference_ms)} ms runs again and again.

${table(
  ['meanwhile', 'median', '99 %', 'largest', 'ticks'],
  [row('nothing', idle), row('`await model.forwardAsync(x)`', forwardAsync), row('`model.forward(x)`', forward)],
)}`
}

const sections = { suite, compile, peers, growth, lateness }
export const SECTIONS = Object.keys(sections)

/** A page of the results of some benchmarks; each is what one of them wrote as JSON. */
export function page(results) {
  const [{ machine }] = results
  return `# Benchmarks

Figures of one machine: ${machine.cores} cores (${machine.processor}), Node ${machine.node}, ${machine.platform}. Other machines have other times; ratios
carry over better. \`benchmarks/README.md\` says what each command measures; this page is made from what they wrote.

${results.map((result) => sections[result.benchmark](result)).join('\n')}`
}
