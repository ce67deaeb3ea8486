// Small photographs of 10 or 100 kinds (Krizhevsky, 2009: https://www.cs.toronto.edu/~kriz/cifar.html).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, cat, data, FormatError, loadPickle, Tensor, tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { checkIndex, type FolderOptions } from './folder.js'

/** The options of `CIFAR10` and `CIFAR100`. */
export interface CIFAROptions<X = Tensor, Y = number> extends FolderOptions<Tensor, X, Y> {
  /** The training part or the test part. Default true. */
  readonly train?: boolean
}

/**
 * 60,000 photographs of 32 × 32 pixels, of 10 kinds; of each the image, uint8 [3, 32, 32], and its kind. The files are
 * the original ones for Python, unpacked: `cifar-10-batches-py`.
 *
 * @throws ArgumentError where a file is missing
 * @throws FormatError for a damaged file
 */
export class CIFAR10<X = Tensor, Y = number> extends data.Dataset<[X, Y]> {
  /** The folder that the archive unpacks to. */
  static readonly folder: string = 'cifar-10-batches-py'
  static readonly resources: readonly Resource[] = [
    {
      path: 'cifar-10-python.tar.gz',
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz',
      checksum: { algorithm: 'md5', digest: 'c58f30108f718f92721af3b95e74349a' },
      extractTo: 'cifar-10-batches-py',
    },
  ]
  static readonly trainFiles: readonly string[] = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`)
  static readonly testFiles: readonly string[] = ['test_batch']
  static readonly metaFile: string = 'batches.meta'
  /** What the lists of kinds and of their names are called. */
  static readonly keys: readonly [labels: string, names: string] = ['labels', 'label_names']

  /** Downloads and unpacks the files, where they are not there yet. */
  static async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources(CIFAR10.name, root, CIFAR10.resources, options)
  }

  /** All images, uint8, [N, 3, 32, 32]. */
  readonly data: Tensor
  /** The kind of each. */
  readonly targets: readonly number[]
  /** The names of the kinds. */
  readonly classes: readonly string[]
  readonly #options: CIFAROptions<X, Y>

  /** @param root the folder that holds the unpacked folder */
  constructor(root: string, options: CIFAROptions<X, Y> = {}) {
    super()
    const { name, folder, trainFiles, testFiles, metaFile, keys } = new.target
    const read = (file: string): Record<string, unknown> => {
      const path = join(root, folder, file)
      if (!existsSync(path))
        throw new ArgumentError(`${name}: expected the file ${path}, there is none; call await ${name}.download(root)`)
      const value: unknown = loadPickle(path)
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new FormatError(`${path}: expected a dict, as CIFAR's batches are`)
      return value as Record<string, unknown>
    }
    const batches = ((options.train ?? true) ? trainFiles : testFiles).map((file) => {
      const { data: pixels, [keys[0]]: labels } = read(file)
      if (!(pixels instanceof Tensor) || pixels.dtype !== 'uint8' || pixels.ndim !== 2 || pixels.shape[1] !== 3072)
        throw new FormatError(`${join(root, folder, file)}: expected images as uint8 [N, 3072]`)
      if (!Array.isArray(labels) || labels.length !== pixels.shape[0] || !labels.every(Number.isInteger))
        throw new FormatError(`${join(root, folder, file)}: expected ${pixels.shape[0]} integers for ${keys[0]}`)
      return { pixels, labels: labels as number[] }
    })
    this.data = cat(
      batches.map(({ pixels }) => pixels),
      0,
    ).view([-1, 3, 32, 32])
    this.targets = batches.flatMap(({ labels }) => labels)
    const { [keys[1]]: names } = read(metaFile)
    if (!Array.isArray(names) || !names.every((label) => typeof label === 'string'))
      throw new FormatError(`${join(root, folder, metaFile)}: expected a list of names for ${keys[1]}`)
    this.classes = names
    const strange = this.targets.find((label) => label < 0 || label >= names.length)
    if (strange !== undefined)
      throw new FormatError(`${name}: expected kinds below ${names.length}, got ${strange} in ${root}`)
    this.#options = options
    const { transform, targetTransform } = options
    if (!transform && !targetTransform) {
      const rows = new data.TensorDataset(this.data, tensor([...this.targets], { dtype: 'int64' }))
      this.getBatch = (indices) => rows.getBatch(indices)
    }
  }

  /** Only where nothing has to be done sample by sample. */
  getBatch?: (indices: readonly number[]) => [Tensor, Tensor]

  get length(): number {
    return this.targets.length
  }

  get(index: number): [X, Y] {
    const at = checkIndex(this.constructor.name, index, this.length)
    const { transform, targetTransform } = this.#options
    const [image, label] = [this.data.select(0, at), this.targets[at]]
    return [
      (transform ? data.applyTransform(transform, image) : image) as X,
      (targetTransform ? data.applyTransform(targetTransform, label) : label) as Y,
    ]
  }
}

/** Photographs of 100 kinds, in the folder `cifar-100-python`. @see CIFAR10 */
export class CIFAR100<X = Tensor, Y = number> extends CIFAR10<X, Y> {
  static override readonly folder: string = 'cifar-100-python'
  static override readonly resources: readonly Resource[] = [
    {
      path: 'cifar-100-python.tar.gz',
      url: 'https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz',
      checksum: { algorithm: 'md5', digest: 'eb9058c3a382ffc7106e4002c42a8d85' },
      extractTo: 'cifar-100-python',
    },
  ]
  static override readonly trainFiles: readonly string[] = ['train']
  static override readonly testFiles: readonly string[] = ['test']
  static override readonly metaFile: string = 'meta'
  static override readonly keys: readonly [string, string] = ['fine_labels', 'fine_label_names']

  static override async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources(CIFAR100.name, root, CIFAR100.resources, options)
  }
}
