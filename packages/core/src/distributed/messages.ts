// Messages from one rank to another.
import { native } from '../binding/native.js'
import { ArgumentError, describe } from '../errors.js'
import { DTYPES } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkInteger, checkTimeout, guarded } from './failures.js'
import { groupFor, type ProcessGroup } from './process-group.js'
import { checkNow, checkTensor, dense, memoryOf } from './request.js'
import { Work } from './work.js'

const lib = native.distributed

export interface MessageOptions {
  /** Default: all processes. */
  readonly group?: ProcessGroup | null
  /** Messages are told apart by it. Default 0; NCCL has no other. */
  readonly tag?: number
  /** How long to wait, in milliseconds. Default: the group's. */
  readonly timeout?: number
}

interface Started {
  readonly work: Work
  /** Once done: the rank that it came from. */
  readonly source: () => number
}

function start(
  name: string,
  tensor: Tensor,
  peer: number | null,
  options: MessageOptions,
  sends: boolean,
  wait: boolean,
): Started {
  checkNow(name)
  const group = groupFor(name, options.group)
  checkTensor(name, 'tensor', tensor, group)
  const handle = group.handleFor(name)
  const at = peer === null ? -1 : group.rankOf(name, sends ? 'dst' : 'src', peer)
  if (at === group.rank) throw new ArgumentError(`${name}: expected another rank than this process's own, got ${peer}`)
  const { tensor: data, back } = dense(tensor)
  const message = {
    dtype: DTYPES[tensor.dtype].code,
    count: tensor.numel(),
    peer: at,
    tag: checkInteger(name, 'tag', options.tag ?? 0, 0, 2 ** 32 - 1),
    timeout: options.timeout === undefined ? group.timeout : checkTimeout(name, options.timeout),
    data: memoryOf(name, data),
  }
  const under = guarded(name, () => lib.transfer(handle, message, sends, wait))
  const work = new Work(name, under, () => {
    if (!sends) back()
  })
  return { work, source: () => group.ranks[lib.workPeer(under)] }
}

/** Sends a tensor to rank `dst`, and waits until it has gone. */
export function send(tensor: Tensor, dst: number, options: MessageOptions = {}): void {
  start('send', tensor, dst, options, true, true).work.wait()
}

/**
 * Receives a tensor from rank `src`, or from whoever sends one; NCCL wants to be told from whom.
 *
 * @returns the rank that it came from
 * @throws DistributedError when what comes has another size or dtype
 */
export function recv(tensor: Tensor, src: number | null = null, options: MessageOptions = {}): number {
  const { work, source } = start('recv', tensor, src, options, false, true)
  work.wait()
  return source()
}

/** `send` that does not wait. */
export function isend(tensor: Tensor, dst: number, options: MessageOptions = {}): Work {
  return start('isend', tensor, dst, options, true, false).work
}

/** `recv` that does not wait. */
export function irecv(tensor: Tensor, src: number | null = null, options: MessageOptions = {}): Work {
  return start('irecv', tensor, src, options, false, false).work
}

/** One message of `batchIsendIrecv`. */
export class P2POp {
  readonly op: typeof isend | typeof irecv
  readonly tensor: Tensor
  readonly peer: number
  readonly options: MessageOptions

  /**
   * @param op `isend` or `irecv`
   * @param peer the rank that it goes to or comes from
   */
  constructor(op: typeof isend | typeof irecv, tensor: Tensor, peer: number, options: MessageOptions = {}) {
    if (op !== isend && op !== irecv)
      throw new ArgumentError(`P2POp: expected isend or irecv for op, got ${describe(op)}`)
    this.op = op
    this.tensor = tensor
    this.peer = peer
    this.options = options
  }
}

/**
 * Begins several messages at once, and waits for none: ranks that exchange with each other need no order.
 *
 * @returns what is under way, one for each message
 * @example
 * ```ts
 * import { tensor, zeros } from '@flambeau/core'
 * import * as distributed from '@flambeau/core/distributed'
 * const { batchIsendIrecv, irecv, isend, P2POp } = distributed
 * function ring(rank: number, size: number) {
 *   const from = zeros([2])
 *   const ops = [
 *     new P2POp(isend, tensor([rank, rank]), (rank + 1) % size),
 *     new P2POp(irecv, from, (rank + size - 1) % size),
 *   ]
 *   for (const work of batchIsendIrecv(ops)) work.wait()
 *   return from
 * }
 * ```
 */
export function batchIsendIrecv(ops: readonly P2POp[]): Work[] {
  const name = 'batchIsendIrecv'
  if (!Array.isArray(ops) || ops.length === 0 || !ops.every((op) => op instanceof P2POp))
    throw new ArgumentError(`${name}: expected a list of P2POp for ops, got ${describe(ops)}`)
  const group = groupFor(name, ops[0].options.group)
  if (ops.some(({ options }) => groupFor(name, options.group) !== group))
    throw new ArgumentError(`${name}: expected messages of one group`)
  return ops.map(({ op, tensor, peer, options }) => op(tensor, peer, options))
}
