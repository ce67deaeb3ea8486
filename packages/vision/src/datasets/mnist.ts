// MNIST and the data sets in its format.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, data, FormatError, type Tensor } from '@flambeau/core'
import { readIdx } from './idx.js'

/** The options of `MNIST`. */
export interface MNISTOptions<X = Tensor, Y = number> {
  /** The training part or the test part. Default true. */
  readonly train?: boolean
  /** Makes of each image, uint8 of shape [1, 28, 28], what the data set gives. */
  readonly transform?: data.Transform<Tensor, X>
  /** Makes of each label what the data set gives. */
  readonly targetTransform?: data.Transform<number, Y>
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
export class MNIST<X = Tensor, Y = number> extends data.Dataset<[X, Y]> {
  /** The name of the folder that TorchVision keeps the files in. */
  static readonly folder: string = 'MNIST'
  /** What each label stands for. */
  static readonly classes: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

  /** All images, uint8, [N, 28, 28]. */
  readonly data: Tensor
  /** All labels, int64, [N]. */
  readonly targets: Tensor
  readonly #labels: readonly number[]
  readonly #options: MNISTOptions<X, Y>

  /** @param root a folder with the files, or the `root` that TorchVision downloaded to */
  constructor(root: string, options: MNISTOptions<X, Y> = {}) {
    super()
    const { folder, classes } = new.target
    const part = (options.train ?? true) ? 'train' : 't10k'
    const find = (name: string) => findFile(folder, root, `${part}-${name}`)
    const images = readIdx(find('images-idx3-ubyte'))
    const labels = readIdx(find('labels-idx1-ubyte'))
    if (images.ndim !== 3 || labels.ndim !== 1 || images.dtype !== 'uint8' || images.shape[0] !== labels.shape[0])
      throw new FormatError(
        `${folder}: expected uint8 images [N, height, width] and labels [N], got ${images.dtype} [${images.shape.join(', ')}] and [${labels.shape.join(', ')}] in ${root}`,
      )
    this.data = images
    this.targets = labels.to('int64')
    this.#labels = labels.toArray() as number[]
    const strange = this.#labels.find((label) => label < 0 || label >= classes.length)
    if (strange !== undefined)
      throw new FormatError(`${folder}: expected labels below ${classes.length}, got ${strange} in ${root}`)
    this.#options = options
    const { transform, targetTransform } = options
    if (!transform && !targetTransform) this.getBatch = (indices) => this.#rows(indices)
  }

  get classes(): readonly string[] {
    return (this.constructor as typeof MNIST).classes
  }

  get length(): number {
    return this.data.shape[0]
  }

  get(index: number): [X, Y] {
    const { transform, targetTransform } = this.#options
    const image = this.data.select(0, index).unsqueeze(0)
    const label = this.#labels.at(index) as number
    return [
      transform ? data.applyTransform(transform, image) : (image as X),
      targetTransform ? data.applyTransform(targetTransform, label) : (label as Y),
    ]
  }

  /** Only where nothing has to be done sample by sample. */
  getBatch?: (indices: readonly number[]) => [Tensor, Tensor]

  #rows(indices: readonly number[]): [Tensor, Tensor] {
    const [images, labels] = new data.TensorDataset(this.data, this.targets).getBatch(indices)
    return [images.unsqueeze(1), labels]
  }
}

/** Pictures of clothing in MNIST's format (Xiao, Rasul and Vollgraf, arXiv:1708.07747). */
export class FashionMNIST<X = Tensor, Y = number> extends MNIST<X, Y> {
  static override readonly folder = 'FashionMNIST'
  static override readonly classes = [
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
}

function findFile(folder: string, root: string, name: string): string {
  const places = [root, join(root, folder, 'raw')]
  for (const place of places)
    for (const suffix of ['', '.gz']) {
      const path = join(place, name + suffix)
      if (existsSync(path)) return path
    }
  throw new ArgumentError(`${folder}: expected the file ${name} or ${name}.gz in ${places.join(' or ')}, got neither`)
}
