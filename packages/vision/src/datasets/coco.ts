// Annotations in the format of COCO (Lin et al., 2014, arXiv:1405.0312).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, data, FormatError, type Tensor, tensor, zeros } from '@flambeau/core'
import { BoundingBoxes, Image } from '../tv-tensors.js'
import { checkIndex, readRgb } from './folder.js'

/** What COCO says of an object; a file may say more. */
export interface CocoAnnotation {
  readonly id: number
  readonly image_id: number
  readonly category_id: number
  /** x, y, width and height. */
  readonly bbox: readonly [number, number, number, number]
  readonly area?: number
  readonly iscrowd?: 0 | 1
  readonly segmentation?: unknown
}

/** What COCO says of an image. */
export interface CocoImage {
  readonly id: number
  readonly file_name: string
  readonly width: number
  readonly height: number
}

/** The options of `CocoDetection`. */
export interface CocoOptions<X, Y> {
  /** Makes of each image, uint8 [3, H, W], what the data set gives. */
  readonly transform?: data.Transform<Tensor, X>
  /** Makes of the annotations what the data set gives. */
  readonly targetTransform?: data.Transform<readonly CocoAnnotation[], Y>
}

/** Images and the annotations of the objects in them. @see cocoTarget for boxes and labels */
export class CocoDetection<X = Tensor, Y = readonly CocoAnnotation[]> extends data.Dataset<[X, Y]> {
  readonly root: string
  /** In the order of their numbers. */
  readonly images: readonly CocoImage[]
  /** The names of the categories by number. */
  readonly categories: ReadonlyMap<number, string>
  readonly #annotations = new Map<number, CocoAnnotation[]>()
  readonly #options: CocoOptions<X, Y>

  /** @param root the folder with the images @param annFile the JSON file with the annotations */
  constructor(root: string, annFile: string, options: CocoOptions<X, Y> = {}) {
    super()
    if (!existsSync(annFile)) throw new ArgumentError(`CocoDetection: expected the file ${annFile}, there is none`)
    const { images, annotations, categories } = parse(annFile)
    this.root = root
    this.images = [...images].sort((a, b) => a.id - b.id)
    this.categories = new Map(categories.map(({ id, name }) => [id, name]))
    for (const { id } of images) this.#annotations.set(id, [])
    for (const annotation of annotations) {
      const list = this.#annotations.get(annotation.image_id)
      if (list === undefined)
        throw new FormatError(
          `${annFile}: annotation ${annotation.id} is of image ${annotation.image_id}, which is not listed`,
        )
      list.push(annotation)
    }
    this.#options = options
  }

  get length(): number {
    return this.images.length
  }

  async get(index: number): Promise<[X, Y]> {
    const { id, file_name } = this.images[checkIndex('CocoDetection', index, this.length)]
    const { transform, targetTransform } = this.#options
    const image = await readRgb(join(this.root, file_name))
    const target = this.#annotations.get(id) ?? []
    return [
      (transform ? data.applyTransform(transform, image) : image) as X,
      (targetTransform ? data.applyTransform(targetTransform, target) : target) as Y,
    ]
  }
}

function parse(path: string): {
  images: CocoImage[]
  annotations: CocoAnnotation[]
  categories: { id: number; name: string }[]
} {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new FormatError(`${path}: not JSON: ${(error as Error).message}`, { cause: error })
  }
  const lists = ['images', 'annotations', 'categories'].map((name) => {
    const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
    if (!Array.isArray(list)) throw new FormatError(`${path}: expected a list '${name}', as COCO's annotations have it`)
    return list as unknown[]
  })
  const numbered = (item: unknown): item is { id: number } =>
    typeof item === 'object' && item !== null && 'id' in item && typeof item.id === 'number'
  for (const [i, list] of lists.entries())
    if (!list.every(numbered))
      throw new FormatError(`${path}: expected an id for each of the ${['images', 'annotations', 'categories'][i]}`)
  const boxed = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && 'bbox' in item && Array.isArray(item.bbox) && item.bbox.length === 4
  const odd = lists[1].find((item) => !boxed(item)) as CocoAnnotation | undefined
  if (odd !== undefined) throw new FormatError(`${path}: expected a bbox of 4 numbers for annotation ${odd.id}`)
  return {
    images: lists[0] as CocoImage[],
    annotations: lists[1] as CocoAnnotation[],
    categories: lists[2] as { id: number; name: string }[],
  }
}

/** Image, boxes and labels of a sample, as transforms and detectors take them; crowds are left out. */
export function cocoTarget(
  image: Tensor,
  annotations: readonly CocoAnnotation[],
): { image: Image; boxes: BoundingBoxes; labels: Tensor } {
  const single = annotations.filter(({ iscrowd = 0 }) => iscrowd === 0)
  const rows = single.map(({ bbox: [x, y, w, h] }) => [x, y, x + w, y + h])
  const canvasSize: readonly [number, number] = [image.shape[1], image.shape[2]]
  return {
    image: new Image(image),
    boxes: new BoundingBoxes(rows.length > 0 ? tensor(rows, { dtype: 'float32' }) : zeros([0, 4]), {
      format: 'xyxy',
      canvasSize,
    }),
    labels: tensor(
      single.map(({ category_id }) => category_id),
      { dtype: 'int64' },
    ),
  }
}
