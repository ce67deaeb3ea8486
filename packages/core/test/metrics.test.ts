// Metrics against torchmetrics: fixtures/metrics.py made the cases.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { ArgumentError, type DType, ShapeError, Tensor, tensor } from '@flambeau/core'
import * as metrics from '@flambeau/core/metrics'
import { describe, expect, jest, test } from '@jest/globals'

interface Packed {
  readonly dtype: string
  readonly shape: number[]
  readonly data: (number | boolean | string)[]
}
interface Case {
  readonly name: string
  readonly function: string
  readonly options: Record<string, unknown>
  readonly batches: number[]
  readonly each: unknown[] | null
  readonly value: unknown
}

const fixture = new URL('fixtures/metrics.json.gz', import.meta.url)
const file: { batches: unknown[]; cases: Case[] } = JSON.parse(gunzipSync(readFileSync(fixture)).toString())

const isPacked = (value: unknown): value is Packed =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && 'data' in value
const special: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())

function unpack(value: unknown): unknown {
  if (isPacked(value)) {
    const data = value.data.map((v) => (typeof v === 'string' ? special[v] : Number(v)))
    return tensor(data, { dtype: value.dtype as DType }).reshape(value.shape)
  }
  if (Array.isArray(value)) return value.map(unpack)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [camel(key), unpack(item)]))
  return value
}

/** Where two values differ by more than 1e-6, or undefined. */
function difference(actual: unknown, expected: unknown): string | undefined {
  if (!(expected instanceof Tensor)) {
    const entries = Object.entries(expected as Record<string, unknown>)
    return entries.map(([key, value]) => difference((actual as Record<string, unknown>)[key], value)).find((d) => d)
  }
  if (!(actual instanceof Tensor)) return `expected a tensor, got ${String(actual)}`
  const [a, b] = [actual, expected].map((t) => t.to('float64').reshape([-1]).toArray() as number[])
  if (a.length !== b.length) return `${a.length} elements in place of ${b.length}`
  const off = b.findIndex((v, i) => !Object.is(v, a[i]) && !(Math.abs(v - a[i]) <= 1e-6 * Math.max(1, Math.abs(v))))
  return off < 0 ? undefined : `element ${off} is ${a[off]} in place of ${b[off]}`
}

type Constructor = new (options: unknown) => metrics.AnyMetric
const exported: Record<string, unknown> = { ...metrics }
const make = (name: string, options: unknown): metrics.AnyMetric => new (exported[name] as Constructor)(options)
const functions = metrics.functional as Record<string, (...args: unknown[]) => unknown>

const names = [...new Set(file.cases.map(({ name }) => name))]
describe.each(names)('%s', (name) => {
  test('equals torchmetrics', () => {
    const failures: string[] = []
    for (const { options, batches, value, each, ...row } of file.cases.filter((c) => c.name === name)) {
      const given = unpack(options) as Record<string, unknown>
      const say = (what: string, d: string | undefined) =>
        d && failures.push(`${what} ${JSON.stringify(options)}: ${d}`)
      const all = batches.map((i) => unpack(file.batches[i]) as unknown[])
      try {
        const metric = make(name, given)
        // What a batch alone has, while the state goes on.
        const seen = all.map((batch) => metric.forward(...batch))
        say('class', difference(metric.compute(), unpack(value)))
        each?.forEach((one, i) => {
          say('function', difference(functions[camel(row.function)](...all[i], given), unpack(one)))
          say('forward', difference(seen[i], unpack(one)))
        })
        // Halves that are merged, and a state that is saved, are the same.
        const parts = all.map((batch) => {
          const part = make(name, given)
          part.update(...batch)
          return part
        })
        for (const part of parts.slice(1)) parts[0].mergeState(part)
        const loaded = make(name, given)
        loaded.loadStateDict(parts[0].stateDict())
        say('merged', difference(loaded.compute(), unpack(value)))
      } catch (error) {
        failures.push(`${JSON.stringify(options)}: ${error}`)
      }
    }
    expect(failures).toEqual([])
  })
})

describe('bad input says what to do', () => {
  const { Accuracy, AUROC, BLEUScore, ConfusionMatrix, MeanAveragePrecision, MeanMetric, MeanSquaredError } = metrics
  const nan = tensor([0.2, Number.NaN, 0.9])
  const target = tensor([0n, 1n, 1n])

  test('NaN in predictions of classes', () => {
    const accuracy = new Accuracy({ task: 'binary' })
    accuracy.update(tensor([0.9]), tensor([1n]))
    expect(() => accuracy.update(nan, target)).toThrow(/1 of 3 values of preds are NaN.*diverged/)
    expect(() => accuracy.forward(nan, target)).toThrow(ArgumentError)
    // What was counted before is still there.
    expect(accuracy.compute().item()).toBe(1)
    expect(() => new AUROC({ task: 'binary' }).update(nan, target)).toThrow(/NaN/)
    const scores = tensor([[0.1, Number.NaN]])
    expect(() => new ConfusionMatrix({ task: 'multiclass', numClasses: 2 }).update(scores, tensor([1n]))).toThrow(/NaN/)
    // Counted as torchmetrics does, where that is asked for.
    const lax = new Accuracy({ task: 'binary', validateArgs: false })
    lax.update(nan, target)
    expect(lax.compute().item()).toBeCloseTo(1 / 3)
  })

  test('NaN in numbers', () => {
    expect(() => new MeanMetric({ nanStrategy: 'error' }).update(nan)).toThrow(/NaN.*nanStrategy: 'ignore'/)
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const error = new MeanSquaredError()
    error.update(nan, tensor([1, 1, 1]))
    expect(error.compute().item()).toBeNaN()
    expect(warn.mock.calls[0][0]).toMatch(/MeanSquaredError is NaN.*isnan/)
    warn.mockRestore()
  })

  test('classes out of range, shapes, options', () => {
    const accuracy = new Accuracy({ task: 'multiclass', numClasses: 3 })
    expect(() => accuracy.update(tensor([0n, 1n]), tensor([0n, 7n]))).toThrow(
      /classes 0 to 2 in target, got 7.*ignoreIndex/,
    )
    expect(() => accuracy.update(tensor([0n, 5n]), tensor([0n, 1n]))).toThrow(/in preds, got 5/)
    expect(() => accuracy.update(tensor([0n]), tensor([0n, 1n]))).toThrow(ShapeError)
    expect(() => new Accuracy({ task: 'multiclass' })).toThrow(/numClasses ≥ 2/)
    expect(() => new Accuracy({ task: 'ternary' as 'binary' })).toThrow(
      /'binary', 'multiclass' or 'multilabel', got 'ternary'/,
    )
    expect(() => new Accuracy({ task: 'binary', average: 'median' as 'micro' })).toThrow(/average 'micro'/)
    expect(() => new AUROC({ task: 'binary' }).compute()).toThrow(/update before compute/)
    expect(() => new AUROC({ task: 'binary', thresholds: [0.5, 0.1] })).toThrow(/ascending/)
    expect(() => new BLEUScore({ nGram: 2, weights: [1] })).toThrow(/2 weights/)
    expect(() =>
      new MeanAveragePrecision().update(
        [{ boxes: tensor([[0, 0, 1, 1]]), scores: tensor([1]), labels: tensor([0n]) }],
        [],
      ),
    ).toThrow(/as many preds as targets/)
    expect(() => accuracy.loadStateDict({ other: tensor(1) })).toThrow(/missing: counts; not expected: other/)
  })
})

test('a collection has a name for each value, and its clone a state of its own', () => {
  const { Accuracy, MetricCollection, Recall } = metrics
  const options = { task: 'multiclass', numClasses: 3 } as const
  const all = new MetricCollection([new Accuracy(options), new Recall({ ...options, average: 'macro' })], {
    prefix: 'train_',
  })
  const validation = all.clone({ prefix: 'val_' })
  all.update(tensor([0n, 1n, 2n]), tensor([0n, 1n, 1n]))
  validation.update(tensor([0n]), tensor([0n]))
  expect(Object.keys(all.compute())).toEqual(['train_Accuracy', 'train_Recall'])
  expect((all.compute().train_Accuracy as Tensor).item()).toBeCloseTo(2 / 3)
  expect((validation.compute().val_Accuracy as Tensor).item()).toBe(1)
  const loaded = all.clone()
  loaded.reset()
  loaded.loadStateDict(all.stateDict())
  expect((loaded.compute().train_Accuracy as Tensor).item()).toBeCloseTo(2 / 3)
  expect(() => new MetricCollection([new Accuracy(options), new Accuracy(options)])).toThrow(
    /two metrics are named Accuracy/,
  )
})
