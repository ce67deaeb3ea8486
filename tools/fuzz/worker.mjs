// A child process that runs cases by number. It writes each number down first, so that the parent knows which one took
// the process with it; everything else that is wrong it reports.
import { openSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { leavesOf, valuesOf } from '../conformance/compare.mjs'
import { core, Tensor, toBytes } from '../conformance/library.mjs'
import { anyArguments, makeArgument, randomArguments, show } from './arguments.mjs'
import { Random } from './random.mjs'
import { targets } from './targets.mjs'

const [, , marker, seedText, onlyText] = process.argv
const seed = Number(seedText)
const all = targets().filter(({ name }) => !onlyText || name === onlyText || name === `${onlyText}_`)
const file = openSync(marker, 'w')

/** The case of a number: which target, and descriptions of its arguments. */
function caseOf(number) {
  const r = new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const target = r.pick(all)
  const args = target.any
    ? [...randomArguments(r, target.params), ...anyArguments(r)]
    : randomArguments(r, target.params)
  return { target, args }
}

const ours = (error) => error instanceof core.FlambeauError
const sameBytes = (a, b) => a.length === b.length && a.every((x, i) => x === b[i])
const snapshot = (t) => (t.device === 'meta' ? new Uint8Array() : toBytes(t))

/** Null, or what is wrong. */
function run(target, descriptions) {
  const tensors = []
  const args = descriptions.map((d) => makeArgument(d, Random, tensors))
  const before = tensors.map(snapshot)
  let result
  try {
    result = target.call(args)
    // What waits may refuse its arguments by rejecting.
    if (result instanceof Promise) result.catch(() => {})
  } catch (error) {
    if (!ours(error))
      return `threw ${error?.name}: ${error?.message?.split('\n')[0]} ${String(error?.stack)
        .split('\n')
        .slice(1, 3)
        .map((l) => l.trim())
        .join(' ')}`
    if (!tensors.every((t, i) => t.isDisposed || sameBytes(before[i], snapshot(t))))
      return `changed an argument and then threw ${error.name}: ${error.message}`
    return null
  }
  try {
    const outs = leavesOf(plain(result)).filter((t) => t instanceof Tensor && !t.isDisposed)
    for (const t of outs) if (t.device !== 'meta') valuesOf(t)
    const roots = outs.filter((t) => t.requiresGrad && t.device !== 'meta')
    const leaves = tensors.filter((t) => !t.isDisposed && t.leafRequiresGrad)
    if (roots.length > 0 && leaves.length > 0) {
      const starts = roots.map((t) => t.detach().clone())
      for (const g of core.grad(roots, leaves, { gradOutputs: starts, allowUnused: true }))
        if (g !== null && g.device !== 'meta') valuesOf(g)
    }
  } catch (error) {
    if (!ours(error))
      return `the result or its gradient threw ${error?.name}: ${error?.message?.split('\n')[0]} ${String(error?.stack)
        .split('\n')
        .slice(1, 3)
        .map((l) => l.trim())
        .join(' ')}`
  }
  return null
}

/** Results that are generators, promises or classes of others are not looked into. */
const plain = (value) => (value instanceof Promise || typeof value === 'function' ? null : value)

const report = (number, target, args, problem) =>
  process.send({ number, name: target.name, call: `${target.name}(${args.map(show).join(', ')})`, args, problem })

process.on('message', ({ from, count, single }) => {
  if (single) {
    const { target } = caseOf(single.number)
    writeSync(file, String(single.number).padStart(12), 0)
    const problem = run(target, single.args)
    return process.send({ single: true, problem, call: `${target.name}(${single.args.map(show).join(', ')})` })
  }
  if (count === 0) {
    const { target, args } = caseOf(from)
    return process.send({
      described: true,
      name: target.name,
      args,
      call: `${target.name}(${args.map(show).join(', ')})`,
    })
  }
  for (let number = from; number < from + count; number++) {
    const { target, args } = caseOf(number)
    writeSync(file, String(number).padStart(12), 0)
    const problem = run(target, args)
    if (problem !== null) report(number, target, args, problem)
  }
  process.send({ done: from + count })
})
// A thread of its own notices that the parent has gone, even while a case keeps this one busy.
new Worker(
  `const parent = process.ppid
   setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 500)`,
  { eval: true },
).unref()
process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', (error) => {
  process.send({ problem: `uncaught ${error?.stack}`, number: -1, name: 'uncaught', call: '' })
})
process.send({ ready: true, targets: all.length })
