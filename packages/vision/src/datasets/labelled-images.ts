// Images and labels in a pair of IDX files: what MNIST and its kin are.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, data, FormatError, type Tensor } from '@flambeau/core'
import { readIdx } from './idx.js'

/** What is made of images and labels. */
export interface LabelledImagesOptions<X, Y, L = number> {
  /** Makes of each image, uint8 of shape [1, 28, 28], what the data set gives. */
  readonly transform?: data.Transform<Tensor, X>
  /** Makes of each label what the data set gives. */
  readonly targetTransform?: data.Transform<L, Y>
}

/** Where a data set's files may lie, and what its messages call it. */
export interface IdxFolders {
  readonly name: string
  readonly places: readonly string[]
  /** What to do where they do not. */
  readonly remedy: string
}

/** The places of the data set `name`: `root` itself, and where TorchVision keeps the files. */
export const idxFolders = (name: string, root: string, ...inner: readonly string[]): IdxFolders => ({
  name,
  places: [root, join(root, name, 'raw'), ...inner.map((folder) => join(root, name, 'raw', folder))],
  remedy: `call await ${name}.download(root)`,
})

function findFile({ name, places, remedy }: IdxFolders, file: string): string {
  for (const place of places)
    for (const suffix of ['', '.gz']) {
      const path = join(place, file + suffix)
      if (existsSync(path)) return path
    }
  throw new ArgumentError(
    `${name}: expected the file ${file} or ${file}.gz in ${places.join(' or ')}, got neither; ${remedy}`,
  )
}

/**
 * Reads images and their labels.
 *
 * @param columns numbers of a label; 0 for one that is a number itself
 * @returns images, uint8 [N, height, width], and labels, int64 [N] or [N, columns], whose first number is a class
 */
export function readLabelledImages(
  folders: IdxFolders,
  files: readonly [images: string, labels: string],
  classes: number,
  columns = 0,
): { readonly images: Tensor; readonly labels: Tensor } {
  const { name, places } = folders
  const [images, labels] = files.map((file) => readIdx(findFile(folders, file)))
  const wanted = columns === 0 ? [images.shape[0]] : [images.shape[0], columns]
  if (images.ndim !== 3 || images.dtype !== 'uint8' || String(labels.shape) !== String(wanted))
    throw new FormatError(
      `${name}: expected uint8 images [N, height, width] and labels [N${columns === 0 ? '' : `, ${columns}`}], got ` +
        `${images.dtype} [${images.shape.join(', ')}] and [${labels.shape.join(', ')}] in ${places[0]}`,
    )
  const kinds = (columns === 0 ? labels : labels.select(1, 0)).toArray() as number[]
  const strange = kinds.find((label) => label < 0 || label >= classes)
  if (strange !== undefined)
    throw new FormatError(`${name}: expected labels below ${classes}, got ${strange} in ${places[0]}`)
  return { images, labels: labels.to('int64') }
}

/** A data set of images in memory, each with a label: a number, or a row of them. */
export abstract class LabelledImages<X, Y, L = number> extends data.Dataset<[X, Y]> {
  /** All images, uint8, [N, 28, 28]. */
  readonly data: Tensor
  /** All labels, int64, [N], or a row for each. */
  readonly targets: Tensor
  /** What each label stands for. */
  abstract readonly classes: readonly string[]
  readonly #labels: Tensor
  /** Labels that are numbers; null where they are rows. */
  readonly #numbers: readonly number[] | null
  readonly #options: LabelledImagesOptions<X, Y, L>

  /** @param labels what samples and batches give of `targets` */
  constructor(images: Tensor, targets: Tensor, options: LabelledImagesOptions<X, Y, L>, labels: Tensor = targets) {
    super()
    this.data = images
    this.targets = targets
    this.#labels = labels
    this.#numbers = labels.ndim === 1 ? (labels.toArray() as number[]) : null
    this.#options = options
    const { transform, targetTransform } = options
    if (!transform && !targetTransform) this.getBatch = (indices) => this.#rows(indices)
  }

  get length(): number {
    return this.data.shape[0]
  }

  get(index: number): [X, Y] {
    const { transform, targetTransform } = this.#options
    const image = this.data.select(0, index).unsqueeze(0)
    const label = (this.#numbers === null ? this.#labels.select(0, index) : this.#numbers.at(index)) as L
    return [
      (transform ? data.applyTransform(transform, image) : image) as X,
      (targetTransform ? data.applyTransform(targetTransform, label) : label) as Y,
    ]
  }

  /** Only where nothing has to be done sample by sample. */
  getBatch?: (indices: readonly number[]) => [Tensor, Tensor]

  #rows(indices: readonly number[]): [Tensor, Tensor] {
    const [images, labels] = new data.TensorDataset(this.data, this.#labels).getBatch(indices)
    return [images.unsqueeze(1), labels]
  }
}
