import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ArgumentError, data, FormatError, full, type Tensor } from '@flambeau/core'
import { datasets, io, tvTensors } from '@flambeau/vision'
import { afterAll, expect, test } from '@jest/globals'

const root = mkdtempSync(join(tmpdir(), 'flambeau-datasets-'))
afterAll(() => rmSync(root, { recursive: true }))

function write(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), contents)
}
const image = async (path: string, value: number): Promise<void> =>
  write(path, await io.encodePng(full([3, 4, 6], value, { dtype: 'uint8' })))

// Pickles as Python 2 wrote them, which are what CIFAR consists of.
const str = (text: string): Buffer => Buffer.concat([Buffer.from([0x55, text.length]), Buffer.from(text)])
const ints = (values: number[]): Buffer =>
  Buffer.concat([Buffer.from(']('), ...values.map((v) => Buffer.from([0x4b, v])), Buffer.from('e')])
const strings = (values: string[]): Buffer => Buffer.concat([Buffer.from(']('), ...values.map(str), Buffer.from('e')])
function array(rows: number, bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  const columns = bytes.length / rows
  return Buffer.concat([
    Buffer.from('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85', 'latin1'),
    str('b'),
    Buffer.from('\x87R(K\x01', 'latin1'),
    Buffer.from([0x4b, rows, 0x4d, columns & 255, columns >> 8, 0x86]),
    Buffer.from('cnumpy\ndtype\n'),
    str('u1'),
    Buffer.from('K\0K\x01\x87R(K\x03', 'latin1'),
    str('|'),
    Buffer.from('NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T', 'latin1'),
    length,
    bytes,
    Buffer.from('tb'),
  ])
}
const dict = (entries: Record<string, Buffer>): Buffer =>
  Buffer.concat([
    Buffer.from('\x80\x02}(', 'latin1'),
    ...Object.entries(entries).flatMap(([key, value]) => [str(key), value]),
    Buffer.from('u.'),
  ])

test("CIFAR's batches", async () => {
  const pixels = Uint8Array.from({ length: 2 * 3072 }, (_, i) => (i * 7) % 256)
  const names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']
  write('cifar-10-batches-py/test_batch', dict({ data: array(2, pixels), labels: ints([3, 9]) }))
  write('cifar-10-batches-py/batches.meta', dict({ label_names: strings(names) }))
  const test = new datasets.CIFAR10(root, { train: false })
  expect([test.length, test.classes, test.data.shape]).toEqual([2, names, [2, 3, 32, 32]])
  const [second, label] = test.get(-1)
  expect([second.shape, second.data()[5], label]).toEqual([[3, 32, 32], pixels[3072 + 5], 9])
  for await (const [images, labels] of new data.DataLoader(test, { batchSize: 2 }))
    expect([images.shape, labels.toArray()]).toEqual([
      [2, 3, 32, 32],
      [3, 9],
    ])
  const changed = new datasets.CIFAR10(root, { train: false, transform: (x: Tensor) => x.sum().item<number>() })
  expect(typeof changed.get(0)[0]).toBe('number')

  write('cifar-100-python/train', dict({ data: array(1, pixels.subarray(0, 3072)), fine_labels: ints([1]) }))
  write('cifar-100-python/meta', dict({ fine_label_names: strings(['apple', 'fish']) }))
  expect(new datasets.CIFAR100(root).get(0)[1]).toBe(1)

  expect(() => new datasets.CIFAR10(root)).toThrow(
    /CIFAR10: expected the file .*data_batch_1, there is none; call await CIFAR10.download/,
  )
  const batch = dict({ data: array(2, pixels), labels: ints([3, 9]) })
  const damaged: [Buffer, RegExp][] = [
    [batch.subarray(0, 3000), /test_batch/],
    [dict({ data: array(2, pixels), labels: ints([3]) }), /expected 2 integers for labels/],
    [dict({ data: array(2, pixels), labels: ints([3, 10]) }), /kinds below 10, got 10/],
    [dict({ data: array(2, pixels.subarray(0, 3072)), labels: ints([3, 9]) }), /uint8 \[N, 3072\]/],
    [Buffer.from('\x80\x02cos\nsystem\nU\x02lsR.', 'latin1'), /os\.system/],
    [Buffer.from('not a pickle'), /test_batch/],
  ]
  for (const [bytes, message] of damaged) {
    write('cifar-10-batches-py/test_batch', bytes)
    const open = (): unknown => new datasets.CIFAR10(root, { train: false })
    expect(open).toThrow(message)
    expect(open).toThrow(FormatError)
  }
})

test('folders of images', async () => {
  await image('folder/cat/b.png', 1)
  await image('folder/cat/inner/a.png', 2)
  await image('folder/ant/c.PNG', 3)
  write('folder/ant/notes.txt', 'no image')
  const folder = new datasets.ImageFolder(join(root, 'folder'))
  expect([folder.classes, folder.classToIdx, folder.length]).toEqual([['ant', 'cat'], { ant: 0, cat: 1 }, 3])
  const seen = await Promise.all([0, 1, 2].map((i) => folder.get(i)))
  expect(seen.map(([x, y]) => [x.select(0, 0).max().item(), y])).toEqual([
    [3, 0],
    [1, 1],
    [2, 1],
  ])
  const named = new datasets.ImageFolder(join(root, 'folder'), { targetTransform: (y) => `class ${y}` })
  expect((await named.get(-1))[1]).toBe('class 1')
  const texts = new datasets.DatasetFolder(join(root, 'folder'), (path) => path.slice(-9), {
    extensions: ['.txt'],
    allowEmpty: true,
  })
  expect(await texts.get(0)).toEqual(['notes.txt', 0])
  await expect(folder.get(3)).rejects.toThrow(/index in \[-3, 2\], got 3/)
  mkdirSync(join(root, 'folder/empty'))
  const rows: [() => unknown, RegExp][] = [
    [() => new datasets.ImageFolder(join(root, 'folder')), /files that end in .jpg.* in .*empty, got none/],
    [() => new datasets.ImageFolder(join(root, 'nowhere')), /expected a folder .*nowhere, there is none/],
    [() => new datasets.ImageFolder(join(root, 'folder/empty')), /a folder for each class in .*, got none/],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
  // A file that only has the name of an image.
  write('folder/empty/x.jpg', 'hello')
  const odd = new datasets.ImageFolder(join(root, 'folder'))
  await expect(odd.get(odd.length - 1)).rejects.toThrow(/x.jpg: expected a JPEG/)
})

test("COCO's annotations", async () => {
  await image('coco/b.png', 7)
  const file = join(root, 'coco/annotations.json')
  const content = {
    images: [
      { id: 9, file_name: 'b.png', width: 6, height: 4 },
      { id: 2, file_name: 'none.png', width: 6, height: 4 },
    ],
    annotations: [
      { id: 1, image_id: 9, category_id: 5, bbox: [1, 1, 2, 3], iscrowd: 0 },
      { id: 2, image_id: 9, category_id: 6, bbox: [0, 0, 6, 4], iscrowd: 1 },
    ],
    categories: [{ id: 5, name: 'dog' }],
  }
  const save = (value: object): void => writeFileSync(file, JSON.stringify(value))
  save(content)
  const coco = new datasets.CocoDetection(join(root, 'coco'), file)
  expect([coco.length, coco.images[0].id, coco.categories.get(5)]).toEqual([2, 2, 'dog'])
  const [x, annotations] = await coco.get(1)
  const sample = datasets.cocoTarget(x, annotations)
  expect([sample.boxes.toArray(), sample.boxes.canvasSize, sample.labels.toArray()]).toEqual([
    [[1, 1, 3, 4]],
    [4, 6],
    [5],
  ])
  expect(datasets.cocoTarget(x, []).boxes.shape).toEqual([0, 4])
  await expect(coco.get(0)).rejects.toThrow(/none.png/)
  const rows: [object, RegExp][] = [
    [{ ...content, images: [] }, /annotation 1 is of image 9, which is not listed/],
    [{ images: [] }, /expected a list 'annotations'/],
    [{ ...content, annotations: [{ id: 4, image_id: 9, category_id: 1 }] }, /a bbox of 4 numbers for annotation 4/],
    [{ ...content, categories: [{}] }, /an id for each of the categories/],
  ]
  for (const [value, message] of rows) {
    save(value)
    expect(() => new datasets.CocoDetection(root, file)).toThrow(message)
  }
  writeFileSync(file, '{')
  expect(() => new datasets.CocoDetection(root, file)).toThrow(/not JSON/)
  expect(() => new datasets.CocoDetection(root, `${file}x`)).toThrow(ArgumentError)
})

test('Oxford-IIIT Pet', async () => {
  write('oxford-iiit-pet/annotations/trainval.txt', 'Great_Dane_12 2 2 1\nBengal_3 1 1 2\n')
  await image('oxford-iiit-pet/images/Bengal_3.jpg', 9)
  write('oxford-iiit-pet/annotations/trimaps/Bengal_3.png', await io.encodePng(full([1, 4, 6], 2, { dtype: 'uint8' })))
  const pets = new datasets.OxfordIIITPet(root)
  expect([pets.length, pets.classes]).toEqual([2, ['Bengal', 'Great Dane']])
  expect((await pets.get(1))[1]).toBe(0)
  const both = new datasets.OxfordIIITPet(root, { targetTypes: ['segmentation', 'binary-category'] })
  const [picture, [mask, kind]] = (await both.get(1)) as [Tensor, [Tensor, number]]
  expect([picture instanceof tvTensors.Image, mask instanceof tvTensors.Mask, mask.max().item(), kind]).toEqual([
    true,
    true,
    2,
    0,
  ])
  expect(() => new datasets.OxfordIIITPet(root, { split: 'test' })).toThrow(
    /test.txt, there is none; call await OxfordIIITPet.download/,
  )
  write('oxford-iiit-pet/annotations/test.txt', 'broken line\n')
  expect(() => new datasets.OxfordIIITPet(root, { split: 'test' })).toThrow(
    /three numbers in line 1, got 'broken line'/,
  )
})

test('every data set that can be downloaded says what and from where', () => {
  for (const { resources } of [
    datasets.MNIST,
    datasets.FashionMNIST,
    datasets.KMNIST,
    datasets.EMNIST,
    datasets.QMNIST,
    datasets.CIFAR10,
    datasets.CIFAR100,
    datasets.OxfordIIITPet,
  ])
    for (const { path, url, checksum } of resources) {
      expect(path).toMatch(/\.(gz|tar\.gz|zip)$/)
      expect(url.length).toBeGreaterThan(0)
      expect(checksum?.digest).toMatch(/^[0-9a-f]{32}$/)
    }
})
