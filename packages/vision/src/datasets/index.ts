export { CIFAR10, CIFAR100, type CIFAROptions } from './cifar.js'
export { type CocoAnnotation, CocoDetection, type CocoImage, type CocoOptions, cocoTarget } from './coco.js'
export { EMNIST, type EMNISTSplit } from './emnist.js'
export {
  DatasetFolder,
  type DatasetFolderOptions,
  type FolderOptions,
  IMG_EXTENSIONS,
  ImageFolder,
  type ImageFolderOptions,
} from './folder.js'
export { readIdx } from './idx.js'
export type { LabelledImages, LabelledImagesOptions } from './labelled-images.js'
export { FashionMNIST, KMNIST, MNIST, type MNISTOptions } from './mnist.js'
export { OxfordIIITPet, type OxfordIIITPetOptions, type PetTarget } from './oxford-pet.js'
export { QMNIST, type QMNISTOptions, type QMNISTPart } from './qmnist.js'
