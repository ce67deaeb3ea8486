// Our side of `npm run bench -- peers`: like workers/peer.mjs, except that `check` writes the parameters and inputs to the file first.
// `inference` in place of a name is the digits network by itself, at batch 64; its file gets the input, and `onnx` the network.
import { writeFileSync } from 'node:fs'
import { manualSeed, noGrad, randn, saveSafetensors } from '@flambeau/core'
import { digitsOnnx } from '../peers/onnx.mjs'
import { sample } from '../peers/weights.mjs'
import { digitsNetwork, training, trainings } from '../suite/workloads.mjs'
import { serve } from '../support/serve.mjs'

/** Milliseconds of steps before those that are timed, unless the question says otherwise. */
const WARM_UP = 30
let step

const numbers = (t) => Float32Array.from(t.detach().flatten().toArray())
const shown = (t) => sample(t.shape, numbers(t))

function prepareInference(file) {
  const model = digitsNetwork().eval()
  const x = randn([64, 1, 28, 28])
  saveSafetensors(file, { x })
  writeFileSync(
    `${file}.onnx`,
    digitsOnnx(
      Object.fromEntries(
        Array.from(model.namedParameters()).map(([k, p]) => [k, { shape: p.shape, data: numbers(p) }]),
      ),
    ),
  )
  step = () => noGrad(() => model.forward(x))
  return { logits: shown(step()) }
}

/** Steps without dropout: each library draws other random numbers. */
function prepareTraining(name, file, steps) {
  const parts = trainings[name]()
  const { model, x, y, optimizer, loss } = parts
  const parameters = Array.from(model.namedParameters())
  saveSafetensors(file, {
    ...Object.fromEntries(parameters.map(([key, p]) => [key, p.detach()])),
    x: x.dtype === 'int64' ? x.to('int32') : x,
    y: y.flatten().to('int32'),
  })
  model.eval()
  const losses = []
  let gradients
  for (let i = 0; i < steps; i++) {
    const value = loss()
    optimizer.zeroGrad()
    value.backward()
    gradients ??= Object.fromEntries(parameters.map(([key, p]) => [key, shown(p.grad)]))
    optimizer.step()
    losses.push(value.item())
  }
  step = training(parts)
  return { losses, gradients, updated: Object.fromEntries(parameters.map(([key, p]) => [key, shown(p)])) }
}

function answer(line) {
  const { do: what, name, file, steps = 1, warm = WARM_UP } = JSON.parse(line)
  if (what === 'check') {
    // With the draws of seed 0 two elements of a window of max pooling differ by less than float32 tells, and which of them has the gradient
    // depends on how a convolution adds up.
    manualSeed(1)
    return name === 'digits inference' ? prepareInference(file) : prepareTraining(name, file, steps)
  }
  for (const start = performance.now(); performance.now() - start < warm; ) step()
  const start = process.hrtime.bigint()
  for (let i = 0; i < steps; i++) step()
  return Number(process.hrtime.bigint() - start) / 1e6 / steps
}

await serve((line) => {
  try {
    return answer(line)
  } catch (error) {
    return { error: String(error?.stack ?? error) }
  }
})
