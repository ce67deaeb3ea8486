// Process groups on MPI, where this build has it (`npm run mpi` builds and runs that).
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as distributed from '@flambeau/core/distributed'
import { expect, jest, test } from '@jest/globals'
import { brief } from './processes.ts'
import { checkEverything, checkVariety } from './reference.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

const worker = fileURLToPath(new URL('../fixtures/distributed/worker.mjs', import.meta.url))
const withMpi = distributed.isMpiAvailable() ? test : test.skip
const withoutMpi = distributed.isMpiAvailable() ? test.skip : test

interface Ended {
  readonly code: number | null
  /** By rank; undefined where a rank did not come to its end. */
  readonly results: unknown[]
  readonly stderr: string
}

/** Runs a case in processes that mpirun starts. */
function mpirun(file: string, name: string, size: number, argument: unknown = null): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-mpi-'))
  const { RANK, WORLD_SIZE, ...inherited } = process.env
  const env = {
    ...inherited,
    NODE_OPTIONS: '',
    OMP_NUM_THREADS: '1',
    OMPI_ALLOW_RUN_AS_ROOT: '1',
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
    // Where processes may not read each other's memory, copies go through shared memory.
    OMPI_MCA_btl_vader_single_copy_mechanism: 'none',
    FLAMBEAU_TEST_BACKEND: 'mpi',
    FLAMBEAU_TEST_STORE: pathToFileURL(join(folder, 'store')).href,
    FLAMBEAU_TEST_RESULTS: folder,
  }
  const options = ['-n', String(size), '--oversubscribe', '--bind-to', 'none']
  const args = [...options, process.execPath, worker, file, name, JSON.stringify(argument)]
  const child = spawn('mpirun', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const results = Array.from({ length: size }, (_, rank): unknown => {
        const path = join(folder, String(rank))
        return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
      })
      rmSync(folder, { recursive: true, force: true })
      resolve({ code, results, stderr: brief(stderr) })
    })
  })
}

async function results(file: string, name: string, size: number): Promise<unknown[]> {
  const { code, results, stderr } = await mpirun(file, name, size)
  if (code !== 0) throw new Error(`${name}: mpirun ended with ${code}:\n${stderr}`)
  return results
}

withoutMpi('without MPI, asking for it says what is missing', () => {
  expect(() => distributed.initProcessGroup({ backend: 'mpi', rank: 0, worldSize: 1 })).toThrow(
    /this build of Flambeau has no library for MPI .*install OpenMPI first \(Debian: libopenmpi-dev/,
  )
})

withMpi('every collective, operation and dtype, groups, messages and objects', async () => {
  checkEverything((await results('collectives', 'everything', 3)) as Record<string, unknown>[])
  checkVariety((await results('collectives', 'variety', 3)) as Record<string, unknown>[])
  expect(await results('collectives', 'sizes', 4)).toEqual([[], [], [], []])
  expect(new Set(await results('collectives', 'bits', 4)).size).toBe(1)
})

withMpi('data-parallel training', async () => {
  const ranks = (await results('training', 'ways', 2)) as Record<string, { hash: number }>[]
  for (const name of Object.keys(ranks[0])) expect(new Set(ranks.map((rank) => rank[name].hash)).size).toBe(1)
})

withMpi('ranks that disagree are told, and a rank that is late is named', async () => {
  const [zero, one, two] = (await results('failures', 'disagreeing', 3)) as unknown[][]
  expect(zero[0]).toBe(
    'DistributedError (mismatch): allReduce: all_reduce(sum) of float32 [3, 2]: expected the same on every rank, ' +
      'got all_reduce(sum) of float32 [3, 2] on rank 0 and all_reduce(sum) of float32 [4, 2] on rank 1',
  )
  for (const out of [zero, one, two]) {
    expect(out[6]).toEqual([3, 3, 3])
    expect(String(out[5])).toMatch(/rank 1 sends 2 elements to rank 1, which expects 1|first dimension/)
  }
  const [, received] = await results('failures', 'messages', 2)
  expect(received).toEqual([
    'DistributedError (mismatch): recv: recv from rank 0: expected 4 elements of float32, which sent 5 elements of float32',
    'DistributedError (mismatch): recv: recv from rank 0: expected 4 elements of float32, which sent 4 elements of int32',
    'done',
  ])
  // Whoever gave up ends without MPI's leave, and mpirun ends the others.
  const slow = await mpirun('failures', 'slow', 3)
  const late = 'all_reduce(sum) of float32 [3]: rank 2 did not come (within 5000 ms)'
  expect(slow.code).not.toBe(0)
  expect(slow.results.slice(0, 2)).toContain(`DistributedError (timeout): allReduce: ${late}`)
})

withMpi('a process that throws ends the others, and one that never left its group ends well', async () => {
  const { code, stderr } = await mpirun('failures', 'throwing', 2)
  expect(code).not.toBe(0)
  expect(stderr).toMatch('a bug in the training script')
  expect((await mpirun('failures', 'staying', 2)).code).toBe(0)
})

withMpi('mpirun says who there is', async () => {
  expect((await mpirun('failures', 'otherNumbers', 2)).results).toEqual(
    new Array(2).fill('ArgumentError: initProcessGroup: expected 2 for worldSize, as mpirun has it, got 5'),
  )
})
