// The built library as the runner sees it: the public face, the operator records, and tensors made from raw bytes.
// `FLAMBEAU_DIST` names another build of core's dist folder.
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../setup/exec.mjs'

const dist = process.env.FLAMBEAU_DIST ? resolve(process.env.FLAMBEAU_DIST) : join(root, 'packages/core/dist')
const load = (path) => import(pathToFileURL(join(dist, path)).href)

export const core = await load('index.js')
export const { registry } = await load('ops/record.js')
const { allocate, alias } = await load('tensor/create.js')
const { contiguousRaw, inplace } = await load('ops/inplace.js')
const { DTYPES } = await load('tensor/dtype.js')
const { checkDevice } = await load('tensor/device.js')
const { Storage } = await load('tensor/storage.js')
const { Tensor, ArgumentError } = core

export { ArgumentError, DTYPES, inplace, Tensor }

let device = 'cpu'
/** Where tensors are made. */
export const setDevice = (name) => {
  // By its full name, as a tensor says it: 'cuda:0' for 'cuda'.
  device = checkDevice('conformance', name)
}
export const getDevice = () => device

/** A tensor over its own copy of `bytes`, read with any strides. */
export function fromBytes({ dtype, shape, stride, storageOffset = 0 }, bytes) {
  if (!(dtype in DTYPES)) throw new Error(`the library has no dtype ${dtype}`)
  const storage = Storage.allocate(bytes.byteLength, device)
  const t = new Tensor(storage, dtype, shape, stride, storageOffset)
  if (bytes.byteLength > 0) storage.write('conformance', 0, bytes)
  return t
}

/** A contiguous tensor from real and imaginary parts in double precision. */
export function fromValues(dtype, shape, re, im) {
  const { array, kind } = DTYPES[dtype]
  const out = allocate(shape, dtype, device)
  const data = new array(kind === 'complex' ? re.length * 2 : re.length)
  if (kind === 'complex') for (let i = 0; i < re.length; i++) [data[2 * i], data[2 * i + 1]] = [re[i], im?.[i] ?? 0]
  else data.set(re)
  if (data.byteLength > 0) out.storage.write('conformance', 0, data)
  return out
}

/** The bytes of a tensor's elements in row-major order. */
export function toBytes(t) {
  const source = contiguousRaw(t)
  const size = DTYPES[t.dtype].size
  const bytes = new Uint8Array(source.numel() * size)
  if (bytes.byteLength > 0) source.storage.read('conformance', source.offset * size, bytes)
  return bytes
}

/** The same values in a leaf of its own. */
export const leaf = (t) => alias(t)
