// The namespace `transforms`: TorchVision's transforms, second version.
export {
  type AugmentName,
  type AugmentOptions,
  AutoAugment,
  type AutoAugmentPolicy,
  RandAugment,
  type RandAugmentOptions,
  type TrivialAugmentOptions,
  TrivialAugmentWide,
} from './auto-augment.js'
export { FixedTransform, RandomApplied, Transform } from './base.js'
export * from './color.js'
export * from './containers.js'
export * as functional from './functional/index.js'
export {
  CenterCrop,
  FiveCrop,
  Pad,
  type PadTransformOptions,
  RandomCrop,
  type RandomCropOptions,
  RandomHorizontalFlip,
  RandomIoUCrop,
  type RandomIoUCropOptions,
  RandomResizedCrop,
  type RandomResizedCropOptions,
  RandomShortestSize,
  RandomVerticalFlip,
  RandomZoomOut,
  type RandomZoomOutOptions,
  Resize,
  ScaleJitter,
  type ScaleJitterOptions,
  TenCrop,
} from './geometry.js'
export * from './misc.js'
export * from './mix.js'
export * from './warps.js'
