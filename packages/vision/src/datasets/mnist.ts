// MNIST and the data sets that have its files' names.
import type { Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { idxFolders, LabelledImages, type LabelledImagesOptions, readLabelledImages } from './labelled-images.js'

/** The four files of a data set in MNIST's format. @param digests MD5, in the order of the names */
function mnistResources(folder: string, bases: readonly string[], digests: readonly string[]): Resource[] {
  return ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((name, i) => ({
    path: `${folder}/raw/${name}-ubyte.gz`,
    url: bases.map((base) => `${base}${name}-ubyte.gz`),
    checksum: { algorithm: 'md5', digest: digests[i] },
  }))
}

/** The options of `MNIST`. */
export interface MNISTOptions<X = Tensor, Y = number> extends LabelledImagesOptions<X, Y> {
  /** The training part or the test part. Default true. */
  readonly train?: boolean
}

/**
 * Handwritten digits: 60,000 to train on and 10,000 to test, of 28 × 28 pixels
 * (LeCun, Cortes and Burges: http://yann.lecun.com/exdb/mnist/).
 *
 * The files are the original ones, gzipped or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
 * `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`.
 *
 * @throws ArgumentError where a file is missing
 * @throws FormatError for a truncated or corrupt file
 */
export class MNIST<X = Tensor, Y = number> extends LabelledImages<X, Y> {
  /** The name of the folder that TorchVision keeps the files in. */
  static readonly folder: string = 'MNIST'
  static readonly resources: readonly Resource[] = mnistResources(
    'MNIST',
    ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
    [
      'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'd53e105ee54ea40749a09fcbcd1e9432',
      '9fb629c4189551a2d022fa330f9573f3',
      'ec29112dd5afa0611ce80d1b7f02629c',
    ],
  )

  /** Downloads the files, where they are not there yet. */
  static async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('MNIST', root, MNIST.resources, options)
  }

  /** What each label stands for. */
  static readonly classes: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

  readonly classes: readonly string[]

  /** @param root a folder with the files, or the `root` that TorchVision downloaded to */
  constructor(root: string, options: MNISTOptions<X, Y> = {}) {
    const { folder, classes } = new.target
    const part = (options.train ?? true) ? 'train' : 't10k'
    const { images, labels } = readLabelledImages(
      idxFolders(folder, root),
      [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`],
      classes.length,
    )
    super(images, labels, options)
    this.classes = classes
  }
}

/** Pictures of clothing in MNIST's format (Xiao, Rasul and Vollgraf, arXiv:1708.07747). */
export class FashionMNIST<X = Tensor, Y = number> extends MNIST<X, Y> {
  static override readonly folder: string = 'FashionMNIST'
  static override readonly resources: readonly Resource[] = mnistResources(
    'FashionMNIST',
    ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
    [
      '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      '25c81989df183df01b3e8a0aad5dffbe',
      'bef4ecab320f06d8554ea6380940ec79',
      'bb300cfdad3c16e7a12a480ee83cd310',
    ],
  )
  static override readonly classes: readonly string[] = [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ]

  static override async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('FashionMNIST', root, FashionMNIST.resources, options)
  }
}

/** Ten Japanese characters in old handwriting (Clanuwat et al., 2018, arXiv:1812.01718). */
export class KMNIST<X = Tensor, Y = number> extends MNIST<X, Y> {
  static override readonly folder: string = 'KMNIST'
  static override readonly resources: readonly Resource[] = mnistResources(
    'KMNIST',
    ['http://codh.rois.ac.jp/kmnist/dataset/kmnist/'],
    [
      'bdb82020997e1d708af4cf47b453dcf7',
      'e144d726b3acfaa3e44228e80efcd344',
      '5c965bf0a639b31b8f53240b1b52f4d7',
      '7320c461ea6c1c855c0b718fb2a4b134',
    ],
  )
  static override readonly classes: readonly string[] = ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo']

  static override async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('KMNIST', root, KMNIST.resources, options)
  }
}
