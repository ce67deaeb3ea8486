export { AnchorGenerator } from './anchors.js'
export { type Backbone, type BackboneOptions, BackboneWithFPN, mobilenetFpn, resnetFpn } from './backbones.js'
export { BoxCoder } from './boxes.js'
export * from './faster-rcnn.js'
export { FastRCNNConvFCHead, FastRCNNPredictor, RoIHeads, type RoIHeadsOptions, TwoMLPHead } from './roi-heads.js'
export { RegionProposalNetwork, RPNHead, type RPNOptions } from './rpn.js'
export {
  type Detection,
  type DetectionTransformOptions,
  GeneralizedRCNNTransform,
  type ImageList,
  type Target,
} from './transform.js'
