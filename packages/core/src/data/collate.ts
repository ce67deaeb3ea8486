// From a list of samples to a batch.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { stack, tensor } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

type TypedArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Int32Array | BigInt64Array

/** What `defaultCollate` makes of samples of type T. */
export type Collated<T> = T extends Tensor | number | bigint | boolean | TypedArray
  ? Tensor
  : T extends string
    ? string[]
    : T extends object
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : T

/**
 * Makes a batch of samples. Tensors are stacked along a new first dimension; numbers become a tensor, int64 where all
 * are whole and of the default dtype otherwise; booleans become a bool tensor, strings an array; in arrays and objects
 * each position or name is a batch of its own.
 *
 * @param samples all of one structure
 * @throws ShapeError when tensors differ in shape
 * @example
 * ```ts
 * import { data, tensor } from '@flambeau/core'
 * const batch = data.defaultCollate([{ x: tensor([1, 2]), name: 'a' }, { x: tensor([3, 4]), name: 'b' }])
 * console.log(batch.x.shape, batch.name) // → [ 2, 2 ] [ 'a', 'b' ]
 * ```
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  if (!Array.isArray(samples) || samples.length === 0)
    throw new ArgumentError(`defaultCollate: expected a list of samples, got ${describe(samples)}`)
  return collate(samples, '') as Collated<T>
}

function collate(samples: readonly unknown[], path: string): unknown {
  const kind = kindOf(samples[0])
  for (let i = 1; i < samples.length; i++)
    if (kindOf(samples[i]) !== kind)
      throw new ArgumentError(
        `defaultCollate: expected samples of one structure, got ${describe(samples[0])} and ${describe(samples[i])}${path}`,
      )
  switch (kind) {
    case 'tensor':
      return stackTensors(samples as Tensor[], path)
    case 'typed array': {
      const rows = (samples as TypedArray[]).map((row) => tensor(row))
      const batch = stackTensors(rows, path)
      for (const row of rows) row.dispose()
      return batch
    }
    case 'number':
      // A batch of whole numbers is most often one of labels or indices, which must be int64.
      return tensor(samples as number[], (samples as number[]).every(Number.isSafeInteger) ? { dtype: 'int64' } : {})
    case 'bigint':
    case 'boolean':
      return tensor(samples as number[])
    case 'string':
      return [...samples]
    case 'array':
      return collateArrays(samples as unknown[][], path)
    case 'object':
      return collateObjects(samples as Record<string, unknown>[], path)
    default:
      throw new ArgumentError(
        `defaultCollate: expected tensors, numbers, strings, arrays or objects, got ${describe(samples[0])}${path}; give the loader a collateFn`,
      )
  }
}

function kindOf(value: unknown): string {
  if (value instanceof Tensor) return 'tensor'
  if (Array.isArray(value)) return 'array'
  if (ArrayBuffer.isView(value)) return 'typed array'
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  // Objects of other realms have another Object.prototype, but theirs has no prototype either.
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null ? 'object' : 'instance'
}

function stackTensors(tensors: readonly Tensor[], path: string): Tensor {
  const odd = tensors.find(
    (t) => t.shape.length !== tensors[0].shape.length || t.shape.some((n, i) => n !== tensors[0].shape[i]),
  )
  if (odd)
    throw new ShapeError(
      `defaultCollate: expected samples of one shape, got ${formatShape(tensors[0].shape)} and ${formatShape(odd.shape)}${path}; give the loader a collateFn that pads them`,
    )
  return stack(tensors, 0)
}

function collateArrays(samples: readonly unknown[][], path: string): unknown[] {
  const { length } = samples[0]
  const odd = samples.find((sample) => sample.length !== length)
  if (odd)
    throw new ArgumentError(`defaultCollate: expected arrays of one length, got ${length} and ${odd.length}${path}`)
  return samples[0].map((_, i) =>
    collate(
      samples.map((sample) => sample[i]),
      inside(path, `[${i}]`),
    ),
  )
}

function collateObjects(samples: readonly Record<string, unknown>[], path: string): Record<string, unknown> {
  const names = Object.keys(samples[0])
  for (const sample of samples)
    for (const name of names)
      if (!Object.hasOwn(sample, name))
        throw new ArgumentError(
          `defaultCollate: expected every sample to have '${name}', got one with ${Object.keys(sample).join(', ') || 'nothing'}${path}`,
        )
  return Object.fromEntries(
    names.map((name) => [
      name,
      collate(
        samples.map((sample) => sample[name]),
        inside(path, `.${name}`),
      ),
    ]),
  )
}

const inside = (path: string, step: string): string => `${path || ' at sample'}${step}`
