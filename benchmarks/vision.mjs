// Images: what a training run reads, with two workers, and single operators, beside TorchVision.
// FLAMBEAU_VISION_PYTHON names a Python that has torchvision (default: python3).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Contestant, flambeau, report, worker } from './support/alternate.mjs'

const python = process.env.FLAMBEAU_VISION_PYTHON ?? 'python3'
if (spawnSync(python, ['-c', 'import torchvision'], { stdio: 'ignore' }).status !== 0) {
  console.error(`${python} has no torchvision; FLAMBEAU_VISION_PYTHON names a Python that has`)
  process.exit(2)
}
const photographs = '/usr/share/doc/opencv-doc/examples/data'
const chosen = process.argv.slice(2)
const rounds = 7
/** Name, and the most that our time over TorchVision's may be. */
const ROWS = [
  ['nms', 'nms of 10,000 boxes', 1],
  ['nmsDense', 'nms of 10,000 boxes in few places', 1],
  ['roiAlign', 'roiAlign, 1,000 regions, 256 channels', 1],
  ['roiAlignBackward', 'roiAlign, forward and gradient', 1],
  ['resize', 'resize of 16 float images, 512 to 224, antialias', 1],
  ['resizeBytes', 'resize of a uint8 image, 1,000 × 1,500 to 224, antialias', 1],
  // 1.5 times as many images a second.
  ['load', 'decode, random resized crop, flip, normalize, 2 workers', 1 / 1.5],
]

const ours = flambeau('vision')
const theirs = new Contestant(python, [worker('vision.py')])
for (const [name, title, limit] of ROWS) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  if (name === 'load' && (!existsSync(photographs) || readdirSync(photographs).length === 0)) {
    console.log(`– ${title}: no photographs in ${join(photographs)} (Debian's opencv-doc)`)
    continue
  }
  const times = { ours: [], theirs: [] }
  for (let round = 0; round <= (name === 'load' ? 3 : rounds); round++) {
    // In turns the one or the other first.
    const order = round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']
    for (const side of order) {
      const time = await (side === 'ours' ? ours : theirs).ask(name)
      if (round > 0) times[side].push(time)
    }
  }
  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
  report(
    title,
    { ours: median(times.ours) * 1e3, theirs: median(times.theirs) * 1e3 },
    limit,
    name === 'load' ? 'ms an image' : 'ms',
  )
}
ours.close()
theirs.close()
