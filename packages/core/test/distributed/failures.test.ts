// Whatever goes wrong is a clear error on every rank that lives, in time.
import { createServer } from 'node:net'
import { cuda } from '@flambeau/core'
import { expect, jest, test } from '@jest/globals'
import { freePort, processes, results } from './processes.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

test('a rank that is killed, or throws, is named by all others', async () => {
  const killed = await processes('failures', 'killed', 3)
  const gone = 'rank 2 is gone: the process ended or its connection broke'
  expect(killed[2].signal).toBe('SIGKILL')
  for (const { code, result } of killed.slice(0, 2)) {
    expect(code).toBe(0)
    expect(result).toEqual([
      `DistributedError (connection): allReduce: all_reduce(sum) of float32 [100000]: ${gone}`,
      expect.stringMatching(/^DistributedError \(connection\): barrier: barrier: the group failed before .*rank 2/),
    ])
  }
  const within = await processes('failures', 'killedWithin', 3)
  // By the time that one of them hears of it, the other may have ended over it.
  for (const { result } of within.slice(0, 2)) expect(result).toMatch(/\b2 (is|are) gone/)
  const thrown = await processes('failures', 'throwing', 2)
  expect([thrown[1].code, thrown[1].stderr]).toEqual([1, expect.stringContaining('a bug in the training script')])
  expect(thrown[0].result).toMatch(/rank 1 is gone/)
})

test('a slow rank is named when time is up, and hears of it', async () => {
  const ended = await results('failures', 'slow', 3)
  const late = 'all_reduce(sum) of float32 [3]: rank 2 did not come (within 5000 ms)'
  expect(ended.slice(0, 2)).toEqual([0, 1].map(() => `DistributedError (timeout): allReduce: ${late}`))
  expect(ended[2]).toMatch(/rank [01] left the group \(all_reduce.*rank 2 did not come/)
})

test('ranks that ask for different things are all told, and the group goes on', async () => {
  const [zero, one, two] = (await results('failures', 'disagreeing', 3)) as unknown[][]
  const got = (name: string, here: string, at: number, there: string, rank: number): string =>
    `DistributedError (mismatch): ${name}: ${here}: expected the same on every rank, ` +
    `got ${here} on rank ${at} and ${there} on rank ${rank}`
  const sum = 'all_reduce(sum) of float32 [3, 2]'
  const other = 'all_reduce(sum) of float32 [4, 2]'
  expect([zero[0], one[0], two[0]]).toEqual([
    got('allReduce', sum, 0, other, 1),
    got('allReduce', other, 1, sum, 0),
    got('allReduce', sum, 2, other, 1),
  ])
  expect(zero[1]).toMatch(/float32 \[3\] on rank 0 and all_reduce\(sum\) of float64 \[3\] on rank 1/)
  expect(zero[2]).toMatch(/all_reduce\(max\)/)
  expect(zero[3]).toMatch(/with rank 0 as its root .* with rank 1 as its root/)
  expect(zero[4]).toMatch(/barrier on rank 1/)
  for (const out of [zero, one, two]) {
    expect(out[6]).toEqual([3, 3, 3])
    expect(String(out[5])).toMatch(/rank 1 sends 2 elements to rank 1, which expects 1|first dimension/)
  }
})

test('arguments, messages of another size, and a group that ends', async () => {
  const [refused] = (await results('failures', 'arguments_', 2)) as string[][]
  expect(refused).toEqual([
    'ArgumentError: allReduce: expected a tensor for tensor, got [1, 2]',
    'DTypeError: allReduce: avg is not there for int32',
    "ArgumentError: allReduce: expected one of sum, avg, product, min, max, band, bor, bxor for op, got 'median'",
    'ArgumentError: broadcast: expected a rank of the group (0, 1) for src, got 2',
    'ArgumentError: allGather: expected a list of 2 tensors for tensorList, got [a float32 tensor of shape [2]]',
    "ArgumentError: send: expected another rank than this process's own, got 0",
    'ArgumentError: P2POp: expected isend or irecv for op, got function send',
    'ArgumentError: batchIsendIrecv: expected a list of P2POp for ops, got []',
    'DeviceError: allReduce: expected tensor on cpu, got it on meta; Gloo exchanges tensors of the CPU',
    'ArgumentError: allReduce: expected a positive number of milliseconds for timeout, got -1',
    'ArgumentError: newGroup: expected different ranks, got [0, 0]',
    'ArgumentError: initProcessGroup: the process group is there already; call destroyProcessGroup() first',
    'done',
  ])
  const [, received] = await results('failures', 'messages', 2)
  expect(received).toEqual([
    'DistributedError (mismatch): recv: recv from rank 0: expected 4 elements of float32, which sent 5 elements of float32',
    'DistributedError (mismatch): recv: recv from rank 0: expected 4 elements of float32, which sent 4 elements of int32',
    'done',
  ])
  const [destroyed] = await results('failures', 'destroyed', 2)
  expect(destroyed).toMatch(/the process group was destroyed meanwhile/)
})

test('a port in use, other world sizes, a rank twice, one that does not come, no store', async () => {
  // Whatever it is, it does not speak to those who connect.
  const server = createServer((socket) => socket.destroy()).listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  const taken = String((server.address() as { port: number }).port)
  const at = (port: string) => ({ MASTER_ADDR: '127.0.0.1', MASTER_PORT: port })
  const join = (size: number, env: (rank: number) => Record<string, string>, argument = {}) =>
    results('failures', 'joining', size, { env, argument: { together: size, ...argument } })
  const used = await join(2, () => at(taken))
  server.close()
  expect(used[0]).toBe(`ArgumentError: TCPStore: port ${taken} is in use`)
  expect(used[1]).toMatch(/TCPStore: what listens on .* is no store of Flambeau's/)
  const own = String(await freePort())
  const sizes = await join(2, (rank) => ({ ...at(own), WORLD_SIZE: String(2 + rank) }))
  for (const message of sizes)
    expect(message).toMatch(/rank [01] was started with a world size of [23], others with [23]|is gone/)
  expect(sizes.join()).toMatch(/rank [01] was started with a world size/)
  const twice = await join(2, () => ({ RANK: '0' }), { byFile: true })
  for (const message of twice) expect(message).toMatch(/rank 0 was started twice \(.*process \d+, and .*process \d+\)/)
  const absent = await join(2, () => ({ WORLD_SIZE: '4' }), { byFile: true, timeout: 5000 })
  for (const message of absent)
    expect(message).toBe('DistributedError (timeout): initProcessGroup: ranks 2 and 3 of 4 did not come within 5000 ms')
  const [[nowhere, unset, nccl, ucc, device]] = (await results('failures', 'refusals', 1)) as string[][]
  expect(nowhere).toMatch(/no store could be reached at 127.0.0.1:1 within 500 ms: connect: Connection refused/)
  expect(unset).toMatch(/expected the environment variable MASTER_ADDR/)
  if (!cuda.isAvailable())
    expect(nccl).toBe(
      `ArgumentError: initProcessGroup: NCCL joins CUDA devices, and there is none: ${cuda.unavailableReason()}; ` +
        "'gloo' works with tensors on the cpu",
    )
  expect(ucc).toMatch("expected one of gloo, mpi, nccl for backend, got 'ucc'")
  expect(device).toMatch("deviceId is for the backend 'nccl', got 0 with 'gloo'")
})
