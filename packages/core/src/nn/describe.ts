import type { AnyModule } from './module.js'

const indent = (text: string): string => text.replaceAll('\n', '\n  ')

/** A module and those below it as a tree; equal neighbours in a list are counted. */
export function describeModule(module: AnyModule): string {
  const name = module.constructor.name
  const extra = module.extraRepr()
  const rows: { from: string; to: string; count: number; text: string }[] = []
  for (const [key, child] of module.ownModules()) {
    const text = describeModule(child)
    const last = rows.at(-1)
    if (last !== undefined && last.text === text && isIndex(key) && isIndex(last.to)) {
      last.to = key
      last.count++
    } else {
      rows.push({ from: key, to: key, count: 1, text })
    }
  }
  if (rows.length === 0) return extra.includes('\n') ? `${name}(\n  ${indent(extra)}\n)` : `${name}(${extra})`
  const lines = rows.map(({ from, to, count, text }) =>
    indent(count === 1 ? `(${from}): ${text}` : `(${from}-${to}): ${count} x ${text}`),
  )
  if (extra !== '') lines.unshift(indent(extra))
  return `${name}(\n  ${lines.join('\n  ')}\n)`
}

const isIndex = (key: string): boolean => /^\d+$/.test(key)
