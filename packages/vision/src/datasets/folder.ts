// Images in a folder for each class.
import { type Dirent, existsSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { ArgumentError, data, IndexError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { readImage } from '../io/index.js'

/** The names that images end in. */
export const IMG_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff']

/** What a data set of files does to its samples. */
export interface FolderOptions<S, X, Y> {
  /** Makes of each sample what the data set gives. */
  readonly transform?: data.Transform<S, X>
  /** Makes of each class's number what the data set gives. */
  readonly targetTransform?: data.Transform<number, Y>
}

/** The options of `DatasetFolder`. */
export interface DatasetFolderOptions<S, X, Y> extends FolderOptions<S, X, Y> {
  /** The names that samples end in. */
  readonly extensions?: readonly string[]
  /** Decides instead of `extensions`. */
  readonly isValidFile?: (path: string) => boolean
  /** Whether a class may have no sample. Default false. */
  readonly allowEmpty?: boolean
}

/** The entries of a folder that must be there. */
export function entriesOf(name: string, folder: string): Dirent[] {
  if (!existsSync(folder)) throw new ArgumentError(`${name}: expected a folder ${folder}, there is none`)
  return readdirSync(folder, { withFileTypes: true })
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Checks an index. @returns it, counted from 0 */
export function checkIndex(name: string, index: number, length: number): number {
  if (!Number.isInteger(index) || index < -length || index >= length)
    throw new IndexError(`${name}: expected an index in [${-length}, ${length - 1}], got ${describe(index)}`)
  return index < 0 ? index + length : index
}

/** Files in `root/class/…/file`, with a loader of their own. */
export class DatasetFolder<S, X = S, Y = number> extends data.Dataset<[X, Y]> {
  readonly root: string
  /** The names of the folders, in order. */
  readonly classes: readonly string[]
  readonly classToIdx: Readonly<Record<string, number>>
  /** Path and class of every sample. */
  readonly samples: readonly (readonly [path: string, label: number])[]
  readonly #loader: (path: string) => S | Promise<S>
  readonly #options: DatasetFolderOptions<S, X, Y>

  constructor(root: string, loader: (path: string) => S | Promise<S>, options: DatasetFolderOptions<S, X, Y> = {}) {
    super()
    const { name } = new.target
    this.root = root
    this.#loader = loader
    this.#options = options
    this.classes = entriesOf(name, root)
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort(byName)
    if (this.classes.length === 0)
      throw new ArgumentError(`${name}: expected a folder for each class in ${root}, got none`)
    this.classToIdx = Object.fromEntries(this.classes.map((label, i) => [label, i]))
    const { extensions = [], isValidFile = (path) => extensions.includes(extname(path).toLowerCase()) } = options
    const samples = this.classes.map((label, i) =>
      entriesBelow(join(root, label))
        .filter(isValidFile)
        .map((path) => [path, i] as const),
    )
    const empty = samples.findIndex((list) => list.length === 0)
    if (empty >= 0 && !(options.allowEmpty ?? false))
      throw new ArgumentError(
        `${name}: expected files that end in ${extensions.join(', ')} in ${join(root, this.classes[empty])}, got none`,
      )
    this.samples = samples.flat()
  }

  get length(): number {
    return this.samples.length
  }

  async get(index: number): Promise<[X, Y]> {
    const [path, label] = this.samples[checkIndex(this.constructor.name, index, this.length)]
    const { transform, targetTransform } = this.#options
    const sample = await this.#loader(path)
    return [
      (transform ? data.applyTransform(transform, sample) : sample) as X,
      (targetTransform ? data.applyTransform(targetTransform, label) : label) as Y,
    ]
  }
}

/** All files below a folder, in order. */
function entriesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(byName)
}

/** The options of `ImageFolder`. */
export interface ImageFolderOptions<X, Y> extends FolderOptions<Tensor, X, Y> {
  /** Reads an image. Default: RGB, uint8, [3, H, W]. */
  readonly loader?: (path: string) => Tensor | Promise<Tensor>
  readonly isValidFile?: (path: string) => boolean
  readonly allowEmpty?: boolean
}

/**
 * Images in `root/class/…/image.jpg`: of each the image, uint8 [3, H, W], and the number of its class.
 *
 * @throws ArgumentError where there is no class, or a class without an image
 */
export class ImageFolder<X = Tensor, Y = number> extends DatasetFolder<Tensor, X, Y> {
  constructor(root: string, { loader = readRgb, ...options }: ImageFolderOptions<X, Y> = {}) {
    super(root, loader, { extensions: IMG_EXTENSIONS, ...options })
  }
}

/** The image of a file as RGB. */
export const readRgb = (path: string): Promise<Tensor> => readImage(path, { mode: 'rgb' })
