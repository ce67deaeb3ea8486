// What the conformance cases do not say: hooks, in-place writes, views, custom functions, checkpoints, and the checks.
import {
  AutogradError,
  autograd,
  checkpoint,
  F,
  full,
  grad,
  gradcheck,
  gradgradcheck,
  manualSeed,
  memory,
  noGrad,
  ones,
  optim,
  randn,
  type Tensor,
  tensor,
  tidy,
} from '@flambeau/core'
import { describe, expect, test } from '@jest/globals'

const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float64' }).requiresGrad_()

// Each program and its gradient as PyTorch gives it.
const programs: [string, (x: Tensor) => Tensor, number[]][] = [
  ['a view written in place', (x) => { const y = x.clone(); y.at(0).mul_(2); return y }, [2, 1, 1]],
  ['a view of a view', (x) => { const y = x.mul(1); y.view([1, 3]).select(0, 0).narrow(0, 1, 2).mul_(3); return y }, [1, 3, 3]],
  ['a view made before its base was written', (x) => { const y = x.mul(1); const v = y.narrow(0, 0, 1); y.mul_(4); return v }, [4, 0, 0]],
  ['values copied over', (x) => { const y = x.mul(5); y.narrow(0, 0, 2).copy_(x.narrow(0, 1, 2)); return y }, [0, 1, 6]],
  ['a square in place', (x) => { const y = x.mul(1); y.mul_(y); return y }, [2, 4, 6]],
  ['a constant copied over all', (x) => { const y = x.mul(2); y.copy_(ones([3], { dtype: 'float64' })); return y }, [0, 0, 0]],
  ['a leaf used twice around another operator', (x) => x.mul(2).mul(x), [4, 8, 12]],
  ['a write to a view under a permutation', (x) => { const y = x.expand([2, 3]).clone(); y.permute([1, 0]).select(0, 1).mul_(7); return y }, [2, 14, 2]],
] // biome-ignore format: a table

test.each(programs)('%s has the right gradient', (_, program, want) => {
  const x = leaf([1, 2, 3])
  const out = program(x)
  expect(grad(out.sum(), x)[0].toArray()).toEqual(want)
  program(x).sum().backward()
  expect(x.grad?.toArray()).toEqual(want)
})

test('what must not be written to is refused', () => {
  const x = leaf([1, 2])
  const y = x.mul(1)
  const v = noGrad(() => y.narrow(0, 0, 1))
  for (const bad of [() => x.mul_(2), () => x.narrow(0, 0, 1).mul_(2), () => v.mul_(2), () => x.expand([2, 2]).mul_(2)])
    expect(bad).toThrow()
  const z = x.sin()
  noGrad(() => x.mul_(2))
  expect(() => z.sum().backward()).toThrow('modified in place')
  expect(v.requiresGrad).toBe(false)
})

test('gradients are freed unless they are to be kept', () => {
  const y = leaf([2]).exp()
  y.backward(null, { retainGraph: true })
  y.backward()
  expect(() => y.backward()).toThrow(AutogradError)
})

test('hooks see gradients once, and may replace them', () => {
  const x = leaf([1, 2])
  const y = x.mul(3)
  const seen: unknown[] = []
  y.retainGrad()
  const remover = y.registerHook((g) => g.mul(2))
  x.registerHook((g) => void seen.push(g.toArray()))
  x.registerPostAccumulateGradHook((leaf) => {
    seen.push(leaf.grad?.toArray())
    leaf.grad = null
  })
  y.mul(x).sum().backward(null, { retainGraph: true })
  expect(seen).toEqual([
    [9, 18],
    [9, 18],
  ])
  expect(y.grad?.toArray()).toEqual([2, 4])
  expect(x.grad).toBeNull()
  remover.remove()
  expect(() => tensor([1]).registerHook(() => {})).toThrow(AutogradError)
})

test('leaves share no gradient', () => {
  const [a, b] = [leaf([1]), leaf([1])]
  a.add(b).backward(null, { createGraph: true })
  a.add(b).backward()
  expect([a.grad?.item(), b.grad?.item()]).toEqual([2, 2])
})

test('gradients give their memory back while the pass goes on', () => {
  const MB = 2 ** 20
  const x = ones([2 * MB]).requiresGrad_()
  let y: Tensor = x
  let held = Number.POSITIVE_INFINITY
  let before = 0
  for (let i = 0; i < 12; i++) {
    y = y.sin()
    // Called when the pass has all but one step behind it.
    if (i === 0)
      y.registerHook(() => {
        held = memory().inUse - before
      })
  }
  const loss = y.sum()
  before = memory().inUse
  loss.backward()
  // Each step makes a cosine and a product of 8 MB: 22 of them are 176 MB. What was saved goes back, too.
  expect(held).toBeLessThan(24 * MB)
  expect(x.grad?.numel()).toBe(2 * MB)
})

test('a gradient that somebody sees stays', () => {
  const x = leaf([1, 2, 3])
  const seen: Tensor[] = []
  const y = x.mul(2)
  y.requiresGrad_().registerHook((g) => {
    seen.push(g)
  })
  const z = y.add(x)
  z.retainGrad()
  const [dy] = grad(z.sum(), y, { retainGraph: true })
  z.sum().backward()
  expect([...seen, z.grad, x.grad, dy].map((t) => t?.toArray())).toEqual([
    [1, 1, 1],
    [1, 1, 1],
    // retainGrad adds what grad() saw to what backward() saw, as in PyTorch.
    [2, 2, 2],
    [3, 3, 3],
    [1, 1, 1],
  ])
})

test('a chain of 100,000 operators runs backward', () => {
  const x = leaf([1])
  let y = x
  for (let i = 0; i < 100_000; i++) y = y.add(x)
  y.backward()
  expect(x.grad?.item()).toBe(100_001)
})

class Cube extends autograd.Function {
  static forward(ctx: autograd.FunctionContext, x: Tensor, factor: number): Tensor {
    ctx.saveForBackward(x)
    return x.mul(x).mul(x).mul(factor)
  }
  static backward(ctx: autograd.FunctionContext, g: Tensor): (Tensor | null)[] {
    const [x] = ctx.savedTensors
    return [g.mul(x.mul(x).mul(6)), null]
  }
}

class Halves extends autograd.Function {
  static forward(_: autograd.FunctionContext, x: Tensor): Tensor[] {
    return [x.narrow(0, 0, 1).clone(), x.narrow(0, 1, 1).clone()]
  }
  static backward(_: autograd.FunctionContext, a: Tensor, b: Tensor): Tensor {
    return tensor([a.item(), b.item()], { dtype: 'float64' })
  }
}

test('custom functions are differentiated, twice as well', () => {
  const x = leaf([0.5, -1.5])
  expect(gradcheck((t: Tensor) => Cube.apply(t, 2), [x])).toBe(true)
  expect(gradgradcheck((t: Tensor) => Cube.apply(t, 2), [x])).toBe(true)
  Halves.apply(x)[1].backward()
  expect(x.grad?.toArray()).toEqual([0, 1])
})

test('the check names what is wrong', () => {
  class Wrong extends autograd.Function {
    static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
      ctx.saveForBackward(x)
      return x.mul(x)
    }
    static backward(ctx: autograd.FunctionContext, g: Tensor): Tensor {
      return g.mul(ctx.savedTensors[0])
    }
  }
  const x = leaf([3])
  expect(() => gradcheck((t: Tensor) => Wrong.apply(t), [x])).toThrow(
    /output 0 at \[0\] with respect to input 0 at \[0\] is 6.* 3 by backward/,
  )
  expect(gradcheck((t: Tensor) => Wrong.apply(t), [x], { raiseException: false })).toBe(false)
  expect(() => gradcheck((t: Tensor) => t, [ones([1])])).toThrow('requires grad')
})

test('a checkpoint has the same gradients, random numbers and second gradients included', () => {
  const weight = leaf([0.3, 0.7])
  const body = (t: Tensor): Tensor => F.dropout(t.mul(weight).sin(), { p: 0.5 }).exp().mul(t)
  const run = (wrapped: boolean): unknown[] => {
    manualSeed(0)
    const x = leaf([1, 2])
    const y = (wrapped ? checkpoint(body, x) : body(x)).sum()
    const after = randn([1]).item()
    const [gx, gw] = grad(y, [x, weight], { createGraph: true })
    const [second] = grad(gx.sum().add(gw.sum()), [x])
    return [y.item(), after, gx.toArray(), gw.toArray(), second.toArray()]
  }
  expect(run(true)).toEqual(run(false))
})

describe('the memory of gradients', () => {
  const used = () => memory().inUse

  test('that nobody has read goes back when another takes its place', () => {
    const w = randn([256, 256]).requiresGrad_()
    const backward = () => tidy(() => w.mul(2).sum().backward())
    backward()
    const one = used()
    w.grad = null
    expect(one - used()).toBe(256 * 256 * 4)
    for (let i = 0; i < 3; i++) {
      backward()
      w.grad = null
    }
    backward()
    expect(used()).toBe(one)
  })

  test('optimizers do not count as readers', () => {
    const w = randn([256, 256]).requiresGrad_()
    for (const optimizer of [
      new optim.Adam([w]),
      new optim.AdamW([w]),
      new optim.SGD([w], { lr: 0.1, momentum: 0.9 }),
    ]) {
      const step = () => {
        tidy(() => w.mul(2).sum().backward())
        noGrad(() => optimizer.step())
      }
      step()
      optimizer.zeroGrad()
      const none = used()
      step()
      optimizer.zeroGrad()
      expect(used()).toBe(none)
    }
  })

  test('that somebody has read stays theirs', () => {
    const w = ones([3]).requiresGrad_()
    w.mul(2).sum().backward()
    const { grad } = w
    w.grad = null
    expect(grad?.toArray()).toEqual([2, 2, 2])
    const given = full([3], 5)
    w.grad = given
    w.grad = null
    expect(given.toArray()).toEqual([5, 5, 5])
  })

  test('what a hook does to one leaf does not reach another that gets the same gradient', () => {
    const [a, b] = [ones([3]).requiresGrad_(), ones([3]).requiresGrad_()]
    const found: unknown[] = []
    for (const t of [a, b])
      t.registerPostAccumulateGradHook((leaf) => {
        found.push(leaf.grad?.mul_(10).toArray())
        leaf.grad = null
      })
    a.add(b).mul(2).sum().backward()
    const optimizer = new optim.SGD([a, b], { lr: 1 })
    for (const t of [a, b])
      t.registerPostAccumulateGradHook(() => {
        optimizer.step()
        optimizer.zeroGrad()
      })
    a.add(b).mul(2).sum().backward()
    expect(found).toEqual([1, 2, 3, 4].map(() => [20, 20, 20]))
  })

  test('a hook that keeps what it sees can go on using it', () => {
    const w = ones([3]).requiresGrad_()
    const seen: Tensor[] = []
    w.registerHook((g) => {
      seen.push(g)
    })
    w.mul(2).sum().backward()
    w.grad = null
    expect(seen.map((g) => g.toArray())).toEqual([[2, 2, 2]])
  })
})
