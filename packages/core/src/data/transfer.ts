// Batches on their way to another thread: tensors travel as tokens of their storages, the rest is cloned.
import { native } from '../binding/native.js'
import { ArgumentError, NativeError } from '../errors.js'
import { pace } from '../tensor/collect.js'
import type { Device } from '../tensor/device.js'
import type { DType } from '../tensor/dtype.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'

interface SentStorage {
  /** 0 for a meta tensor, which has no memory. */
  readonly token: number
  readonly nbytes: number
  readonly device: Device
}

interface SentTensor {
  /** Where the tensor was: property names from the root. */
  readonly path: readonly (string | number)[]
  readonly storage: number
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

/** A value whose tensors have been taken out. */
export interface Sent {
  readonly tree: unknown
  readonly tensors: readonly SentTensor[]
  readonly storages: readonly SentStorage[]
}

/** Takes the tensors out of arrays and plain objects. The receiver must `receive` what was sent, or close the channel. */
export function send(value: unknown, channel: number): Sent {
  const tensors: SentTensor[] = []
  const storages: SentStorage[] = []
  const known = new Map<Storage, number>()

  function storageOf(t: Tensor): number {
    const { storage } = t
    const before = known.get(storage)
    if (before !== undefined) return before
    storage.own()
    const token = storage.handle === null ? 0 : native.sendStorage(storage.handle, channel)
    known.set(storage, storages.length)
    return storages.push({ token, nbytes: storage.nbytes, device: storage.device }) - 1
  }

  function strip(node: unknown, path: (string | number)[]): unknown {
    if (node instanceof Tensor) {
      if (node.isDisposed) throw new ArgumentError('a batch holds a disposed tensor')
      if (node.storage.layout !== 0) throw new NativeError('a tensor in an opaque layout was sent to another thread')
      const { dtype, shape, strides, offset } = node
      tensors.push({ path, storage: storageOf(node), dtype, shape, strides, offset })
      return null
    }
    if (Array.isArray(node)) return node.map((item, i) => strip(item, [...path, i]))
    if (isPlain(node))
      return Object.fromEntries(Object.entries(node).map(([name, item]) => [name, strip(item, [...path, name])]))
    return node
  }

  return { tree: strip(value, []), tensors, storages }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Puts the tensors back. They share their memory with the sender's. */
export function receive(sent: Sent): unknown {
  const storages = sent.storages.map(({ token, nbytes, device }) => {
    if (token === 0) return new Storage(null, nbytes, device)
    pace(nbytes)
    const handle = native.receiveStorage(token)
    if (handle === undefined)
      throw new NativeError('a storage sent by another thread was received already, or its channel closed')
    return new Storage(handle, nbytes, device)
  })
  const root = { value: sent.tree }
  for (const { path, storage, dtype, shape, strides, offset } of sent.tensors) {
    let at = root as Record<string | number, unknown>
    let name: string | number = 'value'
    for (const step of path) {
      at = at[name] as Record<string | number, unknown>
      name = step
    }
    at[name] = new Tensor(storages[storage], dtype, shape, strides, offset)
  }
  return root.value
}

/** Takes back what could not be posted. */
export function cancel(sent: Sent): void {
  for (const { token } of sent.storages) {
    const handle = native.receiveStorage(token)
    if (handle !== undefined) native.dispose(handle)
  }
}

/** Ends the tensors in arrays and plain objects. */
export function disposeAll(value: unknown): void {
  if (value instanceof Tensor) value.dispose()
  else if (Array.isArray(value)) for (const item of value) disposeAll(item)
  else if (isPlain(value)) for (const item of Object.values(value)) disposeAll(item)
}
