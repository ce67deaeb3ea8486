// Trains a small Faster R-CNN from scratch to find objects that are pasted on photographs, and tests it on scenes with
// photographs that it has never seen. The model is small and the scenes are, so that it takes minutes on two cores.
import { mkdirSync } from 'node:fs'
import { manualSeed, nn, optim } from '@flambeau/core'
import { MeanAveragePrecision } from '@flambeau/core/metrics'
import { models, ops, utils } from '@flambeau/vision'
import { asBytes, beside, classes, Scenes, side } from './detect/scenes.js'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const steps = quick ? 4 : 1500
const batch = quick ? 2 : 4
const tests = quick ? 4 : 200
const pictureFile = 'out/detect.png'

const block = (from: number, to: number) =>
  new nn.Sequential(new ops.Conv2dNormActivation(from, to, { stride: 2 }), new ops.Conv2dNormActivation(to, to))

/** A detector of 0.9 million weights: four stages, of which the last three have anchors of one size each. */
function network(): models.FasterRCNN {
  const body = new nn.Sequential({
    stem: new ops.Conv2dNormActivation(3, 16, { stride: 2 }), //  [N, 16, 80, 80]
    stage1: block(16, 32), //                                     [N, 32, 40, 40]
    stage2: block(32, 64), //                                     [N, 64, 20, 20]
    stage3: block(64, 96), //                                     [N, 96, 10, 10]
  })
  const layers = { stage1: '0', stage2: '1', stage3: '2' }
  const backbone = new models.BackboneWithFPN(body, layers, [32, 64, 96], 64, { extraBlocks: null })
  return new models.FasterRCNN(backbone, classes.length, {
    minSize: side,
    maxSize: side,
    rpnAnchorGenerator: new models.AnchorGenerator([[24], [40], [64]], [[0.5, 1, 2]]),
    rpnPreNmsTopNTrain: 300,
    rpnPostNmsTopNTrain: 150,
    rpnPreNmsTopNTest: 200,
    rpnPostNmsTopNTest: 100,
    rpnBatchSizePerImage: 64,
    boxRoiPool: new ops.MultiScaleRoIAlign(['0', '1', '2'], 5, 2, { canonicalScale: 48, canonicalLevel: 3 }),
    boxBatchSizePerImage: 64,
    representationSize: 256,
  })
}

async function train(model: models.FasterRCNN): Promise<void> {
  const scenes = await Scenes.read('train')
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 1e-4 })
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, 2e-3, { totalSteps: steps })
  model.train()
  const started = performance.now()
  let sum = 0
  for (let step = 0; step < steps; step++) {
    const drawn = Array.from({ length: batch }, (_, i) => scenes.scene(step * batch + i))
    const losses = model.losses(
      drawn.map(({ image }) => image),
      drawn,
    )
    const loss = Object.values(losses).reduce((a, b) => a.add(b))
    optimizer.zeroGrad()
    loss.backward()
    nn.utils.clipGradNorm_(model.parameters(), 5)
    optimizer.step()
    sum += loss.item<number>()
    schedule.step()
    if ((step + 1) % 50 === 0 || step + 1 === steps) {
      const seconds = ((performance.now() - started) / 1000).toFixed(0)
      console.log(`step ${step + 1} of ${steps}: loss ${(sum / ((step % 50) + 1)).toFixed(3)}, ${seconds} s`)
      sum = 0
    }
  }
}

/** mAP at an overlap of 0.5 on scenes of the other photographs, and a picture of what is found in nine of them. */
async function test(model: models.FasterRCNN): Promise<number> {
  const scenes = await Scenes.read('test')
  const metric = new MeanAveragePrecision({ iouThresholds: [0.5] })
  const pictures = []
  model.eval()
  for (let i = 0; i < tests; i++) {
    const scene = scenes.scene(1_000_000 + i)
    const [found] = model.detect([scene.image])
    metric.update([found], [scene])
    if (pictures.length === 9) continue
    const sure = found.scores.ge(0.5).nonzero().reshape([-1])
    const labels = (found.labels.indexSelect(0, sure).toArray() as number[]).map((label) => classes[label])
    pictures.push(utils.drawBoundingBoxes(asBytes(scene.image), found.boxes.indexSelect(0, sure), { labels, width: 2 }))
  }
  mkdirSync('out', { recursive: true })
  await utils.saveImage(pictureFile, beside(pictures), { nrow: 3 })
  console.log(`wrote ${pictureFile}: what is found in ${pictures.length} scenes`)
  return metric.compute().map50.item<number>()
}

manualSeed(0)
const model = network()
const weights = model.parameters().reduce((n, p) => n + p.numel(), 0)
console.log(`a Faster R-CNN of ${(weights / 1e6).toFixed(2)} million weights, ${classes.length - 1} kinds of objects`)
await train(model)
const reached = await test(model)
console.log(`mAP@0.5 on ${tests} scenes of photographs never seen: ${reached.toFixed(3)}`)
