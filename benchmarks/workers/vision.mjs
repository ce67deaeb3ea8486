// Our side of benchmarks/vision.mjs: seconds that a task takes.
import { data, F, manualSeed, noGrad, rand } from '@flambeau/core'
import { ops } from '@flambeau/vision'
import { serve } from '../support/serve.mjs'

const boxes = (n, extent, size) => {
  const corner = rand([n, 2]).mul(extent)
  const sides = rand([n, 2]).mul(size).add(1)
  const out = rand([n, 4])
  out.narrow(1, 0, 2).copy_(corner)
  out.narrow(1, 2, 2).copy_(corner.add(sides))
  return out
}
manualSeed(0)
const spread = boxes(10_000, 1000, 100)
const dense = boxes(10_000, 100, 100)
const scores = rand([10_000])
const feature = rand([2, 256, 50, 68])
const regions = [boxes(500, 400, 300), boxes(500, 400, 300)]
const floats = rand([16, 3, 512, 512])
const bytes = rand([1, 3, 1000, 1500]).mul(255).to('uint8')
const align = (x) => ops.roiAlign(x, regions, 7, { spatialScale: 1 / 16, samplingRatio: 2 })
const resize = (x) => F.interpolate(x, { size: [224, 224], mode: 'bilinear', antialias: true, alignCorners: false })

const tasks = {
  nms: () => ops.nms(spread, scores, 0.5),
  nmsDense: () => ops.nms(dense, scores, 0.5),
  roiAlign: () => noGrad(() => align(feature)),
  roiAlignBackward() {
    const x = feature.clone().requiresGrad_()
    align(x).sum().backward()
  },
  resize: () => noGrad(() => resize(floats)),
  resizeBytes: () => noGrad(() => resize(bytes)),
}

/** Seconds an image: photographs through two workers, as a training run reads them. */
async function load() {
  const loader = new data.DataLoader(
    { module: new URL('./vision-photographs.mjs', import.meta.url), export: 'Photographs' },
    { batchSize: 16, numWorkers: 2 },
  )
  await loader.ready()
  const start = process.hrtime.bigint()
  let count = 0
  for await (const batch of loader) count += batch.shape[0]
  return Number(process.hrtime.bigint() - start) / 1e9 / count
}

await serve(async (name) => {
  if (name === 'load') return load()
  const start = process.hrtime.bigint()
  tasks[name]()
  return Number(process.hrtime.bigint() - start) / 1e9
})
