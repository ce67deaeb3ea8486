// EMNIST: letters and digits in MNIST's format.
import { ArgumentError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { idxFolders, LabelledImages, readLabelledImages } from './labelled-images.js'
import { MNIST, type MNISTOptions } from './mnist.js'

const DIGITS = [...'0123456789']
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']
const ALL = [...DIGITS, ...LETTERS.map((letter) => letter.toUpperCase()), ...LETTERS]
/** Lower-case letters that are written like upper-case ones count as those. */
const MERGED = ALL.filter((character) => !'cijklmopsuvwxyz'.includes(character))

/** The names of the ways to divide EMNIST into classes. */
export type EMNISTSplit = 'byclass' | 'bymerge' | 'balanced' | 'letters' | 'digits' | 'mnist'

/**
 * Handwritten letters and digits of NIST's forms, 28 × 28 pixels (Cohen et al., 2017, arXiv:1702.05373), divided in one of
 * six ways: `byclass` (62 classes), `bymerge` and `balanced` (47), `letters` (26, from 1), `digits` and `mnist` (10).
 *
 * The files are the original ones, such as `emnist-letters-train-images-idx3-ubyte`, gzipped or not. As there, and as
 * TorchVision gives them, images are transposed: `image.transpose(1, 2)` is upright.
 *
 * @throws ArgumentError where a file is missing
 * @throws FormatError for a truncated or corrupt file
 */
export class EMNIST<X = Tensor, Y = number> extends LabelledImages<X, Y> {
  static readonly resources: readonly Resource[] = [
    {
      path: 'EMNIST/raw/gzip.zip',
      url: 'https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip',
      checksum: { algorithm: 'md5', digest: '58c8d27c78d21e728a6bc7b3cc06412e' },
      extractTo: 'EMNIST/raw/gzip',
    },
  ]
  /** What the labels of each way stand for. */
  static readonly classesOf: Readonly<Record<EMNISTSplit, readonly string[]>> = {
    byclass: ALL,
    bymerge: MERGED,
    balanced: MERGED,
    letters: ['N/A', ...LETTERS],
    digits: DIGITS,
    mnist: MNIST.classes,
  }

  /** Downloads and unpacks the files of all six ways, where they are not there yet. */
  static async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('EMNIST', root, EMNIST.resources, options)
  }

  readonly split: EMNISTSplit
  readonly classes: readonly string[]

  /** @param root a folder with the files, or the `root` that TorchVision downloaded to */
  constructor(root: string, split: EMNISTSplit, options: MNISTOptions<X, Y> = {}) {
    if (typeof split !== 'string' || !Object.hasOwn(EMNIST.classesOf, split))
      throw new ArgumentError(
        `EMNIST: expected split to be one of ${Object.keys(EMNIST.classesOf).join(', ')}, got ${describe(split)}`,
      )
    const classes = EMNIST.classesOf[split]
    const part = (options.train ?? true) ? 'train' : 'test'
    const { images, labels } = readLabelledImages(
      idxFolders('EMNIST', root, 'gzip'),
      [`emnist-${split}-${part}-images-idx3-ubyte`, `emnist-${split}-${part}-labels-idx1-ubyte`],
      classes.length,
    )
    super(images, labels, options)
    this.split = split
    this.classes = classes
  }
}
