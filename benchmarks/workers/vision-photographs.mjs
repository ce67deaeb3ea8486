// The data set of benchmarks/vision.mjs: each JPEG of Debian's opencv-doc, a few times over.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { data } from '@flambeau/core'
import { io, transforms } from '@flambeau/vision'

const folder = '/usr/share/doc/opencv-doc/examples/data'
const transform = new transforms.Compose([
  new transforms.RandomResizedCrop(224),
  new transforms.RandomHorizontalFlip(),
  new transforms.ToDtype('float32', { scale: true }),
  new transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])

export class Photographs extends data.Dataset {
  #files = readdirSync(folder)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .map((name) => join(folder, name))

  get length() {
    return 4 * this.#files.length
  }

  async get(index) {
    return transform.forward(await io.readImage(this.#files[index % this.#files.length], { mode: 'rgb' }))
  }
}
