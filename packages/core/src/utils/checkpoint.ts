import { enableGrad, isGradEnabled } from '../autograd/mode.js'
import { type SavedPack, SavedValues, savedHook } from '../autograd/node.js'
import { ArgumentError, AutogradError, describe } from '../errors.js'
import { getRngState, setRngState } from '../ops/index.js'
import { alias } from '../tensor/create.js'
import { type GradNode, Tensor } from '../tensor/tensor.js'

/** Where a value that was not kept stands in the graph. */
interface Trace {
  readonly node: GradNode | null
  readonly output: number
}

/** One run of a function whose intermediate values are computed again for backward. */
class Region {
  readonly #again: () => void
  #count = 0
  #waiting = 0
  #values: SavedValues[] | null = null

  constructor(again: () => void) {
    this.#again = again
  }

  /** For the first run: keeps leaves, which exist anyway, and forgets the rest. */
  pack(values: readonly unknown[]): SavedPack {
    const at = this.#count++
    this.#waiting++
    const traces = values.map((value) =>
      value instanceof Tensor && !value.leafRequiresGrad
        ? ({ node: value.node, output: value.output } satisfies Trace)
        : null,
    )
    const kept = values.map((value) => (value instanceof Tensor && value.leafRequiresGrad ? value : null))
    return {
      values: () => this.#recomputed(at).map((value, i) => kept[i] ?? placed(value, traces[i])),
      release: () => {
        if (--this.#waiting > 0) return
        for (const saved of this.#values ?? []) saved.release()
        this.#values = null
      },
    }
  }

  #recomputed(at: number): readonly unknown[] {
    if (this.#values === null) {
      const collected: SavedValues[] = []
      within((values) => {
        const saved = new SavedValues(values, false)
        collected.push(saved)
        return { values: () => saved.all('checkpoint'), release: () => {} }
      }, this.#again)
      if (collected.length !== this.#count)
        throw new AutogradError(
          `checkpoint: the function saved ${this.#count} operators' values in its first run and ${collected.length} in the second; it must do the same each time`,
        )
      this.#values = collected
    }
    return this.#values[at].all('checkpoint')
  }
}

/** A recomputed value in the graph of the first run, so that it can be differentiated again. */
function placed(value: unknown, trace: Trace | null): unknown {
  if (!(value instanceof Tensor) || trace === null) return value
  const copy = alias(value)
  copy.node = trace.node
  copy.output = trace.output
  return copy
}

function within<R>(pack: (values: readonly unknown[]) => SavedPack, body: () => R): R {
  const outer = savedHook.pack
  savedHook.pack = pack
  try {
    return body()
  } finally {
    savedHook.pack = outer
  }
}

/**
 * Runs `fn` without keeping its intermediate values: backward computes them again. Costs a second forward pass, saves
 * the memory of all but the inputs and the result. Random operators draw the same numbers again.
 *
 * [Chen et al., 2016](https://arxiv.org/abs/1604.06174)
 *
 * @param fn must do the same each time
 * @example
 * ```ts
 * import { checkpoint, tensor } from '@flambeau/core'
 * const x = tensor([0.5]).requiresGrad_()
 * checkpoint((t) => t.exp().exp(), x).backward()
 * console.log(x.grad?.item().toFixed(4)) // → 8.5739
 * ```
 */
export function checkpoint<Args extends unknown[], R>(fn: (...args: Args) => R, ...args: Args): R {
  if (typeof fn !== 'function') throw new ArgumentError(`checkpoint: expected a function, got ${describe(fn)}`)
  if (!isGradEnabled()) return fn(...args)
  const random = getRngState()
  const region = new Region(() => {
    const now = getRngState()
    setRngState(random)
    try {
      enableGrad(() => fn(...args))
    } finally {
      setRngState(now)
    }
  })
  return within(
    (values) => region.pack(values),
    () => fn(...args),
  )
}
