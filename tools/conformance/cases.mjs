// Reading a folder of cases: cases.jsonl beside data.bin, and what their values stand for.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { openArchive } from './archive.mjs'
import { decode, isComplex, isFloating, sizeOf } from './values.mjs'

const archives = new Map()
/** The archive of a path, read once; null for a folder. */
function archiveOf(path) {
  if (!archives.has(path)) archives.set(path, statSync(path).isDirectory() ? null : openArchive(path))
  return archives.get(path)
}

/** Every folder below `dir` that holds cases, as paths relative to it ('.' for `dir` itself); those of an archive. */
export function findFolders(dir) {
  const archive = archiveOf(dir)
  if (archive) return [...archive.keys()]
  const found = []
  const visit = (path) => {
    if (existsSync(join(path, 'cases.jsonl'))) found.push(relative(dir, path).split(sep).join('/') || '.')
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) visit(join(path, entry.name))
  }
  visit(dir)
  return found.sort()
}

/** The cases of a folder below `dir`, and the bytes of their tensors. */
export function readFolder(dir, folder) {
  const archive = archiveOf(dir)
  if (archive) return archive.get(folder)
  const path = join(dir, folder)
  const lines = readFileSync(join(path, 'cases.jsonl'), 'utf8').split('\n').filter(Boolean)
  const file = join(path, 'data.bin')
  return { cases: lines.map((line) => JSON.parse(line)), data: existsSync(file) ? readFileSync(file) : Buffer.alloc(0) }
}

/** The tensors in a value, depth first. */
export function* tensorsIn(value) {
  if (value === null || typeof value !== 'object') return
  if (value.$tensor) yield value.$tensor
  else for (const item of Array.isArray(value) ? value : Object.values(value)) yield* tensorsIn(item)
}

/** The bytes of a tensor's storage. */
export const bytesOf = (data, { byteOffset, byteLength }) => data.subarray(byteOffset, byteOffset + byteLength)

/** The values of a result as the case has it: contiguous. */
export function expectedValues(data, tensor) {
  const { re, im } = decode(tensor.dtype, bytesOf(data, tensor))
  return { dtype: tensor.dtype, shape: tensor.shape, re, im }
}

const parseFloatText = (text) =>
  ({ inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY, nan: Number.NaN })[text] ?? Number(text)

/**
 * Turns a value of the file into what the library is given; `make` turns a tensor's description into a tensor.
 * `float` marks whole floats where JavaScript could not tell them from integers.
 */
export function decodeValue(value, make, float = (x) => x) {
  if (value === null || typeof value !== 'object') return value
  const into = (v) => decodeValue(v, make, float)
  if (Array.isArray(value)) return value.map(into)
  if (value.$tensor) return make(value.$tensor)
  if ('$float' in value) {
    const number = parseFloatText(value.$float)
    return Number.isInteger(number) ? float(number) : number
  }
  if ('$int' in value) return BigInt(value.$int)
  if ('$complex' in value) return { re: parseFloatText(value.$complex[0]), im: parseFloatText(value.$complex[1]) }
  if ('$dtype' in value) return value.$dtype
  if ('$device' in value) return { $device: value.$device }
  if ('$memoryFormat' in value) return value.$memoryFormat
  if ('$slice' in value) return { $slice: value.$slice.map(into) }
  if ('$ellipsis' in value) return { $ellipsis: true }
  if ('$tuple' in value) return Object.assign(value.$tuple.map(into), { tuple: true })
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, into(v)]))
}

/** Whether whole floats must be marked: without a floating-point tensor they alone make the result floating-point. */
export function needsFloatMarks(...values) {
  for (const value of values)
    for (const { dtype } of tensorsIn(value)) if (isFloating(dtype) || isComplex(dtype)) return false
  return true
}

const DESCRIBED = ['$float', '$int', '$dtype', '$device', '$memoryFormat']

/** A value as it reads in a message. */
export function describeValue(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(describeValue).join(', ')}]`
  if (value.$tensor) {
    const { dtype, shape, stride, byteLength } = value.$tensor
    const dense = byteLength === shape.reduce((n, size) => n * size, 1) * sizeOf(dtype)
    return `${dtype}[${shape}]${dense ? '' : ` strides [${stride}]`}`
  }
  for (const key of DESCRIBED) if (key in value) return String(value[key])
  if (value.$complex) return `${value.$complex[0]}+${value.$complex[1]}i`
  if (value.$tuple) return `(${value.$tuple.map(describeValue).join(', ')})`
  if (value.$slice) return `slice(${value.$slice.map(describeValue).join(', ')})`
  if (value.$ellipsis) return '…'
  return `{${Object.entries(value)
    .map(([key, v]) => `${key}: ${describeValue(v)}`)
    .join(', ')}}`
}

export function describeCall(args, kwargs) {
  const text = [
    ...args.map(describeValue),
    ...Object.entries(kwargs).map(([key, v]) => `${key}=${describeValue(v)}`),
  ].join(', ')
  return text.length <= 240 ? `(${text})` : `(${text.slice(0, 237)}…)`
}
