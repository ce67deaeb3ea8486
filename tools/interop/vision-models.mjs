// `npm run interop:vision [-- NAME …]`: each model of @flambeau/vision, its weights filled by a formula, gives what
// TorchVision's gives with the same. FLAMBEAU_VISION_PYTHON names a Python that has torchvision (default: python3).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadNpy, noGrad, stack, tensor } from '@flambeau/core'
import { models } from '@flambeau/vision'

const python = process.env.FLAMBEAU_VISION_PYTHON ?? 'python3'
const script = fileURLToPath(new URL('../../packages/vision/test/fixtures/make_models.py', import.meta.url))
const given = process.argv.slice(2)
// Detectors are compared in packages/vision/test/detection.test.ts.
const names = given.length > 0 ? given : models.listModels(/^(?!fasterrcnn)/)

/** The numbers of packages/vision/test/fixtures/hashed.py. */
function hashed(shape, seed) {
  const values = new Float32Array(shape.reduce((n, size) => n * size, 1))
  for (let i = 0; i < values.length; i++) {
    let h = Math.imul(i, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca77)
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
    values[i] = ((h ^ (h >>> 15)) >>> 8) / 2 ** 24
  }
  return tensor(values).reshape([...shape])
}

function fill(model) {
  const entries = Object.entries(model.stateDict()).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [i, [name, t]] of entries.entries()) {
    if (t.dtype === 'int64') continue
    const values = hashed(t.shape, i).sub(0.5)
    if (name.endsWith('running_var') || (t.ndim === 1 && name.endsWith('weight'))) t.copy_(values.mul(0.2).add(1))
    else if (t.ndim <= 1) t.copy_(values.mul(0.2))
    else t.copy_(values.mul(Math.sqrt(12 / (t.numel() / t.shape[0]))))
  }
}

const folder = mkdtempSync(join(tmpdir(), 'flambeau-vision-'))
let failed = 0
try {
  for (const name of names) {
    const { status } = spawnSync(python, [script, folder, name], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw new Error(`${python} ${script} ended with ${status}`)
    const size = name === 'vit_h_14' ? 56 : 64
    const options = {
      ...(/^(fcn|deeplab)/.test(name) && { auxLoss: true }),
      ...(name.startsWith('vit') && { imageSize: size }),
    }
    const model = models.getModel(name, options).eval()
    const difference = noGrad(() => {
      fill(model)
      const result = model.forward(hashed([2, 3, size, size], 1000).sub(0.5))
      const ours = 'out' in result ? stack(Object.values(result), 0) : result
      const theirs = loadNpy(join(folder, `${name}.npy`))
      return ours.sub(theirs).abs().max().item() / Math.max(1, theirs.abs().max().item())
    })
    for (const parameter of model.parameters()) parameter.dispose()
    const good = difference <= 1e-4
    if (!good) failed++
    console.log(`${good ? '✓' : '✗'} ${name}: ${difference.toExponential(1)}`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
console.log(`${names.length - failed} of ${names.length} models within 1e-4`)
process.exitCode = failed > 0 ? 1 : 0
