// Who this process is among the others: what launchers leave in the environment.
import { ArgumentError } from '../errors.js'

/** What a launcher says. */
export interface LaunchEnvironment {
  readonly rank: number | undefined
  readonly worldSize: number | undefined
  readonly localRank: number | undefined
  readonly masterAddr: string | undefined
  readonly masterPort: number | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

/** Each launcher's names of rank, world size and local rank; the first whose rank is there is taken. */
const LAUNCHERS = [
  ['RANK', 'WORLD_SIZE', 'LOCAL_RANK'],
  ['OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'],
  ['PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID'],
  ['SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'],
] as const

function integer(name: string, value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined
  if (!/^\d+$/.test(value.trim()))
    throw new ArgumentError(`initProcessGroup: expected an integer in the environment variable ${name}, got '${value}'`)
  return Number(value)
}

/** The first host of SLURM's list, such as 'node[07-12,15]' or 'a1,a2'. */
export function firstHost(list: string): string {
  const match = /^([^[,]*)(?:\[([^\]]*)\])?([^,[]*)/.exec(list)
  if (match === null) return list
  const [, before, inside, after] = match
  return before + (inside === undefined ? '' : inside.split(/[-,]/)[0]) + after
}

/** What the launcher of this process says: torchrun's variables, OpenMPI's, MPICH's and Intel's, or SLURM's. */
export function launchEnvironment(env: Variables = process.env): LaunchEnvironment {
  const [rank, size, local] = LAUNCHERS.find(([name]) => env[name]) ?? LAUNCHERS[0]
  const slurmHosts = env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST ?? env.SLURM_NODELIST
  const slurm = rank === 'SLURM_PROCID'
  const job = integer('SLURM_JOB_ID', env.SLURM_JOB_ID)
  const port = integer('MASTER_PORT', env.MASTER_PORT)
  return {
    rank: integer(rank, env[rank]),
    worldSize: integer(size, env[size]),
    localRank: integer(local, env[local]),
    masterAddr: env.MASTER_ADDR || (slurm && slurmHosts ? firstHost(slurmHosts) : undefined),
    // Two jobs on one machine are not to meet: what every process of a job knows makes the port.
    masterPort: port ?? (slurm && job !== undefined ? 20000 + (job % 20000) : undefined),
  }
}
