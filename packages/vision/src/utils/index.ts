// The namespace `utils`: showing images and what is in them.
export {
  type Color,
  type DrawBoxesOptions,
  type DrawMasksOptions,
  drawBoundingBoxes,
  drawSegmentationMasks,
} from './draw.js'
export { type GridOptions, makeGrid, saveImage } from './grid.js'
