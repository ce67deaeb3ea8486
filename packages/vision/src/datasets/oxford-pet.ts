// Cats and dogs of 37 breeds (Parkhi et al., 2012: https://www.robots.ox.ac.uk/~vgg/data/pets/).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, data, FormatError, type Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { readImage } from '../io/index.js'
import { Image, Mask } from '../tv-tensors.js'
import { checkIndex, readRgb } from './folder.js'

/** What the data set can say of an image: the breed, cat or dog, or of each pixel 1 (pet), 2 (background) or 3 (edge). */
export interface PetTarget {
  readonly category: number
  readonly 'binary-category': number
  readonly segmentation: Mask
}

/** The options of `OxfordIIITPet`. */
export interface OxfordIIITPetOptions<T extends keyof PetTarget, Z> {
  /** Default 'trainval'. */
  readonly split?: 'trainval' | 'test'
  /** Default 'category'. */
  readonly targetTypes?: T | readonly T[]
  /** Makes of image and target together what the data set gives. */
  readonly transforms?: data.Transform<[image: Image, target: unknown], Z>
}

/**
 * Photographs of cats and dogs: of each the image, and its breed, kind or segmentation. The files are the original ones,
 * unpacked below `root/oxford-iiit-pet`.
 */
export class OxfordIIITPet<
  T extends keyof PetTarget = 'category',
  Z = [image: Image, target: unknown],
> extends data.Dataset<Z> {
  static readonly resources: readonly Resource[] = [
    {
      path: 'oxford-iiit-pet/images.tar.gz',
      url: 'https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz',
      checksum: { algorithm: 'md5', digest: '5c4f3ee8e5d25df40f4fd59a7f44e54c' },
      extractTo: 'oxford-iiit-pet/images',
    },
    {
      path: 'oxford-iiit-pet/annotations.tar.gz',
      url: 'https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz',
      checksum: { algorithm: 'md5', digest: '95a8c909bbe2e81eed6a22bccdf3f68f' },
      extractTo: 'oxford-iiit-pet/annotations',
    },
  ]

  /** Downloads and unpacks the files, where they are not there yet. */
  static async download(root: string, options: FetchOptions = {}): Promise<void> {
    await fetchResources('OxfordIIITPet', root, OxfordIIITPet.resources, options)
  }

  /** The names of the breeds. */
  readonly classes: readonly string[]
  readonly classToIdx: Readonly<Record<string, number>>
  readonly #rows: readonly { readonly id: string; readonly category: number; readonly kind: number }[]
  readonly #folder: string
  readonly #types: readonly T[]
  readonly #single: boolean
  readonly #options: OxfordIIITPetOptions<T, Z>

  constructor(root: string, options: OxfordIIITPetOptions<T, Z> = {}) {
    super()
    const { split = 'trainval', targetTypes = 'category' as T } = options
    if (split !== 'trainval' && split !== 'test')
      throw new ArgumentError(`OxfordIIITPet: expected split 'trainval' or 'test', got '${split as string}'`)
    this.#single = typeof targetTypes === 'string'
    this.#types = typeof targetTypes === 'string' ? [targetTypes] : targetTypes
    for (const type of this.#types)
      if (!['category', 'binary-category', 'segmentation'].includes(type))
        throw new ArgumentError(
          `OxfordIIITPet: expected targetTypes 'category', 'binary-category' or 'segmentation', got '${type}'`,
        )
    this.#options = options
    this.#folder = join(root, 'oxford-iiit-pet')
    const list = join(this.#folder, 'annotations', `${split}.txt`)
    if (!existsSync(list))
      throw new ArgumentError(
        `OxfordIIITPet: expected the file ${list}, there is none; call await OxfordIIITPet.download(root)`,
      )
    this.#rows = readFileSync(list, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line, i) => {
        const [id, category, kind] = line.trim().split(/\s+/)
        if (!(Number(category) >= 1) || !(Number(kind) >= 1))
          throw new FormatError(
            `${list}: expected a name and three numbers in line ${i + 1}, got '${line.slice(0, 80)}'`,
          )
        return { id, category: Number(category) - 1, kind: Number(kind) - 1 }
      })
    const names = new Map(this.#rows.map(({ id, category }) => [category, id.replace(/_[^_]*$/, '')]))
    this.classes = [...names.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, name]) =>
        name
          .split('_')
          .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
          .join(' '),
      )
    this.classToIdx = Object.fromEntries(this.classes.map((name, i) => [name, i]))
  }

  get length(): number {
    return this.#rows.length
  }

  async get(index: number): Promise<Z> {
    const { id, category, kind } = this.#rows[checkIndex('OxfordIIITPet', index, this.length)]
    const image = new Image(await readRgb(join(this.#folder, 'images', `${id}.jpg`)))
    const targets: unknown[] = []
    for (const type of this.#types)
      if (type === 'segmentation') targets.push(new Mask(await this.#trimap(id)))
      else targets.push(type === 'category' ? category : kind)
    const sample: [Image, unknown] = [image, this.#single ? targets[0] : targets]
    const { transforms } = this.#options
    return (transforms ? data.applyTransform(transforms, sample) : sample) as Z
  }

  #trimap(id: string): Promise<Tensor> {
    return readImage(join(this.#folder, 'annotations', 'trimaps', `${id}.png`), { mode: 'gray' })
  }
}
