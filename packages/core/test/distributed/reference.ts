// What the cases of fixtures/distributed/collectives.mjs have to give, whichever engine they run on.
import { readFileSync } from 'node:fs'
import { expect } from '@jest/globals'

type Values = readonly (number | boolean)[] | null | string
const expected = JSON.parse(
  readFileSync(new URL('../fixtures/distributed/collectives.json', import.meta.url), 'utf8'),
) as Record<string, (Values | Values[])[]>

/** PyTorch's Gloo has no 16-bit integers, and does not multiply or gather complex numbers. */
const OURS = /int16|(PRODUCT|gather) complex/

function near(actual: unknown, wanted: unknown, tolerance: number): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((one, i) => near(actual[i], one, tolerance))
    )
  if (typeof wanted === 'number' && typeof actual === 'number')
    return Math.abs(actual - wanted) <= tolerance * Math.max(1, Math.abs(wanted))
  return actual === wanted
}

/** Checks the results of `everything` by rank. */
export function checkEverything(actual: Record<string, unknown>[]): void {
  const wrong = Object.entries(expected).filter(([name, ranks]) => {
    const tolerance = /bfloat16/.test(name)
      ? 1e-2
      : /float16/.test(name)
        ? 2e-3
        : /float32|complex64/.test(name)
          ? 1e-6
          : 1e-12
    return !ranks.every((wanted, rank) => near(actual[rank][name], wanted, tolerance))
  })
  expect(wrong.map(([name, wanted]) => [name, wanted, actual.map((one) => one[name])])).toEqual([])
  expect(Object.keys(expected).length).toBeGreaterThan(130)
  const refused = Object.keys(actual[0]).filter((name) => actual.every((one) => one[name] === 'DTypeError'))
  const missing = Object.keys(actual[0]).filter((name) => !(name in expected))
  // What neither has, and what PyTorch's has not.
  expect(missing.filter((name) => !refused.includes(name)).filter((name) => !OURS.test(name))).toEqual([])
  expect(refused.filter((name) => name in expected)).toEqual([])
}

/** Checks the results of `variety` by rank. */
export function checkVariety(actual: Record<string, unknown>[]): void {
  const columns = [1, 2, 3, 4].map((n) => [n, n + 4, n + 8].map((x) => x * 6))
  for (const [rank, out] of actual.entries())
    expect(out).toEqual({
      transposed: columns,
      piece: [0, 0, 3, 3, 0, 0],
      allGatherIntoTensor: [0, 0.5, 1, 1.5, 2, 2.5],
      reduceScatterTensor: [[rank * 2 + 1, rank * 2 + 2], rank],
      uneven: [0, 1, 1, 2, 2, 2],
      lists: [[0], [10, 10], [20, 20, 20]],
      ...(rank === 1
        ? { pair: 'allReduce: this process is no member of the group of ranks 0, 2' }
        : { pair: [[4], rank / 2, 2], fromTwo: 2 }),
      ring: (rank + 2) % 3,
      batch: [1, 2].map((step) => [(rank + step) % 3, rank]),
      ...(rank === 0 ? { sources: [1, 2] } : {}),
      ...(rank === 0 ? { heard: [1, { a: 1 }, [1], 2], anybody: [2, ['from two']] } : {}),
      future: 3,
      objects: [0, 1, 2].map((r) => [r, [r, 1]]),
      broadcastObject: ['a', 'float64', 1.5],
      scatterObject: 'xyz'[rank],
      gatherObject: rank === 2 ? ['from 0', 'from 1', 'from 2'] : null,
    })
}
