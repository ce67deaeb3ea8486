// The namespace `ops`: what detectors and other networks of images need beyond `nn`.
export {
  type BoxFormat,
  boxArea,
  boxConvert,
  boxIou,
  clipBoxesToImage,
  completeBoxIou,
  distanceBoxIou,
  generalizedBoxIou,
  masksToBoxes,
  removeSmallBoxes,
} from './boxes.js'
export * from './dropping.js'
export * from './feature-pyramid.js'
export * from './layers.js'
export * from './losses.js'
export { batchedNms, nms } from './nms.js'
export * from './regions.js'
