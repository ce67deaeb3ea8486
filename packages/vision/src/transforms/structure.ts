// Samples are nested arrays and objects; transforms act on the tensors in them.
import { ArgumentError, Tensor } from '@flambeau/core'
import { BoundingBoxes, Image, Mask, TVTensor, Video } from '../tv-tensors.js'

/** Calls `fn` on each leaf of nested arrays and plain objects, and builds the same structure of the results. */
export function mapLeaves(value: unknown, fn: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, fn))
  if (isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapLeaves(item, fn)]))
  return fn(value)
}

export function leavesOf(value: unknown): unknown[] {
  const leaves: unknown[] = []
  mapLeaves(value, (leaf) => {
    leaves.push(leaf)
    return leaf
  })
  return leaves
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Whether a tensor is taken for an image: a plain one is, unless the sample says what its images are. */
export const isImage = (leaf: unknown): leaf is Tensor =>
  leaf instanceof Image || leaf instanceof Video || (leaf instanceof Tensor && !(leaf instanceof TVTensor))

/**
 * The leaves that a transform acts on. A plain tensor counts as an image only where there is neither an `Image` nor a
 * `Video`, and then the first one alone: others are labels.
 */
export function transformable(leaves: readonly unknown[]): boolean[] {
  let images = leaves.some((leaf) => leaf instanceof Image || leaf instanceof Video)
  return leaves.map((leaf) => {
    if (leaf instanceof TVTensor) return true
    if (!(leaf instanceof Tensor) || images) return false
    images = true
    return true
  })
}

/** Height and width of a leaf. */
export function sizeOf(leaf: Tensor): [height: number, width: number] {
  if (leaf instanceof BoundingBoxes) return [...leaf.canvasSize]
  if (leaf.ndim < 2)
    throw new ArgumentError(`expected an image [..., H, W], got a tensor of shape [${leaf.shape.join(', ')}]`)
  return [leaf.shape[leaf.ndim - 2], leaf.shape[leaf.ndim - 1]]
}

/** The one size of the images, masks and boxes among leaves. */
export function querySize(operation: string, leaves: readonly unknown[]): [height: number, width: number] {
  const acted = transformable(leaves)
  const sizes = leaves.flatMap((leaf, i) => (acted[i] && leaf instanceof Tensor ? [sizeOf(leaf)] : []))
  if (sizes.length === 0)
    throw new ArgumentError(`${operation}: expected an image, a mask or boxes in the sample, got none`)
  const [[height, width]] = sizes
  const odd = sizes.find(([h, w]) => h !== height || w !== width)
  if (odd)
    throw new ArgumentError(
      `${operation}: expected images, masks and boxes of one size, got ${height} × ${width} and ${odd[0]} × ${odd[1]}`,
    )
  return [height, width]
}

/** The channels of the image or video among leaves. */
export function queryChannels(operation: string, leaves: readonly unknown[]): number {
  const acted = transformable(leaves)
  const image = leaves.find((leaf, i): leaf is Tensor => acted[i] && isImage(leaf) && !(leaf instanceof Mask))
  if (image === undefined) throw new ArgumentError(`${operation}: expected an image in the sample, got none`)
  return image.shape[image.ndim - 3] ?? 1
}
