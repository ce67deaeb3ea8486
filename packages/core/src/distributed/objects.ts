// Collectives of JavaScript values: what structured cloning knows, and tensors.
import { deserialize, serialize } from 'node:v8'
import { ArgumentError, describe } from '../errors.js'
import { contiguous, detach, tensor } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { allGather, broadcast } from './collectives.js'
import { recv, send } from './messages.js'
import { groupFor, type ProcessGroup } from './process-group.js'

export interface ObjectOptions {
  /** Default: all processes. */
  readonly group?: ProcessGroup | null
  /** How long to wait, in milliseconds. Default: the group's. */
  readonly timeout?: number
}

/** Stands for a tensor in what is sent. */
const MARK = '\u0000tensor'

function pack(operation: string, value: unknown): unknown {
  const visit = (item: unknown, above: readonly unknown[]): unknown => {
    if (typeof item !== 'object' || item === null) return item
    if (above.includes(item))
      throw new ArgumentError(`${operation}: expected a value without circles, got one that holds itself`)
    const inner = [...above, item]
    if (item instanceof Tensor) {
      const bytes = new Uint8Array(item.numel() * item.elementSize())
      const dense = contiguous(detach(item))
      dense.storage.makeStrided()
      if (bytes.length > 0) dense.storage.read(operation, dense.offset * DTYPES[item.dtype].size, bytes)
      return { [MARK]: item.dtype, shape: item.shape, bytes }
    }
    if (Array.isArray(item)) return item.map((one) => visit(one, inner))
    if (Object.prototype.toString.call(item) === '[object Map]')
      return new Map([...(item as Map<unknown, unknown>)].map(([k, v]) => [k, visit(v, inner)]))
    const plain = Object.getPrototypeOf(item)
    if (plain === null || plain.constructor?.name === 'Object')
      return Object.fromEntries(Object.entries(item).map(([k, v]) => [k, visit(v, inner)]))
    return item
  }
  return visit(value, [])
}

function unpack(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) return item
  if (Array.isArray(item)) return item.map(unpack)
  if (item instanceof Map) return new Map([...item].map(([k, v]) => [k, unpack(v)]))
  if (Object.getPrototypeOf(item) !== Object.prototype) return item
  if (MARK in item) {
    const { [MARK]: dtype, shape, bytes } = item as { [MARK]: DType; shape: number[]; bytes: Uint8Array }
    const t = allocate(shape, dtype, 'cpu')
    if (bytes.length > 0) t.storage.write('unpack', 0, bytes)
    return t
  }
  return Object.fromEntries(Object.entries(item).map(([k, v]) => [k, unpack(v)]))
}

function bytesOf(operation: string, value: unknown): Uint8Array {
  try {
    return serialize(pack(operation, value))
  } catch (error) {
    if (error instanceof ArgumentError) throw error
    throw new ArgumentError(`${operation}: ${describe(value)} cannot be sent: ${(error as Error).message}`)
  }
}

/** Bytes where the group's tensors are. */
function asTensor(bytes: Uint8Array, size: number, { device }: ProcessGroup): Tensor {
  const t = allocate([size], 'uint8', device)
  if (bytes.length > 0) t.storage.write('distributed', 0, bytes)
  return t
}

function received(t: Tensor, size: number): unknown {
  const bytes = new Uint8Array(size)
  t.storage.read('distributed', t.offset, bytes)
  return unpack(deserialize(bytes))
}

/** Everyone's sizes, and everyone's bytes, of the largest size. */
function exchange(operation: string, value: unknown, options: ObjectOptions): unknown[] {
  const group = groupFor(operation, options.group)
  const { size, device } = group
  const bytes = bytesOf(operation, value)
  const sizes = Array.from({ length: size }, () => allocate([], 'int64', device))
  allGather(sizes, tensor(bytes.length, { dtype: 'int64', device }), options)
  const lengths = sizes.map((t) => t.item<number>())
  const most = Math.max(...lengths)
  const all = Array.from({ length: size }, () => allocate([most], 'uint8', device))
  allGather(all, asTensor(bytes, most, group), options)
  return all.map((t, i) => received(t, lengths[i]))
}

/** Gives every rank the values of all, by rank. @returns them, also put into `objectList` */
export function allGatherObject<T>(objectList: T[], object: T, options: ObjectOptions = {}): T[] {
  const values = exchange('allGatherObject', object, options) as T[]
  objectList.splice(0, objectList.length, ...values)
  return objectList
}

/** Gives rank `dst` the values of all, by rank. @returns them there, and null elsewhere */
export function gatherObject<T>(object: T, dst = 0, options: ObjectOptions = {}): T[] | null {
  const group = groupFor('gatherObject', options.group)
  const root = group.rankOf('gatherObject', 'dst', dst)
  const values = exchange('gatherObject', object, options) as T[]
  return group.rank === root ? values : null
}

/** Puts the values of rank `src` in the place of those in `objectList` on all others. */
export function broadcastObjectList<T>(objectList: T[], src = 0, options: ObjectOptions = {}): void {
  const name = 'broadcastObjectList'
  if (!Array.isArray(objectList)) throw new ArgumentError(`${name}: expected a list, got ${describe(objectList)}`)
  const group = groupFor(name, options.group)
  const sends = group.rank === group.rankOf(name, 'src', src)
  const bytes = sends ? bytesOf(name, objectList) : new Uint8Array()
  const size = tensor(bytes.length, { dtype: 'int64', device: group.device })
  broadcast(size, src, options)
  const length = size.item<number>()
  const t = asTensor(bytes, length, group)
  broadcast(t, src, options)
  if (!sends) objectList.splice(0, objectList.length, ...(received(t, length) as T[]))
}

/** Gives each rank one of the values that rank `src` has in a list. @returns this rank's */
export function scatterObjectList<T>(objectList: readonly T[] | null, src = 0, options: ObjectOptions = {}): T {
  const name = 'scatterObjectList'
  const group = groupFor(name, options.group)
  const sends = group.rank === group.rankOf(name, 'src', src)
  if (sends && objectList?.length !== group.size)
    throw new ArgumentError(`${name}: expected a list of ${group.size} values, got ${describe(objectList)}`)
  const list: T[] = sends ? [...(objectList ?? [])] : []
  broadcastObjectList(list, src, options)
  return list[group.rank]
}

/** Sends a list of values to rank `dst`. */
export function sendObjectList(objectList: readonly unknown[], dst: number, options: ObjectOptions = {}): void {
  const name = 'sendObjectList'
  if (!Array.isArray(objectList)) throw new ArgumentError(`${name}: expected a list, got ${describe(objectList)}`)
  const bytes = bytesOf(name, objectList)
  const group = groupFor(name, options.group)
  send(tensor(bytes.length, { dtype: 'int64', device: group.device }), dst, options)
  send(asTensor(bytes, bytes.length, group), dst, options)
}

/**
 * Receives a list of values from rank `src`, or from whoever sends one, in the place of those in `objectList`.
 *
 * @returns the rank that it came from
 */
export function recvObjectList<T>(objectList: T[], src: number | null = null, options: ObjectOptions = {}): number {
  const name = 'recvObjectList'
  if (!Array.isArray(objectList)) throw new ArgumentError(`${name}: expected a list, got ${describe(objectList)}`)
  const { device } = groupFor(name, options.group)
  const size = allocate([], 'int64', device)
  const from = recv(size, src, options)
  const length = size.item<number>()
  const t = allocate([length], 'uint8', device)
  recv(t, from, options)
  objectList.splice(0, objectList.length, ...(received(t, length) as T[]))
  return from
}
