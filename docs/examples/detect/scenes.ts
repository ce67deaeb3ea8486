// Scenes made of objects with a transparent ground, pasted on photographs: their boxes are known exactly.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Generator, rand, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { io, transforms } from '@flambeau/vision'

// Debian's tuxpaint-stamps-default and opencv-doc.
const STAMPS = '/usr/share/tuxpaint/stamps'
const PHOTOGRAPHS = '/usr/share/doc/opencv-doc/examples/data'

/** What is pasted, by name. */
const OBJECTS: Readonly<Record<string, string>> = {
  banana: 'food/fruit/banana.png',
  strawberry: 'food/fruit/strawberry.png',
  pizza: 'food/pizza.png',
  penguin: 'animals/birds/penguin.png',
  owl: 'animals/birds/owl.png',
  clownfish: 'animals/fish/clownfish.png',
  bee: 'animals/insects/bee.png',
  firetruck: 'vehicles/emergency/firetruck.png',
}

/** Photographs to train on, and others to test on. */
const TRAIN = [
  'aloeL',
  'apple',
  'baboon',
  'board',
  'building',
  'butterfly',
  'fruits',
  'home',
  'left01',
  'leuvenA',
  'stuff',
]
const TEST = ['aero1', 'left', 'messi5', 'graf1', 'licenseplate_motion', 'sudoku', 'graf3']

/** The names of the classes; class 0 is the background. */
export const classes: readonly string[] = ['background', ...Object.keys(OBJECTS)]
/** Height and width of a scene. */
export const side = 160

/** An image and what is in it. */
export interface Scene {
  /** float32 in [0, 1], [3, side, side]. */
  readonly image: Tensor
  /** Corners, [N, 4]. */
  readonly boxes: Tensor
  /** int64, [N]. */
  readonly labels: Tensor
}

/** Colours and opacity, cut to what can be seen. */
interface Stamp {
  readonly colours: Tensor
  readonly opacity: Tensor
}

const { functional: F } = transforms

async function readStamp(path: string): Promise<Stamp> {
  if (!existsSync(path)) throw new Error(`expected ${path}: sudo apt-get install tuxpaint-stamps-default opencv-doc`)
  const image = F.toDtype(await io.readImage(path, { mode: 'rgb_alpha' }), 'float32', true)
  // Large ones take long to shrink, over and over.
  const small = F.resize(
    image,
    [...image.shape.slice(1)].map((n) => Math.round((n * 128) / Math.max(...image.shape))),
  )
  const [x1, y1, x2, y2] = extent(small.select(0, 3))
  const cut = F.crop(small, y1, x1, y2 - y1, x2 - x1)
  return { colours: cut.narrow(0, 0, 3), opacity: cut.narrow(0, 3, 1) }
}

/** The box around all that is not transparent. */
function extent(opacity: Tensor): [number, number, number, number] {
  const [rows, columns] = [1, 0].map((dim) => opacity.gt(0.5).any(dim).nonzero().reshape([-1]).toArray() as number[])
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns) + 1, Math.max(...rows) + 1]
}

async function readPhotograph(name: string): Promise<Tensor> {
  const found = ['jpg', 'png'].map((end) => join(PHOTOGRAPHS, `${name}.${end}`)).find(existsSync)
  if (found === undefined)
    throw new Error(`expected a photograph ${name} in ${PHOTOGRAPHS}: sudo apt-get install opencv-doc`)
  const image = await io.readImage(found, { mode: 'rgb' })
  return F.toDtype(F.resize(image, Math.round(side * 1.5)), 'float32', true)
}

/** Makes scenes, as many as are asked for: the same number gives the same scene. */
export class Scenes {
  readonly #stamps: readonly Stamp[]
  readonly #photographs: readonly Tensor[]

  private constructor(stamps: readonly Stamp[], photographs: readonly Tensor[]) {
    this.#stamps = stamps
    this.#photographs = photographs
  }

  static async read(part: 'train' | 'test'): Promise<Scenes> {
    const stamps = await Promise.all(Object.values(OBJECTS).map((path) => readStamp(join(STAMPS, path))))
    return new Scenes(stamps, await Promise.all((part === 'train' ? TRAIN : TEST).map(readPhotograph)))
  }

  scene(number: number): Scene {
    const generator = new Generator().manualSeed(number)
    const draw = (low: number, high: number): number => low + (high - low) * rand([1], { generator }).item<number>()
    const pick = (count: number): number => Math.min(count - 1, Math.floor(draw(0, count)))
    const photograph = this.#photographs[pick(this.#photographs.length)]
    const [height, width] = photograph.shape.slice(1)
    const image = F.crop(photograph, pick(height - side + 1), pick(width - side + 1), side, side)
      .mul(draw(0.6, 1.1))
      .clamp(0, 1)
    const boxes: number[][] = []
    const labels: number[] = []
    for (let wanted = 1 + pick(4), tries = 0; boxes.length < wanted && tries < 20; tries++) {
      const label = pick(this.#stamps.length)
      const { colours, opacity } = this.#stamps[label]
      const scale = draw(32, 72) / Math.max(...colours.shape)
      const size = colours.shape.slice(1).map((n) => Math.max(8, Math.round(n * scale)))
      const [y, x] = size.map((n) => pick(side - n + 1))
      const box = [x, y, x + size[1], y + size[0]]
      if (boxes.some((other) => overlap(box, other) > 0)) continue
      const mirrored = draw(0, 1) < 0.5
      const [paint, cover] = [colours, opacity].map((t) => F.resize(mirrored ? F.horizontalFlip(t) : t, size))
      const place = image.narrow(1, y, size[0]).narrow(2, x, size[1])
      place.copy_(place.mul(cover.neg().add(1)).add(paint.mul(draw(0.7, 1.1)).clamp(0, 1).mul(cover)))
      const [x1, y1, x2, y2] = extent(cover.select(0, 0))
      boxes.push([x + x1, y + y1, x + x2, y + y2])
      labels.push(label + 1)
    }
    return {
      image,
      boxes: boxes.length > 0 ? tensor(boxes, { dtype: 'float32' }) : zeros([0, 4]),
      labels: tensor(labels, { dtype: 'int64' }),
    }
  }
}

function overlap([ax1, ay1, ax2, ay2]: number[], [bx1, by1, bx2, by2]: number[]): number {
  return Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1))
}

/** Scenes as bytes, to draw into. */
export const asBytes = (image: Tensor): Tensor => F.toDtype(image, 'uint8', true)
/** Pictures beside each other. */
export const beside = (images: readonly Tensor[]): Tensor => stack(images, 0)
