// `flambeau run`: starts the processes of a training run on this machine, and with launchers on others restarts all of them
// together when one fails. What the launchers tell each other is in the store that the first of them holds.
import { type ChildProcess, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import { TCPStore } from '../distributed/stores.js'
import { DistributedError } from '../errors.js'

export interface LaunchOptions {
  readonly script: string
  readonly args: readonly string[]
  /** Processes on each machine. */
  readonly nproc: number
  readonly nnodes: number
  readonly nodeRank: number
  readonly host: string
  /** Of the store; 0 takes a free one, where there is one machine. */
  readonly port: number
  readonly maxRestarts: number
  /** How long a machine waits for the others, in milliseconds. */
  readonly timeout: number
}

/** How often a launcher looks what the others say. */
const LOOK = 200
/** How long processes have to end by themselves. */
const GRACE = 5000
/** Lines of a failed process that are shown again at the end. */
const TAIL = 30
/** How long a launcher waits for one answer of the store. */
const ANSWER = 2000

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
  SIGSEGV: 11,
  SIGABRT: 6,
}

const say = (text: string): void => {
  process.stderr.write(`flambeau run: ${text}\n`)
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** One process of the run. */
class Worker {
  readonly rank: number
  readonly child: ChildProcess
  readonly ended: Promise<void>
  /** Of the last lines that it wrote to its standard error. */
  readonly tail: string[] = []
  code: number | null = null
  signal: NodeJS.Signals | null = null
  running = true

  constructor(rank: number, child: ChildProcess) {
    this.rank = rank
    this.child = child
    this.#forward(child.stdout, process.stdout, false)
    this.#forward(child.stderr, process.stderr, true)
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (!this.running) return
        this.running = false
        this.code = code
        this.signal = signal
        resolve()
      }
      child.on('error', (error) => {
        this.tail.push(error.message)
        end(1, null)
      })
      child.on('close', end)
    })
  }

  /** Whole lines, each with the rank before it. */
  #forward(from: NodeJS.ReadableStream | null, to: NodeJS.WritableStream, keep: boolean): void {
    const decoder = new StringDecoder('utf8')
    let rest = ''
    const write = (line: string): void => {
      to.write(`[${this.rank}] ${line}\n`)
      if (!keep) return
      this.tail.push(line)
      if (this.tail.length > TAIL) this.tail.shift()
    }
    from?.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) write(line)
    })
    from?.on('end', () => {
      if (rest !== '') write(rest)
    })
  }

  get failed(): boolean {
    return !this.running && (this.code !== 0 || this.signal !== null)
  }

  get exitCode(): number {
    return this.signal === null ? (this.code ?? 1) : 128 + (SIGNAL_NUMBERS[this.signal] ?? 0)
  }

  toString(): string {
    const how = this.signal === null ? `exit code ${this.code}` : this.signal
    return `rank ${this.rank} (process ${this.child.pid ?? 'that did not start'}) ended with ${how}`
  }
}

/** What the launchers of all machines know in common: which round of the run it is. */
class Meeting {
  readonly #options: LaunchOptions
  #store: TCPStore

  private constructor(options: LaunchOptions, store: TCPStore) {
    this.#options = options
    this.#store = store
  }

  /** Opens the store on the first machine; the others wait until it is there. */
  static async open(options: LaunchOptions): Promise<Meeting> {
    const { host, port, nodeRank, timeout } = options
    const end = performance.now() + timeout
    for (;;) {
      try {
        return new Meeting(options, new TCPStore(host, port, { isMaster: nodeRank === 0, timeout: ANSWER }))
      } catch (error) {
        if (nodeRank === 0 || !(error instanceof DistributedError) || performance.now() > end) throw error
      }
      await pause(LOOK)
    }
  }

  get port(): number {
    return this.#store.port
  }

  /** Asks the store; where it cannot be reached, again and again until time is up. */
  async #ask<R>(body: (store: TCPStore) => R): Promise<R> {
    const end = performance.now() + this.#options.timeout
    for (let told = false; ; ) {
      try {
        return body(this.#store)
      } catch (error) {
        if (!(error instanceof DistributedError) || performance.now() > end) throw error
        if (!told) say(`the first machine cannot be reached (${error.message}); trying again`)
        told = true
      }
      await pause(LOOK)
      try {
        const { host, port } = this.#options
        const again = new TCPStore(host, port, { timeout: ANSWER })
        this.#store.close()
        this.#store = again
      } catch (error) {
        if (!(error instanceof DistributedError)) throw error
      }
    }
  }

  round(): Promise<number> {
    return this.#ask((store) => store.add('launcher/round', 0))
  }

  /** Ends round `round` for all, and begins the next; once, whoever says it. */
  fail(round: number): Promise<void> {
    return this.#ask((store) => {
      store.compareSet('launcher/round', String(round), String(round + 1))
    })
  }

  /** Says that this machine has come to a point; the machines that have not are counted by `missing`. */
  reach(point: string): Promise<void> {
    return this.#ask((store) => store.set(`launcher/${point}/${this.#options.nodeRank}`, ''))
  }

  missing(point: string): Promise<number[]> {
    const nodes = Array.from({ length: this.#options.nnodes }, (_, node) => node)
    return this.#ask((store) => nodes.filter((node) => !store.check([`launcher/${point}/${node}`])))
  }

  close(): void {
    this.#store.close()
  }
}

type RoundEnd = 'done' | 'failed' | 'signalled' | { readonly worker: Worker }

class Launcher {
  readonly #options: LaunchOptions
  readonly #meeting: Meeting
  #workers: Worker[] = []
  #signal: NodeJS.Signals | null = null

  constructor(options: LaunchOptions, meeting: Meeting) {
    this.#options = options
    this.#meeting = meeting
  }

  /** Runs until all processes have ended well, or there are no restarts left. @returns the exit code */
  async run(): Promise<number> {
    const listen = (signal: NodeJS.Signals): void => {
      // The second one is meant.
      const forced = this.#signal !== null
      this.#signal = signal
      for (const { child } of this.#workers) child.kill(forced ? 'SIGKILL' : signal)
    }
    for (const signal of SIGNALS) process.on(signal, listen)
    try {
      return await this.#rounds()
    } finally {
      for (const signal of SIGNALS) process.off(signal, listen)
      await this.#end()
      this.#meeting.close()
    }
  }

  async #rounds(): Promise<number> {
    const { maxRestarts, nnodes } = this.#options
    let failure: Worker | null = null
    for (;;) {
      const round = await this.#meeting.round()
      if (round > maxRestarts) {
        if (failure !== null) this.#report(failure)
        else say('a process on another machine failed')
        await this.#leave()
        return failure?.exitCode || 1
      }
      if (round > 0) say(`restart ${round} of ${maxRestarts}`)
      const begin = await this.#begin(round)
      const end = begin === 'done' ? await this.#watch(round) : begin
      if (end === 'signalled') return 128 + (SIGNAL_NUMBERS[this.#signal ?? 'SIGINT'] ?? 0)
      if (end === 'done') {
        await this.#leave()
        return 0
      }
      if (typeof end === 'object') {
        failure = end.worker
        say(`${String(failure)}; ending the others`)
        await this.#meeting.fail(round)
      } else if (nnodes > 1) {
        say('another machine begins anew; ending the processes of this one')
      }
      await this.#end()
    }
  }

  /** Waits until every machine is there for the round, and starts this one's processes. */
  async #begin(round: number): Promise<'done' | 'failed' | 'signalled'> {
    const { nnodes, timeout } = this.#options
    await this.#meeting.reach(`ready/${round}`)
    const end = performance.now() + timeout
    for (;;) {
      if (this.#signal !== null) return 'signalled'
      const missing = await this.#meeting.missing(`ready/${round}`)
      if (missing.length === 0) break
      if ((await this.#meeting.round()) !== round) return 'failed'
      if (performance.now() > end)
        throw new DistributedError(
          `machines ${missing.join(', ')} of ${nnodes} did not come within ${timeout / 1000} s`,
          'timeout',
        )
      await pause(LOOK)
    }
    this.#start(round)
    return 'done'
  }

  #start(round: number): void {
    const { script, args, nproc, nnodes, nodeRank, host } = this.#options
    const threads = process.env.OMP_NUM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / nproc)))
    this.#workers = Array.from({ length: nproc }, (_, local) => {
      const rank = nodeRank * nproc + local
      const env = {
        ...process.env,
        RANK: String(rank),
        WORLD_SIZE: String(nnodes * nproc),
        LOCAL_RANK: String(local),
        LOCAL_WORLD_SIZE: String(nproc),
        GROUP_RANK: String(nodeRank),
        MASTER_ADDR: host,
        MASTER_PORT: String(this.#meeting.port),
        OMP_NUM_THREADS: threads,
        FLAMBEAU_LAUNCHER_STORE: '1',
        FLAMBEAU_RESTART_COUNT: String(round),
      }
      const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      return new Worker(rank, child)
    })
  }

  /** Waits for the processes of this machine, and for what the others say. */
  async #watch(round: number): Promise<RoundEnd> {
    let done = false
    for (;;) {
      await Promise.race([pause(LOOK), ...this.#workers.filter(({ running }) => running).map(({ ended }) => ended)])
      if (this.#signal !== null) return 'signalled'
      const failed = this.#workers.find((worker) => worker.failed)
      if (failed !== undefined) return { worker: failed }
      if (this.#workers.some(({ running }) => running)) {
        if (this.#options.nnodes > 1 && (await this.#meeting.round()) !== round) return 'failed'
        continue
      }
      if (!done) await this.#meeting.reach(`done/${round}`)
      done = true
      if ((await this.#meeting.missing(`done/${round}`)).length === 0) return 'done'
      if ((await this.#meeting.round()) !== round) return 'failed'
      await pause(LOOK)
    }
  }

  /** Ends what is still running, first gently. */
  async #end(): Promise<void> {
    const running = this.#workers.filter((worker) => worker.running)
    if (running.length === 0) return
    const all = Promise.all(running.map(({ ended }) => ended))
    const signal = this.#signal ?? 'SIGTERM'
    for (const { child } of running) child.kill(signal)
    const timer = setTimeout(() => {
      for (const worker of running) if (worker.running) worker.child.kill('SIGKILL')
    }, GRACE)
    await all
    clearTimeout(timer)
  }

  /** The machine that holds the store goes last, so that the others can read how it ended. */
  async #leave(): Promise<void> {
    if (this.#options.nnodes === 1) return
    await this.#meeting.reach('left')
    const end = performance.now() + GRACE
    while (this.#options.nodeRank === 0 && performance.now() < end) {
      if ((await this.#meeting.missing('left')).length === 0) return
      await pause(LOOK)
    }
  }

  #report(worker: Worker): void {
    const lines = worker.tail.map((line) => `    ${line}`).join('\n')
    say(`${String(worker)}${lines === '' ? '' : `. The last that it wrote:\n${lines}`}`)
  }
}

/** Runs a script in several processes. @returns the exit code */
export async function launch(options: LaunchOptions): Promise<number> {
  return new Launcher(options, await Meeting.open(options)).run()
}
