// QMNIST: MNIST's digits with where each came from, and the 50,000 test digits that MNIST left out.
import { ArgumentError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { idxFolders, LabelledImages, type LabelledImagesOptions, readLabelledImages } from './labelled-images.js'
import { MNIST } from './mnist.js'

const PARTS = {
  train: 'qmnist-train',
  test: 'qmnist-test',
  test10k: 'qmnist-test',
  test50k: 'qmnist-test',
  nist: 'xnist',
}
/** The parts of QMNIST. */
export type QMNISTPart = keyof typeof PARTS

/** Of the 60,000 test digits, these are MNIST's. */
const SHARED_WITH_MNIST = 10_000
/** Class, NIST's series, writer, number among the writer's, class by NIST, position in NIST's file, and two that are 0. */
const COLUMNS = 8

const BASE = 'https://raw.githubusercontent.com/facebookresearch/qmnist/master'
const resource = (file: string, digest: string): Resource => ({
  path: `QMNIST/raw/${file}.gz`,
  url: `${BASE}/${file}.gz`,
  checksum: { algorithm: 'md5', digest },
})

/** The options of `QMNIST`. */
export interface QMNISTOptions<X, Y, Compat extends boolean>
  extends LabelledImagesOptions<X, Y, Compat extends true ? number : Tensor> {
  /** Default: 'train' or 'test', as `train` says. */
  readonly what?: QMNISTPart
  /** Whether labels are classes, as MNIST's, and not all that is known, int64 of shape [8]. Default true. */
  readonly compat?: Compat
  /** Default true. */
  readonly train?: boolean
}

/**
 * MNIST's digits made anew from NIST's forms, with all that is known of each (Yadav and Bottou, 2019, arXiv:1905.10498):
 * 60,000 to train on, MNIST's 10,000 to test (`test10k`), 50,000 more (`test50k`), or all of NIST's 402,953 (`nist`).
 *
 * The files are the original ones, such as `qmnist-train-images-idx3-ubyte` and `qmnist-train-labels-idx2-int`, gzipped or
 * not. Those of `nist` are published as .xz: unpack them first.
 *
 * @throws ArgumentError where a file is missing
 * @throws FormatError for a truncated or corrupt file
 */
export class QMNIST<
  X = Tensor,
  Compat extends boolean = true,
  Y = Compat extends true ? number : Tensor,
> extends LabelledImages<X, Y, Compat extends true ? number : Tensor> {
  static readonly resources: readonly Resource[] = [
    resource('qmnist-train-images-idx3-ubyte', 'ed72d4157d28c017586c42bc6afe6370'),
    resource('qmnist-train-labels-idx2-int', '0058f8dd561b90ffdd0f734c6a30e5e4'),
    resource('qmnist-test-images-idx3-ubyte', '1394631089c404de565df7b7aeaf9412'),
    resource('qmnist-test-labels-idx2-int', '5b5b05890a5e13444e108efe57b788aa'),
  ]
  static readonly classes: readonly string[] = MNIST.classes

  /** Downloads the files of 'train' and of 'test', where they are not there yet. */
  static async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('QMNIST', root, QMNIST.resources, options)
  }

  readonly what: QMNISTPart
  readonly classes: readonly string[] = QMNIST.classes

  /** @param root a folder with the files, or the `root` that TorchVision downloaded to */
  constructor(root: string, options: QMNISTOptions<X, Y, Compat> = {}) {
    const { train = true, compat = true, what = train ? 'train' : 'test' } = options
    if (typeof what !== 'string' || !Object.hasOwn(PARTS, what))
      throw new ArgumentError(
        `QMNIST: expected what to be one of ${Object.keys(PARTS).join(', ')}, got ${describe(what)}`,
      )
    const folders = idxFolders('QMNIST', root)
    const read = readLabelledImages(
      what === 'nist' ? { ...folders, remedy: `unpack the files at ${BASE} with xz` } : folders,
      [`${PARTS[what]}-images-idx3-ubyte`, `${PARTS[what]}-labels-idx2-int`],
      QMNIST.classes.length,
      COLUMNS,
    )
    const total = read.images.shape[0]
    const first = Math.min(SHARED_WITH_MNIST, total)
    const [start, count] = what === 'test10k' ? [0, first] : what === 'test50k' ? [first, total - first] : [0, total]
    const images = read.images.narrow(0, start, count)
    const targets = read.labels.narrow(0, start, count)
    super(images, targets, options, compat ? targets.select(1, 0) : targets)
    this.what = what
  }
}
