// Stores: where processes leave values for each other, and find each other at the start.
import type { StoreHandle } from '../binding/distributed.js'
import { native } from '../binding/native.js'
import { ArgumentError, describe } from '../errors.js'
import { checkInteger, checkTimeout, guarded } from './failures.js'

const lib = native.distributed
const encoder = new TextEncoder()

/** How long a store waits unless it is told otherwise, in milliseconds. */
const DEFAULT_TIMEOUT = 300_000

/** What a store holds: text is kept as UTF-8. */
export type StoreValue = string | Uint8Array

const keyOf = (operation: string, key: unknown): string => {
  if (typeof key !== 'string') throw new ArgumentError(`${operation}: expected a string for key, got ${describe(key)}`)
  return key
}
const bytesOf = (operation: string, name: string, value: unknown): Uint8Array => {
  if (typeof value === 'string') return encoder.encode(value)
  if (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]')
    return value as Uint8Array
  throw new ArgumentError(`${operation}: expected a string or bytes for ${name}, got ${describe(value)}`)
}
const keysOf = (operation: string, keys: unknown): string[] => {
  if (!Array.isArray(keys)) throw new ArgumentError(`${operation}: expected a list of keys, got ${describe(keys)}`)
  return keys.map((key) => keyOf(operation, key))
}

/**
 * Keys and values that several processes share. Every call waits for its answer; times are in milliseconds.
 *
 * Numbers are kept as decimal text, so that `add` and `get` may be mixed.
 */
export abstract class Store {
  #timeout = DEFAULT_TIMEOUT

  /** How long `get` and `wait` wait. */
  get timeout(): number {
    return this.#timeout
  }

  /** Changes how long `get` and `wait` wait, in milliseconds. */
  setTimeout(timeout: number): void {
    this.#timeout = checkTimeout('setTimeout', timeout)
  }

  /** Sets a key. */
  abstract set(key: string, value: StoreValue): void
  /** The value of a key, which is waited for. @throws DistributedError when it does not come in time */
  abstract get(key: string, timeout?: number): Uint8Array
  /** Adds to a number, which begins as 0. @returns the sum */
  abstract add(key: string, amount: number): number
  /**
   * Sets a key to `desired` where it holds `expected`, or is missing and `expected` is empty.
   *
   * @returns what it holds then; `expected` where the key is missing
   */
  abstract compareSet(key: string, expected: StoreValue, desired: StoreValue): Uint8Array
  /** Waits until all keys are there. @throws DistributedError that names the missing ones */
  abstract wait(keys: readonly string[], timeout?: number): void
  /** Whether all keys are there now. */
  abstract check(keys: readonly string[]): boolean
  /** Takes a key away. @returns whether it was there */
  abstract deleteKey(key: string): boolean
  /** How many keys there are. */
  abstract numKeys(): number
  /** Ends this connection to the store, and the store itself where it is held here. */
  abstract close(): void
  /** @internal The native store below, and what is put before each key. */
  abstract readonly below: { readonly handle: StoreHandle; readonly prefix: string }

  /** `get`, as text. */
  getText(key: string, timeout?: number): string {
    return new TextDecoder().decode(this.get(key, timeout))
  }
}

abstract class NativeStore extends Store {
  readonly #handle: StoreHandle
  readonly #name: string
  #closed = false

  constructor(name: string, handle: StoreHandle) {
    super()
    this.#name = name
    this.#handle = handle
  }

  override get below(): { readonly handle: StoreHandle; readonly prefix: string } {
    return { handle: this.#handle, prefix: '' }
  }

  #call<R>(method: string, body: (operation: string, handle: StoreHandle) => R): R {
    const operation = `${this.#name}.${method}`
    return guarded(operation, () => body(operation, this.#handle))
  }

  override set(key: string, value: StoreValue): void {
    this.#call('set', (name, handle) => lib.storeSet(handle, keyOf(name, key), bytesOf(name, 'value', value)))
  }
  override get(key: string, timeout: number = this.timeout): Uint8Array {
    return this.#call('get', (name, handle) => lib.storeGet(handle, keyOf(name, key), checkTimeout(name, timeout)))
  }
  override add(key: string, amount: number): number {
    return this.#call('add', (name, handle) =>
      lib.storeAdd(
        handle,
        keyOf(name, key),
        checkInteger(name, 'amount', amount, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      ),
    )
  }
  override compareSet(key: string, expected: StoreValue, desired: StoreValue): Uint8Array {
    return this.#call('compareSet', (name, handle) =>
      lib.storeCompareSet(
        handle,
        keyOf(name, key),
        bytesOf(name, 'expected', expected),
        bytesOf(name, 'desired', desired),
      ),
    )
  }
  override wait(keys: readonly string[], timeout: number = this.timeout): void {
    this.#call('wait', (name, handle) => lib.storeWait(handle, keysOf(name, keys), checkTimeout(name, timeout)))
  }
  override check(keys: readonly string[]): boolean {
    return this.#call('check', (name, handle) => lib.storeCheck(handle, keysOf(name, keys)))
  }
  override deleteKey(key: string): boolean {
    return this.#call('deleteKey', (name, handle) => lib.storeDelete(handle, keyOf(name, key)))
  }
  override numKeys(): number {
    return this.#call('numKeys', (_, handle) => lib.storeCount(handle))
  }
  override close(): void {
    if (this.#closed) return
    this.#closed = true
    lib.storeClose(this.#handle)
  }
}

/** The options of `TCPStore`. */
export interface TCPStoreOptions {
  /** Whether this process holds the values, on a thread of its own. Default false. */
  readonly isMaster?: boolean
  /** How long to wait for the store at the start, and for values later, in milliseconds. Default 300,000. */
  readonly timeout?: number
}

/**
 * A store that one process holds and the others reach over TCP: PyTorch's counterpart.
 *
 * @param host where the store is, as the others name it
 * @param port its port; 0 lets the process that holds it take a free one
 * @throws ArgumentError when the port is in use, DistributedError when nothing answers there
 * @example
 * ```ts
 * import * as distributed from '@flambeau/core/distributed'
 * const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
 * store.set('greeting', 'hello')
 * console.log(store.getText('greeting'), store.add('visits', 2)) // → hello 2
 * store.close()
 * ```
 */
export class TCPStore extends NativeStore {
  readonly host: string
  /** The port that it listens on. */
  readonly port: number

  constructor(host: string, port: number, { isMaster = false, timeout = DEFAULT_TIMEOUT }: TCPStoreOptions = {}) {
    if (typeof host !== 'string' || host === '')
      throw new ArgumentError(`TCPStore: expected a host name or address, got ${describe(host)}`)
    checkInteger('TCPStore', 'port', port, isMaster ? 0 : 1, 65535)
    const wait = checkTimeout('TCPStore', timeout)
    const handle = guarded('TCPStore', () => lib.openTcpStore(host, port, isMaster, wait))
    super('TCPStore', handle)
    this.host = host
    this.port = lib.storePort(handle)
    this.setTimeout(timeout)
  }
}

/**
 * A store in a file that every process can reach, such as one of a shared file system with locks. The last process that
 * closes it deletes the file.
 *
 * @param path the file; it must not be one that an earlier run left behind
 */
export class FileStore extends NativeStore {
  readonly path: string

  constructor(path: string) {
    if (typeof path !== 'string' || path === '')
      throw new ArgumentError(`FileStore: expected the path of a file, got ${describe(path)}`)
    super(
      'FileStore',
      guarded('FileStore', () => lib.openFileStore(path)),
    )
    this.path = path
  }
}

/** A part of another store: `prefix/` stands before every key. */
export class PrefixStore extends Store {
  readonly #store: Store
  readonly #prefix: string

  constructor(prefix: string, store: Store) {
    super()
    this.#prefix = `${keyOf('PrefixStore', prefix)}/`
    if (!(store instanceof Store)) throw new ArgumentError(`PrefixStore: expected a store, got ${describe(store)}`)
    this.#store = store
    this.setTimeout(store.timeout)
  }

  override get below(): { readonly handle: StoreHandle; readonly prefix: string } {
    const { handle, prefix } = this.#store.below
    return { handle, prefix: prefix + this.#prefix }
  }

  override set(key: string, value: StoreValue): void {
    this.#store.set(this.#prefix + key, value)
  }
  override get(key: string, timeout: number = this.timeout): Uint8Array {
    return this.#store.get(this.#prefix + key, timeout)
  }
  override add(key: string, amount: number): number {
    return this.#store.add(this.#prefix + key, amount)
  }
  override compareSet(key: string, expected: StoreValue, desired: StoreValue): Uint8Array {
    return this.#store.compareSet(this.#prefix + key, expected, desired)
  }
  override wait(keys: readonly string[], timeout: number = this.timeout): void {
    this.#store.wait(
      keysOf('PrefixStore.wait', keys).map((key) => this.#prefix + key),
      timeout,
    )
  }
  override check(keys: readonly string[]): boolean {
    return this.#store.check(keysOf('PrefixStore.check', keys).map((key) => this.#prefix + key))
  }
  override deleteKey(key: string): boolean {
    return this.#store.deleteKey(this.#prefix + key)
  }
  /** Of the whole store, as in PyTorch. */
  override numKeys(): number {
    return this.#store.numKeys()
  }
  override close(): void {
    this.#store.close()
  }
}
