// The other processes of a run that no launcher has started: each runs this program from its beginning.
import { spawn } from 'node:child_process'
import { ArgumentError, getNumThreads, setNumThreads } from '@flambeau/core'
import type * as Distributed from '@flambeau/core/distributed'
import type { ConnectOptions } from './strategy.js'

/** Where the processes meet, and who this one is. */
export interface Meeting {
  readonly store: Distributed.Store
  readonly rank: number
  readonly worldSize: number
}

/** Starts `devices − 1` more of this program, which find this process by their environment. */
export function startOthers(distributed: typeof Distributed, devices: number, numNodes: number): Meeting {
  const [, script, ...args] = process.argv
  if (numNodes > 1 || (devices > 1 && script === undefined))
    throw new ArgumentError(
      `Trainer: ${numNodes > 1 ? `the processes of ${numNodes} machines` : 'programs that are not a file'} need the launcher: ` +
        "'npx flambeau run --nproc N [--nnodes N --node-rank R --rdzv HOST:PORT] SCRIPT'",
    )
  const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
  const threads = process.env.OMP_NUM_THREADS ?? String(Math.max(1, Math.floor(getNumThreads() / devices)))
  setNumThreads(Number(threads))
  for (let rank = 1; rank < devices; rank++) {
    const env = {
      ...process.env,
      RANK: String(rank),
      WORLD_SIZE: String(devices),
      LOCAL_RANK: String(rank),
      LOCAL_WORLD_SIZE: String(devices),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(store.port),
      OMP_NUM_THREADS: threads,
    }
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    // Where one of them fails, the program has.
    child.on('exit', (code) => {
      if (code !== 0) process.exitCode ||= 1
    })
    // The others would wait for one that has failed.
    process.once('exit', (code) => {
      if (code !== 0) child.kill()
    })
  }
  return { store, rank: 0, worldSize: devices }
}

/** Throws unless there are as many processes as the trainer was told. */
export function checkLaunch(worldSize: number, { devices, numNodes }: ConnectOptions): void {
  const local = Number(process.env.LOCAL_WORLD_SIZE ?? worldSize / numNodes)
  if (devices !== 'auto' && devices !== local)
    throw new ArgumentError(
      `Trainer: devices is ${devices}, but there are ${local} processes on this machine; give the launcher --nproc ${devices}, or leave devices out`,
    )
  if (local * numNodes !== worldSize)
    throw new ArgumentError(
      `Trainer: numNodes is ${numNodes}, but there are ${worldSize} processes, ${local} of them on this machine`,
    )
}
