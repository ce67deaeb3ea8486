// A step is skipped while its stamp, a hash of the contents of its inputs, is the one it left behind last time.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, state } from './exec.mjs'

const generated = new Set(['node_modules', 'dist', 'build', '.flambeau', '.git'])

/** Every file under the given files and folders (relative to the root), sorted, without what builds leave behind. */
export function filesUnder(paths) {
  const found = []
  const visit = (path) => {
    if (!existsSync(path)) return
    if (statSync(path).isFile()) return found.push(path)
    for (const name of readdirSync(path)) if (!generated.has(name)) visit(join(path, name))
  }
  for (const path of paths) visit(join(root, path))
  return found.sort()
}

function hashOf(inputs) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${root}\n`)
  for (const file of filesUnder(inputs)) hash.update(`${relative(root, file)}\n`).update(readFileSync(file))
  return hash.digest('hex')
}

/**
 * Runs `action` unless nothing changed in `inputs` (files and folders) since it last succeeded and all `outputs` are
 * still there.
 */
export async function whenStale(name, { inputs, outputs = [] }, action) {
  const stamp = join(state, 'stamps', name)
  const hash = hashOf(inputs)
  const current = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash
  if (current && outputs.every((path) => existsSync(join(root, path)))) return
  rmSync(stamp, { force: true })
  await action()
  mkdirSync(join(state, 'stamps'), { recursive: true })
  // The hash from before: a file edited meanwhile may or may not have been seen.
  writeFileSync(stamp, hash)
}
