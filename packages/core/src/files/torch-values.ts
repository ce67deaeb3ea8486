// What a PyTorch file speaks of, before any of its data is read.
import { DTYPES, type DType } from '../tensor/dtype.js'
import { FOREIGN } from './foreign.js'

/** An element type that files have and tensors do not. */
export type ForeignName = keyof typeof FOREIGN
const isForeign = (type: DType | ForeignName): type is ForeignName => type in FOREIGN

/** PyTorch's names of storages, each of one dtype; null where it has none of its own. */
export const STORAGE_NAMES: { readonly [D in DType]: string | null } = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  int16: 'ShortStorage',
  int32: 'IntStorage',
  int64: 'LongStorage',
  bool: 'BoolStorage',
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
  complex32: null,
}

/** The class of a storage. */
export class StorageType {
  readonly dtype: DType
  constructor(dtype: DType) {
    this.dtype = dtype
  }
}

/** A storage of the file. */
export class StoredStorage {
  readonly key: string
  readonly dtype: DType
  readonly numel: number
  /** Whether tensors of larger elements read these bytes, of which nothing tells the words. */
  untyped = false
  constructor(key: string, dtype: DType, numel: number) {
    this.key = key
    this.dtype = dtype
    this.numel = numel
  }

  get nbytes(): number {
    return this.numel * DTYPES[this.dtype].size
  }
}

/** A storage, or a part of one, as old files may name it. */
export class StorageRef {
  readonly root: StoredStorage
  /** In elements. */
  readonly offset: number
  readonly numel: number
  constructor(root: StoredStorage, offset: number, numel: number) {
    this.root = root
    this.offset = offset
    this.numel = numel
  }
}

/** A tensor of the file. */
export class StoredTensor {
  /** Null for a meta tensor, which has no data. */
  readonly storage: StorageRef | null
  readonly dtype: DType
  /** The element type of the file where it is no dtype here. */
  readonly foreign: ForeignName | null
  /** In elements, from the beginning of the root storage. */
  readonly offset: number
  readonly size: readonly number[]
  readonly stride: readonly number[]
  requiresGrad: boolean
  /** Whether the values are to be conjugated or negated: PyTorch keeps such views without computing them. */
  conj = false
  neg = false

  constructor(
    storage: StorageRef | null,
    type: DType | ForeignName,
    offset: number,
    size: readonly number[],
    stride: readonly number[],
    requiresGrad: boolean,
  ) {
    this.storage = storage
    this.foreign = isForeign(type) ? type : null
    this.dtype = isForeign(type) ? FOREIGN[type].dtype : type
    this.offset = offset
    this.size = size
    this.stride = stride
    this.requiresGrad = requiresGrad
  }
}

/** An nn.Parameter of the file. */
export class StoredParameter {
  readonly data: StoredTensor
  readonly requiresGrad: boolean
  constructor(data: StoredTensor, requiresGrad: boolean) {
    this.data = data
    this.requiresGrad = requiresGrad
  }
}

/** A dtype as a value; also one that files have and tensors do not. */
export class DTypeValue {
  readonly dtype: DType | ForeignName
  constructor(dtype: DType | ForeignName) {
    this.dtype = dtype
  }
}

/** The bytes of an element in the file. */
export const storedSize = (type: DType | ForeignName): number => DTYPES[isForeign(type) ? FOREIGN[type].raw : type].size

/** The shape without what expanding adds: a dimension of stride 0 is one element again and again. */
export const compact = (size: readonly number[], stride: readonly number[]): number[] =>
  size.map((n, i) => (stride[i] === 0 ? Math.min(n, 1) : n))
