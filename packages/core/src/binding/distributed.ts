// What the addon offers to processes that work together (native/src/napi/distributed.cpp).
import type { Handle } from './native.js'

/** A store, a process group, and something under way in one: opaque to JavaScript. */
export interface StoreHandle {
  readonly __store: unique symbol
}
export interface GroupHandle {
  readonly __group: unique symbol
}
export interface WorkHandle {
  readonly __work: unique symbol
}

/** Memory from a position in bytes on. */
export interface Memory {
  readonly handle: Handle
  readonly at: number
}

/** A collective, as every rank states it. The numbers are those of native/include/flambeau/distributed.h. */
export interface CollectiveRequest {
  readonly kind: number
  readonly op: number
  readonly dtype: number
  readonly root: number
  /** Elements of one rank's part. */
  readonly count: number
  readonly shape: readonly number[]
  readonly sendCounts: readonly number[]
  readonly receiveCounts: readonly number[]
  /** What else must be the same on every rank. */
  readonly note: string
  /** Milliseconds, as all timeouts are. */
  readonly timeout: number
  readonly data: Memory | null
  readonly output: Memory | null
}

export interface MessageRequest {
  readonly dtype: number
  readonly count: number
  /** -1: from any rank. */
  readonly peer: number
  readonly tag: number
  readonly timeout: number
  readonly data: Memory | null
}

/** Failures are thrown as an Error whose `code` is 'timeout', 'connection', 'mismatch' or 'argument'. */
export interface DistributedNative {
  openTcpStore(host: string, port: number, server: boolean, timeout: number): StoreHandle
  openFileStore(path: string): StoreHandle
  storeSet(store: StoreHandle, key: string, value: Uint8Array): void
  storeGet(store: StoreHandle, key: string, timeout: number): Uint8Array
  storeAdd(store: StoreHandle, key: string, amount: number): number
  storeCompareSet(store: StoreHandle, key: string, expected: Uint8Array, desired: Uint8Array): Uint8Array
  storeWait(store: StoreHandle, keys: readonly string[], timeout: number): void
  storeCheck(store: StoreHandle, keys: readonly string[]): boolean
  storeDelete(store: StoreHandle, key: string): boolean
  storeCount(store: StoreHandle): number
  storePort(store: StoreHandle): number
  storeClose(store: StoreHandle): void
  /** Why an engine of process groups is not there; '' where it is. */
  groupReason(engine: number): string
  /** Of an engine whose launcher knows who there is: this process, and what rank 0 tells everyone. */
  meet(engine: number, told: string): { readonly rank: number; readonly size: number; readonly told: string }
  /** Tells such an engine that this process ends as planned. */
  leave(engine: number): void
  /**
   * @param names the ranks' numbers among all processes, by which messages call them
   * @param device the number of the CUDA device that the tensors are on, where the engine is one for devices
   */
  openGroup(
    store: StoreHandle,
    prefix: string,
    networkInterface: string,
    rank: number,
    names: readonly number[],
    timeout: number,
    engine: number,
    device: number,
  ): GroupHandle
  closeGroup(group: GroupHandle): void
  /** @param inParts how many times `count` elements `data` holds, and `output` */
  runCollective(
    group: GroupHandle,
    request: CollectiveRequest,
    inParts: number,
    outParts: number,
    wait: boolean,
  ): WorkHandle
  transfer(group: GroupHandle, request: MessageRequest, send: boolean, wait: boolean): WorkHandle
  /** Blocks until it is done. */
  workWait(work: WorkHandle): void
  workDone(work: WorkHandle): boolean
  /** The rank that a received message came from. */
  workPeer(work: WorkHandle): number
  /** Calls back once it is done, and keeps the event loop alive until then. */
  workThen(work: WorkHandle, callback: () => void): void
}
