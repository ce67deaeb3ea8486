// Learning rates and momentum after each step, as PyTorch sets them: fixtures/schedulers.json holds, by the names below,
// [[lr of each group], [momentum of each group]] at the start and after each step of the schedulers made as here, for
// torch.optim.SGD([{'params': [a]}, {'params': [b], 'lr': 0.5}], lr=0.1, momentum=0.9), or Adam in its place.
import { readFileSync } from 'node:fs'
import { ArgumentError, nn, ones, optim } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const s = optim.lrScheduler
type Made = {
  step(...metric: number[]): void
  getLastLr(): number[]
  stateDict(): object
  loadStateDict(state: never): void
}
type Row = [make: (o: optim.SGD) => Made, optimizer?: 'Adam' | 'SGD', metrics?: number[]]

const rows: Record<string, Row> = {
  step: [(o) => new s.StepLR(o, 3, { gamma: 0.5 })],
  multi: [(o) => new s.MultiStepLR(o, [2, 5, 5], { gamma: 0.5 })],
  exp: [(o) => new s.ExponentialLR(o, 0.9)],
  const: [(o) => new s.ConstantLR(o, { factor: 0.25, totalIters: 4 })],
  linear: [(o) => new s.LinearLR(o, { startFactor: 0.25, endFactor: 0.75, totalIters: 6 })],
  poly: [(o) => new s.PolynomialLR(o, { totalIters: 6, power: 2 })],
  lambda: [(o) => new s.LambdaLR(o, [(e) => 0.9 ** e, (e) => 1 / (e + 1)])],
  mult: [(o) => new s.MultiplicativeLR(o, () => 0.95)],
  cos: [(o) => new s.CosineAnnealingLR(o, 5, { etaMin: 0.01 })],
  warm: [(o) => new s.CosineAnnealingWarmRestarts(o, 3, { tMult: 2, etaMin: 0.01 })],
  onecycle: [(o) => new s.OneCycleLR(o, 1, { totalSteps: 14 })],
  onecycle3: [
    (o) => new s.OneCycleLR(o, [1, 2], { totalSteps: 14, threePhase: true, annealStrategy: 'linear' }),
    'Adam',
  ],
  cyc: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 3, stepSizeDown: 5 })],
  cyc2: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 2, mode: 'triangular2' }), 'Adam'],
  cycexp: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 2, mode: 'exp_range', gamma: 0.9 })],
  seq: [
    (o) =>
      new s.SequentialLR(
        o,
        [
          new s.ConstantLR(o, { factor: 0.1, totalIters: 3 }),
          new s.ExponentialLR(o, 0.9),
          new s.CosineAnnealingLR(o, 4),
        ],
        [3, 7],
      ),
  ],
  chain: [
    (o) => new s.ChainedScheduler([new s.ConstantLR(o, { factor: 0.1, totalIters: 3 }), new s.ExponentialLR(o, 0.9)]),
  ],
  plateau: [
    (o) => new s.ReduceLROnPlateau(o, { factor: 0.5, patience: 1, cooldown: 1, minLr: 0.01 }),
    'SGD',
    [1, 0.9, 0.95, 0.96, 0.97, 0.98, 0.5, 0.6, 0.6],
  ],
}

const expected = JSON.parse(readFileSync(new URL('fixtures/schedulers.json', import.meta.url), 'utf8')) as Record<
  string,
  number[][][]
>

function made(kind: 'Adam' | 'SGD'): optim.SGD {
  const groups = [{ params: [new nn.Parameter(ones([1]))] }, { params: [new nn.Parameter(ones([1]))], lr: 0.5 }]
  // Both have what a scheduler changes; the rows only ask for that.
  return (
    kind === 'SGD' ? new optim.SGD(groups, { lr: 0.1, momentum: 0.9 }) : new optim.Adam(groups, { lr: 0.1 })
  ) as optim.SGD
}

const metricAt = (metrics: number[] | undefined, i: number): number[] => (metrics ? [metrics[i]] : [])

const momentum = (group: object): number => {
  const betas: unknown = Reflect.get(group, 'betas')
  return Array.isArray(betas) ? betas[0] : Reflect.get(group, 'momentum')
}

test.each(Object.keys(expected))('%s', (name) => {
  const [make, kind = 'SGD', metrics] = rows[name]
  const optimizer = made(kind)
  const scheduler = make(optimizer)
  const seen = (): number[][] => [optimizer.paramGroups.map(({ lr }) => lr), optimizer.paramGroups.map(momentum)]
  expected[name].forEach((want, i) => {
    if (i > 0) {
      optimizer.step()
      scheduler.step(...metricAt(metrics, i - 1))
    }
    seen().forEach((list, k) => {
      list.forEach((value, g) => {
        expect(value).toBeCloseTo(want[k][g], 10)
      })
    })
  })
})

test.each(Object.keys(rows))('%s goes on from its state', (name) => {
  const [make, kind = 'SGD', metrics] = rows[name]
  const [a, b] = [made(kind), made(kind)]
  const [first, second] = [make(a), make(b)]
  for (let i = 0; i < 4; i++) first.step(...metricAt(metrics, i))
  b.loadStateDict(a.stateDict())
  second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())) as never)
  for (const scheduler of [first, second]) scheduler.step(...metricAt(metrics, 4))
  expect(second.getLastLr()).toEqual(first.getLastLr())
})

test('refuses what makes no schedule', () => {
  const optimizer = made('SGD')
  for (const bad of [
    () => new s.StepLR(optimizer, 0),
    () => new s.LinearLR(optimizer, { startFactor: 0 }),
    () => new s.OneCycleLR(optimizer, 1, {}),
    () => new s.LambdaLR(optimizer, [() => 1]),
    () => new s.SequentialLR(optimizer, [], []),
    () => new s.CyclicLR(new optim.Adagrad([new nn.Parameter(ones([1]))]), 0.1, 1),
  ])
    expect(bad).toThrow(ArgumentError)
})
