// `npm run interop:optim`: runs of every optimizer that one side begins and the other goes on with, from its state dict in a
// file; both must end where PyTorch alone does. FLAMBEAU_PYTHON names a Python that has PyTorch.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { needPyTorch, python } from '../../benchmarks/support/alternate.mjs'
import { camel } from '../conformance/binding.mjs'
import { core } from '../conformance/library.mjs'

const { load, nn, optim, save, sparseCooTensor, tensor } = core
const other = fileURLToPath(new URL('optimizers.py', import.meta.url))

function run(...args) {
  const { status, stdout, stderr } = spawnSync(python, ['-W', 'ignore', other, ...args], { encoding: 'utf8' })
  if (stderr !== '') console.error(stderr)
  if (status !== 0) throw new Error(`${args[0]} failed`)
  return Number(stdout)
}

/** As optimizers.py steps. */
function step(name, optimizer, params, grads) {
  if (name === 'LBFGS') {
    optimizer.step(() => {
      optimizer.zeroGrad()
      const losses = params.map((p, i) => p.sub(grads[i]).pow(4).add(p.sub(grads[i]).pow(2)).sum())
      const loss = losses.reduce((a, b) => a.add(b))
      loss.backward()
      return loss
    })
    return
  }
  for (const [i, p] of params.entries())
    p.grad = name === 'SparseAdam' ? sparseCooTensor(tensor([[2n, 0n, 2n]]), grads[i], p.shape) : grads[i].clone()
  optimizer.step()
}

const parameters = (list) => list.map((t) => new nn.Parameter(t.clone()))

/** The largest difference, relative where values are large. */
function distance(got, want) {
  const errors = got.map((t, i) => t.detach().sub(want[i]).abs().div(want[i].abs().add(1)).max().item())
  return Math.max(...errors)
}

needPyTorch()
const folder = mkdtempSync(join(tmpdir(), 'flambeau-optim-'))
try {
  const count = run('begin', folder)
  const names = new Set()
  let problems = 0
  for (let number = 0; number < count; number++) {
    const { name, options, start, grads, params: middle, end, tolerance } = load(join(folder, `${number}.pt`))
    names.add(name)
    const half = grads.length / 2
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]))
    const expectNear = (what, got, want) => {
      const error = distance(got, want)
      if (error <= tolerance) return
      problems++
      console.error(`${number} (${name} ${JSON.stringify(options)}): off by ${error} ${what}`)
    }
    // Flambeau begins; PyTorch goes on below.
    const ours = parameters(start)
    const optimizer = new optim[name](ours, given)
    for (let i = 0; i < half; i++) step(name, optimizer, ours, grads[i])
    expectNear('after Flambeau began', ours, middle)
    const params = ours.map((p) => p.detach())
    save(join(folder, `${number}.ours.pt`), { params, state: optimizer.stateDict() })
    // PyTorch began; Flambeau goes on.
    const theirs = parameters(middle)
    const next = new optim[name](theirs)
    next.loadStateDict(load(join(folder, `${number}.state.pt`)))
    for (let i = half; i < grads.length; i++) step(name, next, theirs, grads[i])
    expectNear('after Flambeau went on', theirs, end)
  }
  console.log(`PyTorch → Flambeau: ${count} runs of ${names.size} optimizers, ${problems} problems`)
  const wrong = run('go-on', folder, String(count))
  console.log(`Flambeau → PyTorch: ${count} runs of ${names.size} optimizers, ${wrong} problems`)
  process.exitCode = problems + wrong === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
