// Process groups: who takes part, and how they find each other.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { GroupHandle } from '../binding/distributed.js'
import { native } from '../binding/native.js'
import { ArgumentError, DistributedError, describe } from '../errors.js'
import { deviceCount, setDevice } from '../tensor/cuda.js'
import { checkDevice, current, type Device, isCuda } from '../tensor/device.js'
import { launchEnvironment } from './environment.js'
import { checkInteger, checkTimeout, guarded } from './failures.js'
import { FileStore, PrefixStore, Store, TCPStore } from './stores.js'

const lib = native.distributed

/** How long collectives wait unless they are told otherwise: PyTorch's half an hour. */
const DEFAULT_TIMEOUT = 1_800_000
const MOST_RANKS = 65_536

/** The order is that of native/include/flambeau/distributed.h. */
const BACKENDS = ['gloo', 'mpi', 'nccl'] as const
/** The engines that processes exchange tensors with. */
export type Backend = (typeof BACKENDS)[number]
const codeOf = (backend: Backend): number => BACKENDS.indexOf(backend)

/** Processes that take part in the same collectives. */
export class ProcessGroup {
  /** The members' numbers among all processes, by their rank in this group. */
  readonly ranks: readonly number[]
  /** This process's rank in the group; -1 where it is no member. */
  readonly rank: number
  /** How long collectives wait, in milliseconds. */
  readonly timeout: number
  /** What the members exchange tensors with. */
  readonly backend: Backend
  /** Where the tensors are that they exchange. */
  readonly device: Device
  readonly #handle: GroupHandle | null
  #closed = false

  /** @internal Use `initProcessGroup` and `newGroup`. */
  constructor(
    backend: Backend,
    device: Device,
    ranks: readonly number[],
    rank: number,
    timeout: number,
    handle: GroupHandle | null,
  ) {
    this.backend = backend
    this.device = device
    this.ranks = ranks
    this.rank = rank
    this.timeout = timeout
    this.#handle = handle
  }

  /** The number of members. */
  get size(): number {
    return this.ranks.length
  }

  /** @internal Throws where this process is no member, or the group was destroyed. */
  handleFor(operation: string): GroupHandle {
    if (this.#handle === null)
      throw new ArgumentError(`${operation}: this process is no member of the group of ranks ${this.ranks.join(', ')}`)
    if (this.#closed) throw new ArgumentError(`${operation}: the process group was destroyed`)
    return this.#handle
  }

  /** @internal The rank in this group of a process, by its number among all. */
  rankOf(operation: string, name: string, globalRank: unknown): number {
    const at = this.ranks.indexOf(globalRank as number)
    if (at < 0)
      throw new ArgumentError(
        `${operation}: expected a rank of the group (${listed(this.ranks)}) for ${name}, got ${describe(globalRank)}`,
      )
    return at
  }

  /** @internal */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#handle !== null) lib.closeGroup(this.#handle)
  }
}

const listed = (ranks: readonly number[]): string =>
  ranks.length <= 16 ? ranks.join(', ') : `${ranks.slice(0, 16).join(', ')}, …`

/** "rank 2", "ranks 1 and 2". */
export const rankList = (ranks: readonly number[]): string =>
  ranks.length === 1 ? `rank ${ranks[0]}` : `ranks ${ranks.slice(0, -1).join(', ')} and ${ranks.at(-1)}`

interface World {
  readonly group: ProcessGroup
  readonly store: Store
  /** The store that was made for the group, and ends with it. */
  readonly own: Store | null
  readonly groups: ProcessGroup[]
  made: number
  readonly networkInterface: string
}

let world: World | null = null
/** How often this process made a default group: each finds values of its own in the store. */
let generation = 0

/** The options of `initProcessGroup`. */
export interface InitOptions {
  /**
   * Default 'gloo', for tensors on the CPU. 'nccl' is for tensors on CUDA devices, of which each process has one of its own. 'mpi'
   * is for processes that `mpirun` has started, in a build with OpenMPI.
   */
  readonly backend?: Backend
  /** `env://` (default), `tcp://HOST:PORT` or `file:///PATH`: where the processes find each other. */
  readonly initMethod?: string
  /** A store to find each other in, instead of `initMethod`. */
  readonly store?: Store
  /** This process's number. Default: what the launcher says. */
  readonly rank?: number
  /** The number of processes. Default: what the launcher says. */
  readonly worldSize?: number
  /** How long to wait for the others, now and in collectives, in milliseconds. Default 1,800,000. */
  readonly timeout?: number
  /**
   * With 'nccl': this process's CUDA device, which `'cuda'` stands for from then on. Default: the one that `cuda.setDevice` has
   * chosen, or the one whose number is the launcher's `LOCAL_RANK`.
   */
  readonly deviceId?: Device | number
}

/**
 * Joins this process with the others: returns when all have come.
 *
 * Rank, world size and address come from the launcher's environment variables: `MASTER_ADDR`, `MASTER_PORT`, `RANK`,
 * `WORLD_SIZE`, `LOCAL_RANK`, or OpenMPI's, MPICH's and SLURM's own. `GLOO_SOCKET_IFNAME` names a network interface.
 * With the backend 'mpi', MPI says who there is, and no address is needed.
 *
 * @throws ArgumentError when something is missing, the port is in use, or there is no such backend
 * @throws DistributedError that names the ranks that did not come, or says which one was started with other numbers
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import * as distributed from '@flambeau/core/distributed'
 * const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
 * distributed.initProcessGroup({ store, rank: 0, worldSize: 1 })
 * const t = tensor([1, 2])
 * distributed.allReduce(t)
 * console.log(t.tolist(), distributed.getWorldSize()) // → [ 1, 2 ] 1
 * distributed.destroyProcessGroup()
 * store.close()
 * ```
 */
export function initProcessGroup(options: InitOptions = {}): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`initProcessGroup: expected options such as { backend: 'gloo' }, got ${describe(options)}`)
  if (world !== null)
    throw new ArgumentError('initProcessGroup: the process group is there already; call destroyProcessGroup() first')
  const backend = checkBackend(options.backend ?? 'gloo')
  const timeout = checkTimeout('initProcessGroup', options.timeout ?? DEFAULT_TIMEOUT)
  const device = deviceFor(backend, options.deviceId)
  const { rank, size, store, own } =
    backend === 'mpi' ? launchedByMpi(options, timeout) : meetingPlace(options, timeout)
  try {
    const prefix = `flambeau/${process.env.FLAMBEAU_RESTART_COUNT ?? 0}/${generation}`
    const shared = new PrefixStore(prefix, store)
    const ranks = Array.from({ length: size }, (_, i) => i)
    rollCall('initProcessGroup', shared, ranks, rank, timeout)
    const networkInterface = process.env.GLOO_SOCKET_IFNAME ?? ''
    const group = open('initProcessGroup', backend, device, shared, 'world', ranks, rank, timeout, networkInterface)
    world = { group, store: shared, own, groups: [], made: 0, networkInterface }
    generation++
    if (backend === 'mpi') process.once('exit', endWell)
  } catch (error) {
    own?.close()
    throw error
  }
}

function checkBackend(backend: unknown): Backend {
  const known = BACKENDS.find((name) => name === backend)
  if (known === undefined)
    throw new ArgumentError(
      `initProcessGroup: expected one of ${BACKENDS.join(', ')} for backend, got ${describe(backend)}`,
    )
  const reason = lib.groupReason(codeOf(known))
  if (reason === '') return known
  throw new ArgumentError(`initProcessGroup: ${reason}${INSTEAD[known]}`)
}

const INSTEAD: Record<Backend, string> = {
  gloo: '',
  mpi: "; 'gloo' also works under mpirun, whose environment variables it reads",
  nccl: "; 'gloo' works with tensors on the cpu",
}

/** The device whose tensors a backend takes: NCCL has one for each process. */
function deviceFor(backend: Backend, given: unknown): Device {
  const name = 'initProcessGroup'
  if (backend !== 'nccl') {
    if (given !== undefined)
      throw new ArgumentError(`${name}: deviceId is for the backend 'nccl', got ${describe(given)} with '${backend}'`)
    return 'cpu'
  }
  const count = deviceCount()
  // Job systems often let each process see its own device alone.
  const local = current.chosen || count === 1 ? current.cuda : (launchEnvironment().localRank ?? current.cuda)
  if (given === undefined && local >= count)
    throw new ArgumentError(
      `${name}: NCCL wants a CUDA device for each process: this is process ${local} of its machine, which shows ${count} devices; ` +
        'start fewer, or choose with deviceId',
    )
  setDevice((given ?? local) as Device | number)
  return checkDevice(name, 'cuda')
}

/** `mpirun` knows who there is: rank 0 tells the others where its store is, unless they were given one. */
function launchedByMpi(options: InitOptions, timeout: number): MeetingPlace {
  const { OMPI_COMM_WORLD_SIZE, OMPI_COMM_WORLD_LOCAL_SIZE, OMPI_COMM_WORLD_RANK } = process.env
  const oneMachine = OMPI_COMM_WORLD_SIZE === OMPI_COMM_WORLD_LOCAL_SIZE
  const asked = options.store !== undefined || options.initMethod !== undefined
  const first = Number(OMPI_COMM_WORLD_RANK ?? 0) === 0
  const host = oneMachine ? '127.0.0.1' : hostname()
  const held = first && !asked ? new TCPStore(host, 0, { isMaster: true, timeout }) : null
  const { rank, size, told } = guarded('initProcessGroup', () =>
    lib.meet(codeOf('mpi'), held === null ? '' : JSON.stringify([host, held.port])),
  )
  for (const [name, given, is] of [
    ['rank', options.rank, rank],
    ['worldSize', options.worldSize, size],
  ] as const)
    if (given !== undefined && given !== is)
      throw new ArgumentError(`initProcessGroup: expected ${is} for ${name}, as mpirun has it, got ${describe(given)}`)
  if (asked) return meetingPlace({ ...options, rank, worldSize: size }, timeout)
  const [at, port] = JSON.parse(told) as [string, number]
  const own = held ?? new TCPStore(at, port, { timeout })
  return { rank, size, store: own, own }
}

/** A process that ends well without having ended its group has ended it all the same: mpirun would take it for a failure. */
function endWell(code: number): void {
  if (code === 0 && world !== null) destroyProcessGroup()
}

interface MeetingPlace {
  readonly rank: number
  readonly size: number
  readonly store: Store
  readonly own: Store | null
}

function meetingPlace(options: InitOptions, timeout: number): MeetingPlace {
  const env = launchEnvironment()
  const size = numberOf('worldSize', 'WORLD_SIZE', options.worldSize ?? env.worldSize, 1, MOST_RANKS)
  const rank = numberOf('rank', 'RANK', options.rank ?? env.rank, 0, size - 1)
  const { store, initMethod } = options
  if (store !== undefined) {
    if (!(store instanceof Store))
      throw new ArgumentError(`initProcessGroup: expected a store for store, got ${describe(store)}`)
    if (initMethod !== undefined) throw new ArgumentError('initProcessGroup: expected store or initMethod, got both')
    return { rank, size, store, own: null }
  }
  const own = storeAt(initMethod ?? 'env://', env.masterAddr, env.masterPort, rank, timeout)
  return { rank, size, store: own, own }
}

function numberOf(name: string, variable: string, value: unknown, low: number, high: number): number {
  if (value === undefined)
    throw new ArgumentError(
      `initProcessGroup: expected ${name}, or the environment variable ${variable}; 'npx flambeau run' sets it`,
    )
  return checkInteger('initProcessGroup', name, value, low, high)
}

function storeAt(
  method: unknown,
  masterAddr: string | undefined,
  masterPort: number | undefined,
  rank: number,
  timeout: number,
): Store {
  const refused = (): ArgumentError =>
    new ArgumentError(
      `initProcessGroup: expected 'env://', 'tcp://HOST:PORT' or 'file:///PATH' for initMethod, got ${describe(method)}`,
    )
  if (typeof method !== 'string') throw refused()
  if (method.startsWith('file://')) return new FileStore(fileURLToPath(method))
  let host = masterAddr
  let port = masterPort
  if (method.startsWith('tcp://')) {
    const url = URL.canParse(method) ? new URL(method) : null
    if (url === null || url.hostname === '' || url.port === '') throw refused()
    host = url.hostname.replace(/^\[|\]$/g, '')
    port = Number(url.port)
  } else if (method !== 'env://') throw refused()
  if (host === undefined || port === undefined)
    throw new ArgumentError(
      `initProcessGroup: expected the environment variable ${host === undefined ? 'MASTER_ADDR' : 'MASTER_PORT'}, ` +
        'which says where rank 0 listens',
    )
  // Under the launcher, it is the one that holds the store.
  const isMaster = rank === 0 && process.env.FLAMBEAU_LAUNCHER_STORE !== '1'
  return new TCPStore(host, port, { isMaster, timeout })
}

/** How often a rank that waits for others looks whether one of them has given up. */
const LOOK = 200

/** Waits until every member has written its name; says who has not, or who was started otherwise. */
function rollCall(operation: string, store: Store, ranks: readonly number[], rank: number, timeout: number): void {
  const text = (value: Uint8Array): string => new TextDecoder().decode(value)
  const giveUp = (reason: string): never => {
    store.set('abort', reason)
    throw new DistributedError(`${operation}: ${reason}`, 'mismatch')
  }
  // The first to notice speaks for all.
  const tooLate = (missing: readonly number[]): never => {
    const reason = `${rankList(missing)} of ${size} did not come within ${timeout} ms`
    throw new DistributedError(`${operation}: ${text(store.compareSet('late', '', reason))}`, 'timeout')
  }
  const size = String(ranks.length)
  const theirs = text(store.compareSet('world_size', '', size))
  if (theirs !== size) giveUp(`rank ${rank} was started with a world size of ${size}, others with ${theirs}`)
  const name = `${hostname()}, process ${process.pid}, ${randomUUID()}`
  const before = text(store.compareSet(`rank/${rank}`, '', name))
  if (before !== name) {
    const shown = (value: string): string => value.slice(0, value.lastIndexOf(','))
    giveUp(`rank ${rank} was started twice (${shown(before)}, and ${shown(name)})`)
  }
  const end = performance.now() + timeout
  for (;;) {
    const missing = ranks.filter((other) => !store.check([`rank/${other}`]))
    if (store.check(['abort'])) throw new DistributedError(`${operation}: ${store.getText('abort')}`, 'mismatch')
    const left = end - performance.now()
    if (missing.length > 0 ? left <= 0 : store.check(['late'])) tooLate(missing)
    if (missing.length === 0) return
    try {
      store.wait([`rank/${missing[0]}`], Math.min(LOOK, left))
    } catch (error) {
      if (!(error instanceof DistributedError && error.kind === 'timeout')) throw error
    }
  }
}

function open(
  operation: string,
  backend: Backend,
  device: Device,
  store: Store,
  name: string,
  ranks: readonly number[],
  rank: number,
  timeout: number,
  networkInterface: string,
): ProcessGroup {
  const { handle, prefix } = store.below
  const at = ranks.indexOf(rank)
  const group = guarded(operation, () =>
    lib.openGroup(
      handle,
      `${prefix}${name}/`,
      networkInterface,
      at,
      ranks,
      timeout,
      codeOf(backend),
      isCuda(device) ? Number(device.slice('cuda:'.length)) : 0,
    ),
  )
  return new ProcessGroup(backend, device, ranks, at, timeout, group)
}

/** The default group. @internal */
export function worldOf(operation: string): World {
  if (world === null)
    throw new ArgumentError(`${operation}: there is no process group; call distributed.initProcessGroup() first`)
  return world
}

/** The group that a collective is for: the given one, or all processes. @internal */
export function groupFor(operation: string, group: object | null | undefined): ProcessGroup {
  if (group === undefined || group === null) return worldOf(operation).group
  if (!(group instanceof ProcessGroup))
    throw new ArgumentError(`${operation}: expected a process group for group, got ${describe(group)}`)
  return group
}

/**
 * Makes a group of some of the processes. Every process calls it, members or not, in the same order.
 *
 * @param ranks the members' numbers among all processes. Default: all
 * @returns the group; a process that is no member may not use it
 */
export function newGroup(ranks?: readonly number[] | null, options: { readonly timeout?: number } = {}): ProcessGroup {
  const here = worldOf('newGroup')
  const { group, store, groups, networkInterface } = here
  const members = [...(ranks ?? group.ranks)]
  for (const rank of members) checkInteger('newGroup', 'a rank', rank, 0, group.size - 1)
  if (members.length === 0 || new Set(members).size !== members.length)
    throw new ArgumentError(`newGroup: expected different ranks, got ${describe(members)}`)
  members.sort((a, b) => a - b)
  const timeout = checkTimeout('newGroup', options.timeout ?? group.timeout)
  const name = `group/${here.made++}`
  const { backend, device } = group
  if (!members.includes(group.rank)) return new ProcessGroup(backend, device, members, -1, timeout, null)
  rollCall('newGroup', new PrefixStore(name, store), members, group.rank, timeout)
  const made = open('newGroup', backend, device, store, name, members, group.rank, timeout, networkInterface)
  groups.push(made)
  return made
}

/** Ends a group, or all of them: what is under way in it fails. Each process calls it when it is done. */
export function destroyProcessGroup(group?: ProcessGroup | null): void {
  if (world === null) {
    if (group === undefined || group === null) throw new ArgumentError('destroyProcessGroup: there is no process group')
    return
  }
  if (group !== undefined && group !== null && group !== world.group) {
    groupFor('destroyProcessGroup', group).close()
    return
  }
  const { group: all, groups, own } = world
  world = null
  for (const one of groups) one.close()
  all.close()
  own?.close()
  if (all.backend === 'mpi') lib.leave(codeOf('mpi'))
}

/** The store in which all processes have found each other; what they write there is theirs alone. */
export const getDefaultStore = (): Store => worldOf('getDefaultStore').store

/** Whether a launcher says which process this is, so that `initProcessGroup()` knows all that it needs. */
export const isLaunched = (): boolean => launchEnvironment().rank !== undefined

/** Whether there is Gloo. */
export const isGlooAvailable = (): boolean => lib.groupReason(codeOf('gloo')) === ''
/** Whether there is NCCL, and a CUDA device for it. */
export const isNcclAvailable = (): boolean => lib.groupReason(codeOf('nccl')) === ''
/** Whether there is MPI. */
export const isMpiAvailable = (): boolean => lib.groupReason(codeOf('mpi')) === ''
/** Whether this build can join processes. */
export const isAvailable = (): boolean => isGlooAvailable() || isMpiAvailable() || isNcclAvailable()
/** Whether the default group is there. */
export const isInitialized = (): boolean => world !== null
/** The engine of a group. */
export const getBackend = (group?: ProcessGroup | null): Backend => groupFor('getBackend', group).backend
/** This process's rank in a group: among all processes by default; -1 where it is no member. */
export const getRank = (group?: ProcessGroup | null): number => groupFor('getRank', group).rank
/** The number of processes in a group; of all by default. */
export const getWorldSize = (group?: ProcessGroup | null): number => groupFor('getWorldSize', group).size
/** The members of a group, by their numbers among all processes. */
export const getProcessGroupRanks = (group?: ProcessGroup | null): number[] => [
  ...groupFor('getProcessGroupRanks', group).ranks,
]
/** A member's number among all processes, by its rank in the group. */
export function getGlobalRank(group: ProcessGroup, groupRank: number): number {
  const { ranks } = groupFor('getGlobalRank', group)
  return ranks[checkInteger('getGlobalRank', 'groupRank', groupRank, 0, ranks.length - 1)]
}
/** A process's rank in the group, by its number among all. */
export const getGroupRank = (group: ProcessGroup, globalRank: number): number =>
  groupFor('getGroupRank', group).rankOf('getGroupRank', 'globalRank', globalRank)
/** This process's number among those on its machine, as the launcher says; 0 where it says nothing. */
export const getNodeLocalRank = (): number => launchEnvironment().localRank ?? 0
