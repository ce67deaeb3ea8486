// The namespace `transforms.functional`: transforms without randomness, on images, masks and boxes.
export * from './color.js'
export type { Fill, FillOf, Interpolation } from './common.js'
export * from './crop.js'
export * from './misc.js'
export { type ResizeOptions, resize } from './resize.js'
export * from './warp.js'
