// What the data sets have in common.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, DownloadError, IndexError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** The path of a file that must be there. */
export function needFile(name: string, root: string, path: string): string {
  if (typeof root !== 'string' || root === '')
    throw new ArgumentError(`${name}: expected root to be a folder, got ${describe(root)}`)
  const full = join(root, path)
  if (!existsSync(full))
    throw new DownloadError(`${name}: ${full} is missing: \`await datasets.${name}.download(root)\` fetches it`, full)
  return full
}

export function checkSplit<S extends string>(name: string, splits: readonly S[], split: S): S {
  if (!splits.includes(split))
    throw new ArgumentError(`${name}: expected split to be one of ${splits.join(', ')}, got ${describe(split)}`)
  return split
}

/** An index of one of `length` samples, from 0; a negative one counts from the end. */
export function checkIndex(name: string, index: number, length: number): number {
  if (!Number.isInteger(index) || index < -length || index >= length)
    throw new IndexError(`${name}: expected an index in [${-length}, ${length - 1}], got ${describe(index)}`)
  return index < 0 ? index + length : index
}
