// Programs for soak.test.ts, each in a Node of its own: `node --expose-gc run.mjs NAME`. What they print is a JSON object.
import { existsSync, readFileSync } from 'node:fs'
import { collect, memory, noGrad, ones, tensor, zeros } from '@flambeau/core'

const rss = () => process.memoryUsage.rss()
/** By Linux's own account where there is one: maxRSS counts what the parent held when it started this process. */
function peakRss() {
  const status = '/proc/self/status'
  const high = existsSync(status) ? /^VmHWM:\s+(\d+)/m.exec(readFileSync(status, 'utf8')) : null
  return (high === null ? process.resourceUsage().maxRSS : Number(high[1])) * 1024
}
const programs = {
  /** Storages freed while the loop still runs: the event loop never gets a turn. */
  finalizers() {
    const before = memory().inUse
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 50; i++) {
      for (let k = 0; k < 10; k++) zeros([1 << 18])
      globalThis.gc()
      least = Math.min(least, memory().inUse - before)
    }
    return { least }
  },
  /** 6 GB in all, of which nothing is kept. */
  tensors() {
    for (let i = 0; i < 1500; i++) zeros([1 << 20])
    return { peak: peakRss() }
  },
  /** What survives young collections, as a training step's activations do, is old when it is dropped. */
  old() {
    const before = memory().inUse
    const step = () => {
      const kept = Array.from({ length: 60 }, () => zeros([1 << 20]))
      return (memory().inUse - before) / (kept.length << 22)
    }
    const peaks = Array.from({ length: 30 }, step)
    collect()
    return { peak: Math.max(...peaks), after: memory().inUse - before }
  },
  /** What a graph saved is garbage when its backward pass ends. */
  saved() {
    const w = ones([1 << 20]).requiresGrad_()
    const step = () => {
      let y = w
      for (let i = 0; i < 60; i++) y = y.exp().mul(0.3)
      y.sum().backward()
    }
    for (let i = 0; i < 3; i++) step()
    return { left: memory().inUse }
  },
  /** Small tensors share chunks; those must go too. */
  small() {
    const at = []
    for (let i = 1; i <= 400_000; i++) {
      zeros([3])
      if (i % 100_000 === 0) at.push(rss())
    }
    return { warm: at[1], end: at[3] }
  },
  /** A graph is freed with its result, also without backward. */
  graphs() {
    const w = ones([64, 64]).requiresGrad_()
    const at = []
    for (let i = 1; i <= 20_000; i++) {
      const y = w.mul(w).add(w).mul(2)
      if (i % 3 === 0) y.sum().backward()
      if (i % 5000 === 0) at.push(rss())
    }
    return { warm: at[1], end: at[3] }
  },
  training() {
    const x = ones([16, 8])
    const w = zeros([8]).requiresGrad_()
    const at = []
    for (let i = 1; i <= 20_000; i++) {
      const error = x.mul(w).sum(1).sub(1)
      error.mul(error).sum().backward()
      noGrad(() => w.add_(w.grad.mul(-1e-3)))
      w.grad = null
      if (i % 2500 === 0) at.push(rss())
    }
    return { warm: at[3], end: at[7] }
  },
  /** Backward is a loop, not a recursion, and so is what frees the graph. */
  deep() {
    const w = ones([2]).requiresGrad_()
    let y = w
    for (let i = 0; i < 100_000; i++) y = y.add(1)
    y.sum().backward()
    return { grad: w.grad?.toArray(), last: y.toArray()[0] }
  },
  /** What cannot be had is an error, and the process goes on. */
  exhaustion() {
    let name = 'none'
    try {
      zeros([2 ** 23, 2 ** 22])
    } catch (error) {
      name = error.name
    }
    return { name, after: tensor([1, 2]).add(1).toArray() }
  },
  /** Memory comes back at once where it is asked for. */
  dispose() {
    const before = memory().inUse
    const t = zeros([1 << 20])
    const held = memory().inUse - before
    const view = t.reshape([1 << 10, 1 << 10])
    t.dispose()
    const shared = memory().inUse - before
    view.dispose()
    return { held, shared, after: memory().inUse - before }
  },
}

console.log(JSON.stringify(programs[process.argv[2]]()))
