import { enableGrad, noGrad } from '../autograd/mode.js'
import { ArgumentError } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import { cat, clone } from '../ops/index.js'
import { Tensor } from '../tensor/tensor.js'
import { Optimizer, type OptimizerOptions, type ParamGroup, type Params, type StateValue } from './optimizer.js'
import { largest, strongWolfe } from './wolfe.js'

export interface LBFGSOptions extends OptimizerOptions {
  /** Default 1. */
  readonly lr?: number
  /** Iterations a step. Default 20. */
  readonly maxIter?: number
  /** Evaluations a step; null for 5/4 of `maxIter`. Default null. */
  readonly maxEval?: number | null
  /** Stop where no gradient is larger. Default 1e-7. */
  readonly toleranceGrad?: number
  /** Stop where nothing changes by more. Default 1e-9. */
  readonly toleranceChange?: number
  /** Updates that are remembered. Default 100. */
  readonly historySize?: number
  /** The line search; null takes steps of `lr`. Default null. */
  readonly lineSearchFn?: 'strong_wolfe' | null
}

const dot = (a: Tensor, b: Tensor): number => a.mul(b).sum().item()

/** What the quasi-Newton method remembers from step to step. */
interface Memory {
  funcEvals: number
  iterations: number
  direction: Tensor | null
  t: number
  /** Differences of gradients, differences of positions, and one over their products. */
  ys: Tensor[]
  steps: Tensor[]
  ro: number[]
  scale: number
  previousGrad: Tensor | null
  previousLoss: number
}

/**
 * Limited-memory BFGS; `step` needs a closure that computes the loss and its gradients.
 * [Liu and Nocedal, 1989](https://doi.org/10.1007/BF01589116)
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  static readonly signature: string =
    'LBFGS(params, {lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn})'
  protected override readonly foreign = {}

  constructor(params: Params<LBFGSOptions>, options: LBFGSOptions = {}) {
    const { maxIter = 20 } = options
    super(params, {
      lr: 1,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
      ...options,
      maxIter,
      maxEval: options.maxEval ?? Math.floor((maxIter * 5) / 4),
    })
    if (this.paramGroups.length !== 1)
      throw new ArgumentError(`LBFGS: expected one group of parameters, got ${this.paramGroups.length}`)
  }

  protected override check({ lr, lineSearchFn }: ParamGroup<LBFGSOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(
      lineSearchFn === null || lineSearchFn === 'strong_wolfe',
      'lineSearchFn',
      "null or 'strong_wolfe'",
      lineSearchFn,
    )
  }

  protected override update(): void {
    throw new ArgumentError('LBFGS: step needs a closure')
  }

  /** Minimises for up to `maxIter` iterations. @returns the loss before */
  override step(): undefined
  override step(closure: () => Tensor): Tensor
  override step(closure?: () => Tensor): Tensor | undefined {
    if (closure === undefined)
      throw new ArgumentError('LBFGS: step needs a closure that computes the loss and its gradients')
    return noGrad(() => this.#minimise(() => enableGrad(closure)))
  }

  #minimise(closure: () => Tensor): Tensor {
    const [group] = this.paramGroups
    const { lr, maxIter, toleranceGrad, toleranceChange, lineSearchFn } = group
    const maxEval = group.maxEval ?? Math.floor((maxIter * 5) / 4)
    const memory = this.#remember()
    const first = closure()
    let loss: number = first.item()
    let evaluations = 1
    memory.funcEvals++
    let grad = this.#flatGrad()
    if (largest(grad) <= toleranceGrad) {
      this.#keep(memory)
      return first
    }
    for (let n = 1; n <= maxIter; n++) {
      memory.iterations++
      const direction = this.#direction(memory, grad, group.historySize)
      memory.direction = direction
      memory.previousGrad = clone(grad)
      memory.previousLoss = loss
      memory.t = memory.iterations === 1 ? Math.min(1, 1 / grad.abs().sum().item<number>()) * lr : lr
      const slope = dot(grad, direction)
      if (slope > -toleranceChange) break
      let spent = 0
      if (lineSearchFn !== null) {
        const start = this.#params.map((param) => clone(param))
        const found = strongWolfe(
          (t) => this.#evaluateAt(closure, start, t, direction),
          memory.t,
          direction,
          loss,
          grad,
          slope,
          maxEval - evaluations,
        )
        loss = found.loss
        grad = found.grad
        memory.t = found.t
        spent = found.evaluations
        this.#move(memory.t, direction)
      } else {
        this.#move(memory.t, direction)
        if (n !== maxIter) {
          loss = closure().item()
          grad = this.#flatGrad()
          spent = 1
        }
      }
      evaluations += spent
      memory.funcEvals += spent
      if (n === maxIter || evaluations >= maxEval || largest(grad) <= toleranceGrad) break
      if (largest(direction) * Math.abs(memory.t) <= toleranceChange) break
      if (Math.abs(loss - memory.previousLoss) < toleranceChange) break
    }
    this.#keep(memory)
    return first
  }

  /** The approximate inverse Hessian times the gradient, downhill. */
  #direction(memory: Memory, grad: Tensor, history: number): Tensor {
    const { previousGrad, direction } = memory
    if (memory.iterations === 1 || previousGrad === null || direction === null) {
      memory.ys = []
      memory.steps = []
      memory.ro = []
      memory.scale = 1
      return grad.neg()
    }
    const y = grad.sub(previousGrad)
    const s = direction.mul(memory.t)
    const product = dot(y, s)
    if (product > 1e-10) {
      if (memory.ys.length === history) for (const list of [memory.ys, memory.steps, memory.ro]) list.shift()
      memory.ys.push(y)
      memory.steps.push(s)
      memory.ro.push(1 / product)
      memory.scale = product / dot(y, y)
    }
    const { ys, steps, ro } = memory
    const q = grad.neg()
    const al = new Array<number>(ys.length)
    for (let i = ys.length - 1; i >= 0; i--) {
      al[i] = dot(steps[i], q) * ro[i]
      q.add_(ys[i], { alpha: -al[i] })
    }
    const r = q.mul(memory.scale)
    for (let i = 0; i < ys.length; i++) r.add_(steps[i], { alpha: al[i] - dot(ys[i], r) * ro[i] })
    return r
  }

  get #params(): Tensor[] {
    return this.paramGroups[0].params
  }

  #flatGrad(): Tensor {
    return cat(
      this.#params.map(({ grad, shape, dtype, device }) => (grad ?? fillRaw(shape, 0, dtype, device)).reshape([-1])),
    )
  }

  #move(t: number, direction: Tensor): void {
    let at = 0
    for (const param of this.#params) {
      const n = param.numel()
      param.add_(direction.narrow(0, at, n).reshape(param.shape), { alpha: t })
      at += n
    }
  }

  #evaluateAt(
    closure: () => Tensor,
    start: readonly Tensor[],
    t: number,
    direction: Tensor,
  ): { loss: number; grad: Tensor } {
    this.#move(t, direction)
    const loss: number = closure().item()
    const grad = this.#flatGrad()
    this.#params.forEach((param, i) => {
      param.copy_(start[i])
    })
    return { loss, grad }
  }

  // The method has one state for all parameters; it is kept with the first.

  #remember(): Memory {
    const state = this.state.get(this.#params[0]) ?? {}
    const number = (key: string, otherwise: number): number => (typeof state[key] === 'number' ? state[key] : otherwise)
    const list = (key: string): readonly StateValue[] => (Array.isArray(state[key]) ? state[key] : [])
    const tensor = (key: string): Tensor | null => (state[key] instanceof Tensor ? state[key] : null)
    return {
      funcEvals: number('func_evals', 0),
      iterations: number('n_iter', 0),
      direction: tensor('d'),
      t: number('t', 1),
      ys: list('old_dirs').filter((item): item is Tensor => item instanceof Tensor),
      steps: list('old_stps').filter((item): item is Tensor => item instanceof Tensor),
      ro: list('ro').filter((item): item is number => typeof item === 'number'),
      scale: number('H_diag', 1),
      previousGrad: tensor('prev_flat_grad'),
      previousLoss: number('prev_loss', 0),
    }
  }

  #keep(memory: Memory): void {
    this.state.set(this.#params[0], {
      func_evals: memory.funcEvals,
      n_iter: memory.iterations,
      d: memory.direction,
      t: memory.t,
      old_dirs: memory.ys,
      old_stps: memory.steps,
      ro: memory.ro,
      H_diag: memory.scale,
      prev_flat_grad: memory.previousGrad,
      prev_loss: memory.previousLoss,
    })
  }

  protected override packState(key: string, value: StateValue): StateValue {
    const scalar = (number: StateValue): StateValue =>
      typeof number === 'number' ? fillRaw([], number, this.#params[0].dtype, this.#params[0].device) : number
    if (key === 'ro' && Array.isArray(value)) return value.map(scalar)
    return key === 'H_diag' ? scalar(value) : value
  }

  protected override unpackState(key: string, value: StateValue, param: Tensor): StateValue {
    if (value instanceof Tensor && value.ndim === 0) return value.item() as number
    return super.unpackState(key, value, param)
  }

  protected override hasShapeOfParam(): boolean {
    return false
  }
}
