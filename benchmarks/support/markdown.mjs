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
  const titles = { workload: 'Networks', dispatch: 'Dispatch', kernel: 'Kernels' }
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
side differs between even and odd rounds.${geomean === null ? '' : ` Geometric mean over the networks: ${geomean.toFixed(2)}.`}

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

export const sections = { suite, compile }

/** A page of the results of some benchmarks; each is what one of them wrote as JSON. */
export function page(results) {
  const [{ machine }] = results
  return `# Benchmarks

Figures of one machine: ${machine.cores} cores (${machine.processor}), Node ${machine.node}, ${machine.platform}. Other machines have other times; ratios
carry over better. \`benchmarks/README.md\` says what each command measures; this page is made from what they wrote.

${results.map((result) => sections[result.benchmark](result)).join('\n')}`
}
