#!/usr/bin/env node
// `flambeau`: converts files of tensors, shows what is in one, and runs a script in several processes.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { ArgumentError } from '../errors.js'
import type { FileItem } from '../files/torch-inspect.js'
import { explain, formatOf, tensorsIn } from './formats.js'
import { RUN_USAGE, run } from './run.js'

const USAGE = `Usage:
  flambeau inspect FILE [--json]
      Lists names, dtypes, shapes and sizes of what a file holds.
  flambeau convert FROM TO [--key NAME] [--force]
      Writes the tensors of one file to another. The names of the files say the formats:
      .safetensors (or its .index.json), .pt .pth .bin .ckpt (PyTorch), .npz .npy (NumPy).
      --key NAME   the part of a PyTorch file to convert, such as model or model.encoder
      --force      replace a file that is there already
      No code in any file is run.
${RUN_USAGE}`

const OPTIONS = {
  json: { type: 'boolean', default: false },
  key: { type: 'string' },
  force: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const

/** What to print. */
function main(args: readonly string[]): string {
  const { values, positionals } = parse(args)
  const [command, ...files] = positionals
  if (values.help || (command === undefined && !values.version)) return USAGE
  if (values.version) return `${VERSION}\n`
  if (command === 'inspect') {
    refuse(command, { '--key': values.key !== undefined, '--force': values.force })
    return inspect(expectFiles(command, files, ['FILE']), values.json)
  }
  if (command === 'convert') {
    refuse(command, { '--json': values.json })
    return convert(expectFiles(command, files, ['FROM', 'TO']), values.key, values.force)
  }
  throw new ArgumentError(`expected inspect, convert or run, got '${command}'\n\n${USAGE}`)
}

const { version: VERSION } = createRequire(import.meta.url)('../../package.json') as { version: string }

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new ArgumentError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

function refuse(command: string, options: Readonly<Record<string, boolean>>): void {
  const given = Object.keys(options).find((name) => options[name])
  if (given !== undefined) throw new ArgumentError(`${command} has no option ${given}`)
}

function expectFiles(command: string, files: readonly string[], names: readonly string[]): readonly string[] {
  if (files.length === names.length) return files
  throw new ArgumentError(`${command}: expected ${names.join(' and ')}, got ${files.length} names\n\n${USAGE}`)
}

function inspect([path]: readonly string[], json: boolean): string {
  const items = formatOf(path).items(path)
  if (json) {
    const rows = items.map(({ name, dtype, shape, nbytes, value }) =>
      dtype === null ? { name, value } : { name, dtype, shape, nbytes },
    )
    return `${JSON.stringify(rows, null, 2)}\n`
  }
  const shared = sharedStorages(items)
  const rows = items.map((item) => [
    item.name,
    item.dtype ?? '',
    item.dtype === null ? item.value : `[${item.shape.join(', ')}]`,
    item.dtype === null ? '' : bytes(item.nbytes),
    item.storage !== null && shared.has(item.storage) ? `shares memory ${item.storage}` : '',
  ])
  const tensors = items.filter(({ dtype }) => dtype !== null)
  const total = tensors.reduce((sum, { nbytes }) => sum + nbytes, 0)
  const count = tensors.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0)
  const summary = `${tensors.length} tensors, ${count.toLocaleString('en')} elements, ${bytes(total)}`
  return `${table([['name', 'dtype', 'shape or value', 'size', ''], ...rows])}\n${summary}\n`
}

function sharedStorages(items: readonly FileItem[]): Set<string> {
  const counts = new Map<string, number>()
  for (const { storage } of items) if (storage !== null) counts.set(storage, (counts.get(storage) ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count > 1).map(([storage]) => storage))
}

function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = count < 1000 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1)
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)} ${units[power]}`
}

/** Columns of equal width; what would move the cursor is made visible. */
function table(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map((cell) => cell.replace(/\p{C}/gu, '·')))
  const widths = safe[0].map((_, column) => Math.min(Math.max(...safe.map((row) => row[column].length)), 80))
  return safe
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function convert([from, to]: readonly string[], key: string | undefined, force: boolean): string {
  const [source, target] = [formatOf(from), formatOf(to)]
  if (/\.index\.json$/i.test(to))
    throw new ArgumentError(`convert: expected the name of a file of tensors, got '${to}'`)
  if (existsSync(to) && !force) throw new ArgumentError(`${to} is there already; --force replaces it`)
  const tensors = tensorsIn(from, source.read(from), key)
  target.write(to, tensors)
  return `${Object.keys(tensors).length} tensors: ${from} (${source.name}) → ${to} (${target.name})\n`
}

try {
  const args = process.argv.slice(2)
  if (args[0] === 'run') process.exitCode = await run(args.slice(1))
  else process.stdout.write(main(args))
} catch (error) {
  process.stderr.write(`flambeau: ${explain(error)}\n`)
  process.exitCode = 1
}
