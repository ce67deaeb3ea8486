// Values of which it can be told whether they are all of one save: everything in a file of save n is n.
import { full, load, loadNpz, loadSafetensors, saveNpz, saveSafetensors } from '@flambeau/core'

/** How the loop saves; `async` is an AsyncCheckpointer's. */
export const FORMATS = ['pt', 'async', 'safetensors', 'npz']

/** Of all sizes: some end within a block of the disk, the last one takes a while to write. */
const SIZES = [1, 3, 1000, 100_000, 500_000]

export const tensorsOf = (n) => Object.fromEntries(SIZES.map((size) => [`t${size}`, full([size], n)]))

export const writers = {
  safetensors: (path, n) => saveSafetensors(path, tensorsOf(n)),
  npz: (path, n) => saveNpz(path, tensorsOf(n)),
}

const readers = {
  pt: (path) => load(path).tensors,
  async: (path) => load(path).tensors,
  safetensors: (path) => loadSafetensors(path),
  npz: (path) => loadNpz(path),
}

/** The number of the save that a file is of. Throws where it is not one whole save. */
export function read(format, path) {
  const tensors = readers[format](path)
  const names = Object.keys(tensors)
  if (names.length !== SIZES.length) throw new Error(`${format}: expected ${SIZES.length} tensors, got ${names}`)
  const n = tensors.t1.item()
  for (const size of SIZES) {
    const t = tensors[`t${size}`]
    if (t.shape[0] !== size || !t.eq(n).all().item()) throw new Error(`${format}: t${size} is not all of save ${n}`)
  }
  return n
}
