// `npm run interop`: every dtype and layout, written here and read by Python, and the other way round, bit for bit.
// FLAMBEAU_PYTHON names a Python that has torch, safetensors, numpy and scipy (default: python3).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  frombuffer,
  getRngState,
  load,
  loadNpy,
  loadNpz,
  loadSafetensors,
  loadSparseNpz,
  manualSeed,
  nn,
  ones,
  optim,
  randint,
  randn,
  save,
  saveCheckpoint,
  saveNpy,
  saveNpz,
  saveSafetensors,
  setRngState,
  zeros,
} from '@flambeau/core'

const python = process.env.FLAMBEAU_PYTHON ?? 'python3'
const folder = mkdtempSync(join(tmpdir(), 'flambeau-interop-'))
const at = (name) => join(folder, name)
const SIZES = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  complex64: 8,
  complex128: 16,
}

manualSeed(0)
/** Any bits: NaNs of every kind, and numbers of every size. */
function bits(dtype, shape) {
  const count = shape.reduce((a, b) => a * b, 1)
  const bytes = randint(dtype === 'bool' ? 2 : 256, [count * SIZES[dtype]], { dtype: 'uint8' })
  return frombuffer(bytes.data(), { dtype }).reshape(shape)
}

const facts = (t) => {
  const whole = t.contiguous()
  return { dtype: t.dtype, shape: [...t.shape], hex: Buffer.from(whole.data().buffer).toString('hex') }
}
const factsOf = (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, facts(t)]))
const without = (tensors, dtype) => Object.fromEntries(Object.entries(tensors).filter(([, t]) => t.dtype !== dtype))

function writeOurs() {
  const tensors = {}
  for (const dtype of Object.keys(SIZES)) {
    tensors[dtype] = bits(dtype, [2, 3])
    tensors[`${dtype} scalar`] = bits(dtype, [])
    tensors[`${dtype} empty`] = zeros([2, 0, 3], { dtype })
    tensors[`${dtype} turned`] = bits(dtype, [3, 4]).transpose(0, 1)
  }
  const base = bits('float32', [3, 5])
  Object.assign(tensors, { base, row: base.select(0, 1), step: base.at(':', '::2') })
  const expected = {}
  const plain = without(tensors, 'complex128')
  saveSafetensors(at('all.safetensors'), plain, { metadata: { format: 'pt' } })
  expected['all.safetensors'] = factsOf(plain)
  saveSafetensors(at('sharded.safetensors'), plain, { maxShardSize: 200 })
  expected['sharded.safetensors.index.json'] = factsOf(plain)
  const arrays = without(tensors, 'bfloat16')
  for (const compressed of [false, true]) {
    saveNpz(at(`all-${compressed}.npz`), arrays, { compressed })
    expected[`all-${compressed}.npz`] = factsOf(arrays)
  }
  Object.values(arrays).forEach((t, i) => {
    saveNpy(at(`array-${i}.npy`), t)
    expected[`array-${i}.npy`] = { array: facts(t) }
  })
  save(at('all.pt'), tensors)
  expected['all.pt'] = factsOf(tensors)

  const model = new nn.Linear(3, 2)
  const optimizer = new optim.AdamW(model.parameters())
  const scheduler = new optim.lrScheduler.StepLR(optimizer, 2)
  for (let i = 0; i < 2; i++) {
    model
      .forward(randn([4, 3]))
      .sum()
      .backward()
    optimizer.step()
    scheduler.step()
  }
  saveCheckpoint(at('checkpoint.pt'), { model, optimizer, scheduler, epoch: 3 })
  const state = getRngState()
  expected['checkpoint.pt'] = factsOf({ ...model.stateDict(), drawn: randn([4]), step: ones([]).mul(2) })
  setRngState(state)
  writeFileSync(at('ours.json'), JSON.stringify(expected))
}

function* readTheirs(file) {
  const path = at(file)
  if (file.endsWith('.safetensors')) {
    yield loadSafetensors(path)
    yield loadSafetensors(path, { mmap: false })
  } else if (file.endsWith('.sparse.npz')) yield { array: loadSparseNpz(path) }
  else if (file.endsWith('.npz')) yield loadNpz(path)
  else if (file.endsWith('.npy')) {
    yield { array: loadNpy(path) }
    yield { array: loadNpy(path, { mmap: false }) }
    yield { array: loadNpy(readFileSync(path)) }
  } else yield load(path)
}

function compareTheirs() {
  const expected = JSON.parse(readFileSync(at('theirs.json'), 'utf8'))
  const problems = []
  let count = 0
  for (const [file, wanted] of Object.entries(expected))
    for (const tensors of readTheirs(file)) {
      if (Object.keys(tensors).sort().join() !== Object.keys(wanted).sort().join())
        problems.push(`${file}: has ${Object.keys(tensors)}, expected ${Object.keys(wanted)}`)
      for (const [name, t] of Object.entries(tensors)) {
        count++
        const [got, want] = [facts(t), wanted[name]].map((facts) => JSON.stringify(facts))
        if (got !== want) problems.push(`${file}: ${name} is ${got}, expected ${want}`)
      }
    }
  const { base, row } = load(at('theirs.pt'))
  if (base.storage !== row.storage) problems.push('theirs.pt: what shared its memory does not any more')
  return { problems, count, files: Object.keys(expected).length }
}

try {
  writeOurs()
  const script = fileURLToPath(new URL('interop/check.py', import.meta.url))
  const { status, stdout, stderr, error } = spawnSync(python, [script, folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${python} ${script}: ${error?.message ?? stderr}`)
  const theirs = JSON.parse(stdout.trim().split('\n').at(-1))
  const ours = JSON.parse(readFileSync(at('ours.json'), 'utf8'))
  const written = Object.values(ours).reduce((n, tensors) => n + Object.keys(tensors).length, 0)
  const { problems, count, files } = compareTheirs()
  for (const problem of [...theirs, ...problems]) console.log(problem.slice(0, 400))
  console.log(`Python read ${written} tensors of ${Object.keys(ours).length} files: ${theirs.length} differ`)
  console.log(`Flambeau read ${count} tensors of ${files} files: ${problems.length} differ`)
  process.exitCode = theirs.length + problems.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
