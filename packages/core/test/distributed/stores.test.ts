// Stores as users see them, and the variables of launchers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as distributed from '@flambeau/core/distributed'
import { expect, jest, test } from '@jest/globals'
import { freePort, results } from './processes.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

const { FileStore, PrefixStore, TCPStore } = distributed

test.each(['TCPStore', 'FileStore', 'PrefixStore'])('%s', (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-stores-'))
  const below =
    kind === 'FileStore' ? new FileStore(join(folder, 'store')) : new TCPStore('127.0.0.1', 0, { isMaster: true })
  const store = kind === 'PrefixStore' ? new PrefixStore('part', below) : below
  const name = kind === 'FileStore' ? 'FileStore' : 'TCPStore'
  try {
    store.set('text', 'grün')
    store.set('bytes', new Uint8Array([0, 255, 10]))
    expect([store.getText('text'), [...store.get('bytes')]]).toEqual(['grün', [0, 255, 10]])
    expect([store.add('visits', 2), store.add('visits', -5), store.getText('visits')]).toEqual([2, -3, '-3'])
    expect(() => store.add('text', 1)).toThrow(/\.add: expected a number under '(part\/)?text', got 'grün'/)
    expect([store.getText('text'), store.add('visits', 3)]).toEqual(['grün', 0])
    // As PyTorch's: only the right guess changes a key, and an empty one makes it.
    const compareSet = (...args: [string, string, string]) => new TextDecoder().decode(store.compareSet(...args))
    expect(compareSet('lock', 'nobody', 'me')).toBe('nobody')
    expect([compareSet('lock', '', 'me'), compareSet('lock', 'you', 'them'), compareSet('lock', 'me', 'you')]).toEqual([
      'me',
      'me',
      'you',
    ])
    expect([store.check(['text', 'lock']), store.check(['text', 'missing'])]).toEqual([true, false])
    expect([store.deleteKey('text'), store.deleteKey('text'), store.check(['text'])]).toEqual([true, false, false])
    store.wait(['bytes', 'lock'])
    expect(() => store.wait(['bytes', 'missing'], 20)).toThrow(/missing/)
    expect(() => store.get('missing', 20)).toThrow(new RegExp(`${name}.get: waited 20 ms for .*missing`))
    expect(() => store.set('text', 5 as never)).toThrow(`${name}.set: expected a string or bytes for value, got 5`)
  } finally {
    below.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test("OpenMPI's, MPICH's and SLURM's variables", async () => {
  const none = { RANK: '', WORLD_SIZE: '', LOCAL_RANK: '' }
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  for (const env of [
    (rank: number) => ({
      ...place,
      OMPI_COMM_WORLD_RANK: String(rank),
      OMPI_COMM_WORLD_SIZE: '2',
      OMPI_COMM_WORLD_LOCAL_RANK: String(rank + 4),
    }),
    (rank: number) => ({ ...place, PMI_RANK: String(rank), PMI_SIZE: '2', MPI_LOCALRANKID: String(rank + 4) }),
    (rank: number) => ({
      ...place,
      SLURM_PROCID: String(rank),
      SLURM_NTASKS: '2',
      SLURM_LOCALID: String(rank + 4),
      SLURM_JOB_ID: '7',
      SLURM_STEP_NODELIST: 'elsewhere[1-2]',
    }),
  ])
    expect(await results('launchers', 'joined', 2, { env: (rank) => ({ ...none, ...env(rank) }) })).toEqual([
      [true, 0, 4, 3],
      [true, 1, 5, 3],
    ])
  // Rank 0's machine is the first of the list, and the job makes the port.
  const lost = await results('launchers', 'lost', 1, {
    env: () => ({
      ...none,
      SLURM_PROCID: '1',
      SLURM_NTASKS: '2',
      SLURM_JOB_ID: '50123',
      SLURM_STEP_NODELIST: 'node[07-12,15].invalid,other',
    }),
  })
  expect(lost[0]).toMatch(/TCPStore: .*node07\.invalid:30123/)
})
