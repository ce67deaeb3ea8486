// The boxes that a detector starts from.
import { ArgumentError, arange, cat, nn, stack, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** Boxes of several sizes and shapes around every point of every feature map. */
export class AnchorGenerator extends nn.Module<
  [imageSize: readonly [number, number], maps: readonly Tensor[]],
  Tensor[]
> {
  readonly sizes: readonly (readonly number[])[]
  readonly aspectRatios: readonly (readonly number[])[]

  /**
   * @param sizes the sides of a square anchor, for each feature map
   * @param aspectRatios heights over widths, for each feature map, or one list for all
   */
  constructor(
    sizes: readonly (readonly number[])[] = [[128, 256, 512]],
    aspectRatios: readonly (readonly number[])[] = [[0.5, 1, 2]],
  ) {
    super()
    this.sizes = sizes
    this.aspectRatios = aspectRatios.length === 1 ? sizes.map(() => aspectRatios[0]) : aspectRatios
    if (this.aspectRatios.length !== sizes.length)
      throw new ArgumentError(
        `AnchorGenerator: expected aspect ratios for each of ${sizes.length} feature maps, got ${describe(aspectRatios)}`,
      )
  }

  /** The anchors at a point of each feature map. */
  numAnchorsPerLocation(): number[] {
    return this.sizes.map((sizes, i) => sizes.length * this.aspectRatios[i].length)
  }

  #around(level: number): Tensor {
    const rows = this.aspectRatios[level].flatMap((ratio) =>
      this.sizes[level].map((size) => {
        const h = Math.sqrt(ratio)
        const [w, height] = [size / h, size * h]
        return [-w / 2, -height / 2, w / 2, height / 2]
      }),
    )
    return tensor(rows).round()
  }

  /** @param imageSize of the padded batch @returns for each feature map [H · W · anchors, 4] */
  override forward(imageSize: readonly [number, number], maps: readonly Tensor[]): Tensor[] {
    if (maps.length !== this.sizes.length)
      throw new ArgumentError(
        `AnchorGenerator: expected ${this.sizes.length} feature maps, one for each list of sizes, got ${maps.length}`,
      )
    return maps.map((map, level) => {
      const [height, width] = map.shape.slice(-2)
      const x = arange(width)
        .mul(Math.floor(imageSize[1] / width))
        .unsqueeze(0)
        .expand([height, width])
        .reshape([-1])
      const y = arange(height)
        .mul(Math.floor(imageSize[0] / height))
        .unsqueeze(1)
        .expand([height, width])
        .reshape([-1])
      const shifts = stack([x, y, x, y], 1).to('float32')
      return shifts.unsqueeze(1).add(this.#around(level).unsqueeze(0)).reshape([-1, 4]).to(map.device)
    })
  }

  /** All anchors of an image in one list. */
  all(imageSize: readonly [number, number], maps: readonly Tensor[]): Tensor {
    return cat(this.forward(imageSize, maps), 0)
  }
}
