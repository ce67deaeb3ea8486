// `npm run bench -- audio`: transforms of 60 s of sound at 16 kHz against TorchAudio: times on all cores, and the
// processor's time on one, which other programs on the machine disturb less. FLAMBEAU_AUDIO_PYTHON names a Python that
// has TorchAudio (Debian: apt-get install python3-torchaudio, and /usr/bin/python3).
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { Contestant, flambeau, median, report, worker } from './support/alternate.mjs'

const NAMES = ['MelSpectrogram', 'MFCC', 'Resample 16 to 8 kHz', 'Resample 16 to 44.1 kHz', 'lfilter']
const LIMIT = 1
const ROUNDS = 9
const candidates = [process.env.FLAMBEAU_AUDIO_PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean)
const python = candidates.find((p) => spawnSync(p, ['-c', 'import torchaudio'], { stdio: 'ignore' }).status === 0)
if (python === undefined) {
  console.error(`${candidates.join(', ')}: no Python with TorchAudio; FLAMBEAU_AUDIO_PYTHON names one that has it`)
  process.exit(2)
}

/** The largest difference relative to the largest value. */
function difference(ours, theirs) {
  const scale = Math.max(...theirs.map(Math.abs))
  return Math.max(...theirs.map((v, i) => Math.abs(v - ours[i]))) / scale
}

for (const threads of [1, availableParallelism()]) {
  const sides = [
    flambeau('audio', threads),
    new Contestant(python, [worker('audio.py'), threads], { OMP_NUM_THREADS: threads }),
  ]
  console.log(threads === 1 ? "one thread, the processor's time" : `${threads} threads, time`)
  for (const name of NAMES) {
    const [ours, theirs] = [await sides[0].ask(`${name} check`), await sides[1].ask(`${name} check`)]
    const wrong = ours.length === theirs.length ? difference(ours, theirs) : Number.NaN
    if (!(wrong < 1e-3)) {
      console.log(`✗ ${name}: the results differ by ${wrong}`)
      process.exitCode = 1
      continue
    }
    const times = [[], []]
    for (let round = 0; round <= ROUNDS; round++)
      for (const [i, side] of sides.entries()) {
        const [wall, cpu] = await side.ask(`${name} 5`)
        // The first round warms up.
        if (round > 0) times[i].push(threads === 1 ? cpu : wall)
      }
    report(name, { ours: median(times[0]), theirs: median(times[1]) }, LIMIT, 'ms')
  }
  for (const side of sides) side.close()
}
