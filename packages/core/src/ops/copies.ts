// Operators that copy: clone, contiguous, conversion, copy_.

import { gradMode } from '../autograd/mode.js'
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { checkDevice, type Device, isCuda, isDeviceName } from '../tensor/device.js'
import { checkDType, type DType } from '../tensor/dtype.js'
import { contiguousStrides, formatShape } from '../tensor/shape.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import { composite, primitive } from './dispatch.js'
import { checkWritable, contiguousRaw, write } from './inplace.js'
import { type FunctionOp, type Op, saving } from './record.js'
import { expand, permute } from './views.js'

/** The order in which elements lie in memory: row-major, or with the channels of [N, C, …] innermost. */
export type MemoryFormat = 'contiguous_format' | 'preserve_format' | 'channels_last' | 'channels_last_3d'

/** The options of `clone` and `contiguous`. */
export interface FormatOptions {
  /** How the elements of the result lie. Default: row-major. */
  readonly memoryFormat?: MemoryFormat
}

/** The order of dimensions with the channels last, and back. */
function channelsLast(operation: string, self: Tensor, format: MemoryFormat): [last: number[], back: number[]] {
  const ndim = format === 'channels_last' ? 4 : format === 'channels_last_3d' ? 5 : 0
  if (ndim === 0) throw new ArgumentError(`${operation}: expected a memory format, got ${describe(format)}`)
  if (self.ndim !== ndim)
    throw new ShapeError(
      `${operation}: expected ${ndim} dimensions for ${format}, got shape ${formatShape(self.shape)}`,
    )
  const spatial = Array.from({ length: ndim - 2 }, (_, i) => i)
  return [
    [0, ...spatial.map((i) => i + 2), 1],
    [0, ndim - 1, ...spatial.map((i) => i + 1)],
  ]
}

const isRowMajor = (format: MemoryFormat | undefined): boolean =>
  format === undefined || format === null || format === 'contiguous_format' || format === 'preserve_format'

/** A contiguous copy, or one in another memory format, with history. @returns same shape and dtype */
export const clone: Op<[self: Tensor, options?: FormatOptions]> = primitive({
  signature: 'clone(self, {memoryFormat})',
  forward(self: Tensor, { memoryFormat }: FormatOptions = {}) {
    let out: Tensor
    if (memoryFormat === undefined || isRowMajor(memoryFormat)) out = allocate(self.shape, self.dtype, self.device)
    else {
      const [last, back] = channelsLast('clone', self, memoryFormat)
      const made = allocate(
        last.map((d) => self.shape[d]),
        self.dtype,
        self.device,
      )
      out = alias(
        made,
        self.shape,
        back.map((d) => made.strides[d]),
      )
    }
    kernels.copy(out, self)
    return saving(out)
  },
  backward: (grad) => [grad],
})

/** A copy with the given strides, or a contiguous one where those would make elements share memory. */
export const cloneAs: FunctionOp<[input: Tensor, strides: readonly number[]], Tensor> = primitive({
  signature: '_clone_as(input, strides)',
  forward(self: Tensor, strides: readonly number[]) {
    const { shape, dtype, device } = self
    if (shape.some((n, i) => n > 1 && strides[i] <= 0)) {
      const out = allocate(shape, dtype, device)
      kernels.copy(out, self)
      return saving(out)
    }
    const span = self.numel() === 0 ? 0 : shape.reduce((n, size, i) => n + (size - 1) * strides[i], 1)
    const out = alias(allocate([span], dtype, device), shape, strides)
    kernels.copy(out, self)
    return saving(out)
  },
  backward: (grad) => [grad],
})

/** The tensor itself where it is contiguous, or lies in the memory format asked for, otherwise a copy that does. */
export const contiguous: Op<[self: Tensor, options?: FormatOptions]> = composite(
  'contiguous(self, {memoryFormat})',
  (self: Tensor, { memoryFormat }: FormatOptions = {}): Tensor =>
    isRowMajor(memoryFormat) ? (self.isContiguous() ? self : clone(self)) : inFormat('contiguous', self, memoryFormat),
)

/** The same values without history, in the same memory. */
export const detach: Op<[self: Tensor]> = primitive({
  signature: 'detach(self)',
  forward: (self: Tensor) => saving(alias(self)),
})

const cast: Op<[self: Tensor, dtype: DType]> = primitive({
  signature: '_cast(self, dtype)',
  forward(self: Tensor, dtype: DType) {
    const out = allocate(self.shape, dtype, self.device)
    kernels.copy(out, self)
    return saving(out)
  },
  // The engine converts the gradient back.
  backward: (grad) => [grad],
})

/** A copy in pinned memory. */
export const pinned: Op<[self: Tensor]> = primitive({
  signature: '_pin_memory(self)',
  forward(self: Tensor) {
    const { shape, dtype } = self
    const storage = Storage.allocatePinned(self.numel() * self.elementSize())
    const out = new Tensor(storage, dtype, shape, contiguousStrides(shape), 0)
    kernels.copy(out, self)
    return saving(out)
  },
  backward: (grad) => [grad],
})

const move: Op<[self: Tensor, device: Device, nonBlocking: boolean]> = primitive({
  signature: '_move(self, device, non_blocking)',
  forward(self: Tensor, device: Device, nonBlocking: boolean) {
    const out = allocate(self.shape, self.dtype, device)
    // What is not pinned is copied by this thread all the same, before the call returns.
    if (nonBlocking && isCuda(device) && self.numel() > 0 && self.isPinned()) {
      const source = contiguousRaw(self)
      if (source.isPinned()) {
        out.storage.copyPinned('to', source.storage, source.offset * self.elementSize())
        return saving(out, self.device)
      }
    }
    if (!out.storage.meta) {
      const source = contiguousRaw(self)
      const bytes = new Uint8Array(out.storage.nbytes)
      source.storage.read('to', source.offset * self.elementSize(), bytes)
      out.storage.write('to', 0, bytes)
    }
    return saving(out, self.device)
  },
  backward: (grad, [device]) => [move(grad, device, false)],
})

/** Whether the strides are those of channels last: what such a tensor is made row-major from. */
function liesChannelsLast({ shape, strides, ndim }: Tensor): boolean {
  if ((ndim !== 4 && ndim !== 5) || strides[1] === 0) return false
  let least = 0
  for (const d of [1, ...Array.from({ length: ndim - 2 }, (_, i) => ndim - 1 - i), 0]) {
    if (shape[d] === 0 || strides[d] < least || (d === 0 && least === strides[1])) return false
    least = strides[d] * Math.max(1, shape[d])
  }
  return true
}

/** The tensor in a memory format: itself where it lies so already. */
function inFormat(operation: string, self: Tensor, format: MemoryFormat | undefined): Tensor {
  if (format === undefined || format === null || format === 'preserve_format') return self
  // As in PyTorch, only what lies channels last is brought into another order.
  if (format === 'contiguous_format') return liesChannelsLast(self) ? contiguous(self) : self
  const [last, back] = channelsLast(operation, self, format)
  return permute(contiguous(permute(self, last)), back)
}

/** The options of `to`. */
export interface ToOptions {
  readonly dtype?: DType
  readonly device?: Device
  /** Copy even where nothing changes. Default false. */
  readonly copy?: boolean
  /**
   * Return before a copy from pinned memory to a CUDA device is done: what is asked of the device later waits for it, and the source is to be left
   * as it is until then. Other copies are done first. Default false.
   */
  readonly nonBlocking?: boolean
  /** The order in which the elements lie; a copy is made where they do not. Default: as they are. */
  readonly memoryFormat?: MemoryFormat
}

/**
 * The tensor in another dtype, on another device, or both; the tensor itself where nothing changes.
 *
 * @param target a dtype, a device, or options
 * @param more further options, where `target` is a dtype or a device
 */
export const to: Op<[self: Tensor, target: DType | Device | ToOptions, more?: ToOptions]> = composite(
  'to(self, {dtype, device, non_blocking, copy, memoryFormat})',
  (self: Tensor, target: DType | Device | ToOptions, more: ToOptions = {}): Tensor => {
    const options: ToOptions =
      typeof target !== 'string'
        ? target
        : isDeviceName(target)
          ? { ...more, device: target }
          : { ...more, dtype: target }
    const dtype = options.dtype === undefined ? self.dtype : checkDType('to', options.dtype)
    const device = options.device === undefined ? self.device : checkDevice('to', options.device)
    let result = self
    if (dtype !== self.dtype) result = cast(result, dtype)
    if (device !== self.device) result = move(result, device, options.nonBlocking === true)
    result = inFormat('to', result, options.memoryFormat)
    return result === self && options.copy ? clone(self) : result
  },
)

/** Overwrites `self` with the values of `source`, broadcast and converted. @returns `self` */
export function copy_(self: Tensor, source: Tensor): Tensor {
  for (const t of [self, source])
    if (!(t instanceof Tensor)) throw new ArgumentError(`copy_: expected two tensors, got ${describe(t)}`)
  checkWritable('copy_', self, gradMode.enabled && (self.requiresGrad || source.requiresGrad))
  const broadcast = expand(source, self.shape)
  return write(
    'copy_',
    self,
    to(broadcast.storage === self.storage ? clone(broadcast) : broadcast, { dtype: self.dtype, device: self.device }),
    true,
  )
}
