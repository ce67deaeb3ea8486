// Tensors from JavaScript values: nested arrays, typed arrays, numbers.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { checkDevice, type Device } from '../tensor/device.js'
import { checkDType, DTYPES, type DType, getDefaultDtype, isComplex, isFloating, toComplex } from '../tensor/dtype.js'
import { formatShape, MAX_DIMS } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { resolveOptions, type TensorOptions } from './creation.js'
import { type Complex, FloatScalar } from './promotion.js'
import { item, readBytes } from './reading.js'

/** An element of nested data. A 0-d tensor counts as its value. */
export type Element = number | bigint | boolean | Complex | FloatScalar

/** The typed arrays that data may come in; a Buffer is a Uint8Array. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Numbers, typed arrays and tensors, nested in arrays of equal length. */
export type NestedData = Element | TypedArray | ArrayBufferView | Tensor | readonly NestedData[]

/** The dtype of a typed array's elements, by the array's name: typed arrays of other realms are no instances of ours. */
const ARRAY_DTYPES: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int16Array: 'int16',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  // No dtype of their own: the next wider one holds every value.
  Uint16Array: 'int32',
  Uint32Array: 'int64',
  BigUint64Array: 'int64',
}

const arrayName = (value: ArrayBufferView): string => Object.prototype.toString.call(value).slice(8, -1)
const isComplexValue = (v: unknown): v is Complex =>
  typeof v === 'object' && v !== null && 're' in v && 'im' in v && typeof v.re === 'number' && typeof v.im === 'number'

type Rank = 0 | 1 | 2 | 3
/** What the elements are together: booleans, then bigints, then numbers, then complex numbers. */
const RANK_DTYPES: readonly (() => DType)[] = [
  () => 'bool',
  () => 'int64',
  getDefaultDtype,
  () => toComplex(getDefaultDtype()),
]

const at = (path: readonly number[]): string => (path.length === 0 ? 'the top' : `[${path.join('][')}]`)

/** Nested data, laid flat in row-major order. */
class Flattener {
  readonly values: (number | bigint | boolean | Complex)[] = []
  readonly shape: number[] = []
  rank: Rank = 0
  /** The dtype of what came with one, such as a typed array. */
  typed: DType | null = null
  plain = false
  readonly #operation: string
  readonly #path: number[] = []
  #leafDepth = -1

  constructor(operation: string) {
    this.#operation = operation
  }

  visit(data: unknown): void {
    const depth = this.#path.length
    if (Tensor.is(data)) {
      this.#tensor(data)
      return
    }
    if (Array.isArray(data)) {
      this.#length(depth, data.length)
      for (let i = 0; i < data.length; i++) {
        this.#path.push(i)
        this.visit(data[i])
        this.#path.pop()
      }
      return
    }
    if (ArrayBuffer.isView(data)) {
      this.#array(data)
      return
    }
    this.#leaf(depth)
    this.plain = true
    this.#push(data)
  }

  #push(value: unknown): void {
    const { values } = this
    if (typeof value === 'number') this.rank = Math.max(this.rank, 2) as Rank
    else if (typeof value === 'bigint') this.rank = Math.max(this.rank, 1) as Rank
    else if (isComplexValue(value)) this.rank = 3
    else if (value instanceof FloatScalar) {
      this.rank = Math.max(this.rank, 2) as Rank
      values.push(value.value)
      return
    } else if (typeof value !== 'boolean')
      throw new ArgumentError(
        `${this.#operation}: expected numbers, bigints, booleans, { re, im } or arrays of them, got ${describe(value)} at ${at(this.#path)}`,
      )
    values.push(value as number | bigint | boolean | Complex)
  }

  #leaf(depth: number): void {
    if (this.#leafDepth === -1) this.#leafDepth = depth
    if (depth !== this.shape.length || depth !== this.#leafDepth)
      throw new ShapeError(
        `${this.#operation}: expected arrays nested to one depth, got a value at ${at(this.#path)} where others are arrays`,
      )
  }

  #length(depth: number, length: number): void {
    if (this.#leafDepth !== -1 && depth >= this.#leafDepth)
      throw new ShapeError(
        `${this.#operation}: expected arrays nested to one depth, got an array at ${at(this.#path)} where others are values`,
      )
    if (depth >= MAX_DIMS) throw new ShapeError(`${this.#operation}: expected at most ${MAX_DIMS} dimensions`)
    if (depth === this.shape.length) this.shape.push(length)
    else if (this.shape[depth] !== length)
      throw new ShapeError(
        `${this.#operation}: expected arrays of equal length, got ${length} elements at ${at(this.#path)} where others have ${this.shape[depth]}`,
      )
  }

  #array(data: ArrayBufferView): void {
    const dtype = ARRAY_DTYPES[arrayName(data)]
    if (dtype === undefined)
      throw new ArgumentError(
        `${this.#operation}: expected a typed array of numbers, got ${describe(data)} at ${at(this.#path)}`,
      )
    const elements = data as unknown as ArrayLike<number | bigint>
    const depth = this.#path.length
    this.#length(depth, elements.length)
    this.typed ??= dtype
    if (this.typed !== dtype) this.plain = true
    if (elements.length > 0) {
      if (this.#leafDepth === -1) this.#leafDepth = depth + 1
      if (this.#leafDepth !== depth + 1)
        throw new ShapeError(
          `${this.#operation}: expected arrays nested to one depth, got a typed array at ${at(this.#path)}`,
        )
    }
    for (let i = 0; i < elements.length; i++) this.#push(elements[i])
  }

  #tensor(t: Tensor): void {
    if (t.ndim !== 0)
      throw new ShapeError(
        `${this.#operation}: expected 0-d tensors inside of arrays, got one of shape ${formatShape(t.shape)} at ${at(this.#path)}; use stack()`,
      )
    this.#leaf(this.#path.length)
    this.typed ??= t.dtype
    if (this.typed !== t.dtype) this.plain = true
    this.#push(item(t))
  }

  /** The dtype of the data where none was asked for. */
  get inferred(): DType {
    if (this.values.length === 0) return this.typed ?? getDefaultDtype()
    return this.typed !== null && !this.plain ? this.typed : RANK_DTYPES[this.rank]()
  }
}

/** Elements as the bytes of a dtype; half types as float32, to be converted natively. */
function encode(
  operation: string,
  values: readonly (number | bigint | boolean | Complex)[],
  dtype: DType,
): ArrayBufferView {
  const info = DTYPES[dtype]
  const n = values.length
  const fail = (i: number, why: string): never => {
    throw new DTypeError(`${operation}: element ${i} (${describeElement(values[i])}) ${why} ${dtype}`)
  }
  if (isComplex(dtype)) {
    const out = dtype === 'complex64' ? new Float32Array(2 * n) : new Float64Array(2 * n)
    for (let i = 0; i < n; i++) {
      const v = values[i]
      if (typeof v === 'object') {
        out[2 * i] = v.re
        out[2 * i + 1] = v.im
      } else out[2 * i] = Number(v)
    }
    return out
  }
  if (isFloating(dtype)) {
    const out = dtype === 'float64' ? new Float64Array(n) : new Float32Array(n)
    for (let i = 0; i < n; i++) {
      const v = values[i]
      out[i] = typeof v === 'number' ? v : typeof v === 'object' ? fail(i, 'is complex and cannot become') : Number(v)
    }
    return out
  }
  if (dtype === 'bool') {
    const out = new Uint8Array(n)
    for (let i = 0; i < n; i++) {
      const v = values[i]
      out[i] = (typeof v === 'object' ? v.re !== 0 || v.im !== 0 : Number.isNaN(v) || Boolean(v)) ? 1 : 0
    }
    return out
  }
  const bits = BigInt(8 * info.size)
  const low = dtype === 'uint8' ? 0n : -(1n << (bits - 1n))
  const high = dtype === 'uint8' ? 255n : (1n << (bits - 1n)) - 1n
  const out = new info.array(n)
  const wide = dtype === 'int64'
  for (let i = 0; i < n; i++) {
    const v = values[i]
    if (typeof v === 'object') fail(i, 'is complex and cannot become')
    if (typeof v === 'number' && !Number.isFinite(v)) fail(i, 'cannot become')
    const whole = typeof v === 'number' ? Math.trunc(v) : v
    const big = BigInt(whole as number | bigint | boolean)
    if (big < low || big > high) fail(i, 'does not fit in')
    out[i] = (wide ? big : Number(big)) as never
  }
  return out
}

const describeElement = (v: unknown): string => (isComplexValue(v) ? `${v.re}+${v.im}i` : describe(v))

/** Writes host bytes to the start of a contiguous tensor. */
export function writeHost(operation: string, t: Tensor, data: ArrayBufferView): void {
  if (t.storage.meta || data.byteLength === 0) return
  t.storage.write(operation, t.offset * t.elementSize(), data)
}

/** A tensor of `dtype` from host elements that are `from`. */
function upload(
  operation: string,
  data: ArrayBufferView,
  from: DType,
  shape: readonly number[],
  dtype: DType,
  device: Device,
): Tensor {
  const raw = allocate(shape, from, device)
  writeHost(operation, raw, data)
  if (from === dtype) return raw
  const out = allocate(shape, dtype, device)
  kernels.copy(out, raw)
  raw.dispose()
  return out
}

/**
 * Makes a tensor from numbers, nested arrays or a typed array; the data is copied.
 *
 * Without `dtype`: numbers become the default dtype (float32), whole ones too, since JavaScript's 1 and 1.0 are the
 * same; bigints become int64, booleans bool, `{ re, im }` complex64. Typed arrays keep their type: Float32Array is
 * float32, Int32Array int32, BigInt64Array int64, Buffer and Uint8Array uint8; Uint16Array becomes int32, Uint32Array int64.
 *
 * @param data a number, or arrays of equal lengths, nested to one depth
 * @returns a leaf of the data's shape
 * @throws ShapeError when the arrays are ragged, naming the place
 * @throws DTypeError when a value does not fit the dtype
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([[1, 2], [3, 4.5]]).shape) // → [ 2, 2 ]
 * console.log(tensor([1n, 2n]).dtype) // → int64
 * ```
 */
export function tensor(data: NestedData, options: TensorOptions = {}): Tensor {
  return build('tensor', data, options)
}

function build(operation: string, data: NestedData, options: TensorOptions): Tensor {
  if (Tensor.is(data)) {
    const { dtype, device, finish } = resolveOptions(operation, { device: data.device, ...options }, data.dtype)
    const moved = device === data.device ? data : tensorOn(operation, data, device)
    const out = allocate(data.shape, dtype, device)
    kernels.copy(out, moved)
    return finish(out)
  }
  if (ArrayBuffer.isView(data)) {
    const direct = ARRAY_DTYPES[arrayName(data)]
    if (direct !== undefined && DTYPES[direct].size * (data as Uint8Array).length === data.byteLength) {
      const { dtype, device, finish } = resolveOptions(operation, options, direct)
      // A check of every element is due only where the dtype is narrower.
      if (dtype === direct || isFloating(dtype) || isComplex(dtype) || dtype === 'bool')
        return finish(upload(operation, data, direct, [(data as Uint8Array).length], dtype, device))
    }
  }
  const flat = new Flattener(operation)
  flat.visit(data)
  const { dtype, device, finish } = resolveOptions(operation, options, flat.inferred)
  const { kind, compute } = DTYPES[dtype]
  // Half types are converted natively.
  const from = kind === 'float' || kind === 'complex' ? compute : dtype
  return finish(upload(operation, encode(operation, flat.values, from), from, flat.shape, dtype, device))
}

function tensorOn(operation: string, t: Tensor, device: Device): Tensor {
  if (device === 'meta') return allocate(t.shape, t.dtype, device)
  return upload(operation, new Uint8Array(readBytes(operation, t)), t.dtype, t.shape, t.dtype, device)
}

/** The tensor itself where it is one of that dtype and device already, otherwise `tensor(data, options)`. */
export function asTensor(data: NestedData, options: TensorOptions = {}): Tensor {
  if (
    Tensor.is(data) &&
    (options.dtype ?? data.dtype) === data.dtype &&
    (options.device === undefined || checkDevice('as_tensor', options.device) === data.device)
  )
    return data
  return build('as_tensor', data, options)
}

/** What `frombuffer` takes. */
export interface FromBufferOptions {
  readonly dtype: DType
  /** Elements to read; -1 (default) for all. */
  readonly count?: number
  /** Bytes to skip. Default 0. */
  readonly offset?: number
  readonly requiresGrad?: boolean
}

/**
 * A 1-d tensor from the bytes of a buffer or typed array, read as elements of `dtype`; the bytes are copied.
 *
 * @throws ArgumentError when the bytes are not a whole number of elements
 */
export function frombuffer(buffer: ArrayBufferView | ArrayBufferLike, options: FromBufferOptions): Tensor {
  const checked = checkDType('frombuffer', options?.dtype)
  const { count = -1, offset = 0 } = options
  const { finish } = resolveOptions('frombuffer', { device: 'cpu', requiresGrad: options.requiresGrad }, checked)
  // By name: a buffer of another realm is no instance of this one's class.
  if (!ArrayBuffer.isView(buffer) && !/ArrayBuffer\]$/.test(Object.prototype.toString.call(buffer)))
    throw new ArgumentError(`frombuffer: expected a buffer or a typed array, got ${describe(buffer)}`)
  const bytes = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer)
  const { size } = DTYPES[checked]
  if (!Number.isInteger(offset) || offset < 0 || offset > bytes.length)
    throw new ArgumentError(`frombuffer: expected offset in [0, ${bytes.length}], got ${describe(offset)}`)
  const n = count === -1 ? (bytes.length - offset) / size : count
  if (!Number.isInteger(n) || n < 0 || offset + n * size > bytes.length)
    throw new ArgumentError(
      `frombuffer: expected ${count === -1 ? 'a whole number of' : count} ${checked} elements of ${size} bytes, got ${bytes.length - offset} bytes`,
    )
  const part = bytes.subarray(offset, offset + n * size)
  if (checked === 'bool' && part.some((b) => b > 1))
    throw new ArgumentError('frombuffer: expected bytes 0 or 1 for bool')
  return finish(upload('frombuffer', part, checked, [n], checked, 'cpu'))
}

/** A tensor like nothing in particular, of nested data and the dtype and device of `self`. */
export function newTensor(self: Tensor, data: NestedData, options: TensorOptions = {}): Tensor {
  return build('new_tensor', data, { dtype: self.dtype, device: self.device, ...options })
}
