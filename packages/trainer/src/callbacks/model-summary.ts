// Says what a module is made of.
import type { nn } from '@flambeau/core'
import { Callback } from '../callback.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule } from '../types.js'

interface Row {
  readonly name: string
  readonly type: string
  readonly parameters: number
  readonly training: boolean
}

const countOf = (module: nn.AnyModule): number => module.parameters().reduce((sum, p) => sum + p.numel(), 0)

/** Prints the modules of a network with their numbers of parameters, before training. */
export class ModelSummary extends Callback {
  override readonly mainOnly = true
  readonly maxDepth: number

  /** @param options `maxDepth`: how many levels are shown; 1 for the module's own children, -1 for all. Default 1 */
  constructor({ maxDepth = 1 }: { readonly maxDepth?: number } = {}) {
    super()
    this.maxDepth = maxDepth
  }

  override onFitStart(_trainer: Trainer, module: AnyLightningModule): void {
    console.log(summarize(module, this.maxDepth))
  }
}

/** The table that `ModelSummary` prints. */
export function summarize(module: AnyLightningModule, maxDepth = 1): string {
  const rows: Row[] = []
  for (const [name, child] of module.namedModules()) {
    const depth = name === '' ? 0 : name.split('.').length
    if (depth === 0 || (maxDepth >= 0 && depth > maxDepth)) continue
    rows.push({ name, type: child.constructor.name, parameters: countOf(child), training: child.training })
  }
  const cells = rows.map((row, i) => [
    String(i),
    row.name,
    row.type,
    short(row.parameters),
    row.training ? 'train' : 'eval',
  ])
  const head = ['', 'Name', 'Type', 'Params', 'Mode']
  const widths = head.map((title, c) => Math.max(title.length, ...cells.map((row) => row[c].length)))
  const line = (row: readonly string[]): string =>
    row
      .map((text, c) => text.padEnd(widths[c]))
      .join(' | ')
      .trimEnd()
  const rule = '-'.repeat(widths.reduce((a, b) => a + b, 0) + 3 * (widths.length - 1))
  const all = module.parameters()
  const total = countOf(module)
  const learned = all.reduce((sum, p) => sum + (p.requiresGrad ? p.numel() : 0), 0)
  const bytes = all.reduce((sum, p) => sum + p.numel() * p.elementSize(), 0)
  return [
    line(head),
    rule,
    ...cells.map(line),
    rule,
    `${short(learned)} trainable params, ${short(total - learned)} non-trainable params, ${(bytes / 1e6).toFixed(1)} MB`,
  ].join('\n')
}

function short(n: number): string {
  if (n < 1000) return String(n)
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} K` : n < 1e9 ? `${(n / 1e6).toFixed(1)} M` : `${(n / 1e9).toFixed(1)} B`
}
