// The namespace `models`: TorchVision's networks by its names, with its state-dict keys.
export * from './convnext.js'
export * from './detection/index.js'
export * from './efficientnet.js'
export * from './mobilenet-v2.js'
export * from './mobilenet-v3.js'
export { getModel, getModelWeights, listModels, loadModel, type ModelOptions, registry } from './registry.js'
export * from './resnet.js'
export {
  DeepLabV3,
  deeplabv3_mobilenet_v3_large,
  deeplabv3_resnet50,
  deeplabv3_resnet101,
  FCN,
  fcn_resnet50,
  fcn_resnet101,
  IntermediateLayerGetter,
  LRASPP,
  lraspp_mobilenet_v3_large,
  SegmentationModel,
  type SegmentationOptions,
  type SegmentationResult,
} from './segmentation.js'
export * from './vgg.js'
export * from './vision-transformer.js'
