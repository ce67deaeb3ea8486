// Learning rates and momentum at the start and after each of 49 steps, as PyTorch sets them: fixtures/optim/make_optim.py
// makes them, by the names below.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { ArgumentError, nn, ones, optim } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const s = optim.lrScheduler
const { SWALR } = optim.swaUtils
type Made = {
  step(...metric: number[]): void
  getLastLr(): number[]
  stateDict(): object
  loadStateDict(state: never): void
}
type Row = [make: (o: optim.SGD) => Made, optimizer?: 'Adam' | 'SGD']
const metric = (i: number): number => Math.cos(i / 3) + 30 / (i + 5)

const rows: Record<string, Row> = {
  step: [(o) => new s.StepLR(o, 3, { gamma: 0.5 })],
  multi: [(o) => new s.MultiStepLR(o, [2, 5, 5, 30], { gamma: 0.5 })],
  exp: [(o) => new s.ExponentialLR(o, 0.9)],
  const: [(o) => new s.ConstantLR(o, { factor: 0.25, totalIters: 4 })],
  linear: [(o) => new s.LinearLR(o, { startFactor: 0.25, endFactor: 0.75, totalIters: 6 })],
  'linear longer': [(o) => new s.LinearLR(o, { startFactor: 0.1, totalIters: 40 })],
  poly: [(o) => new s.PolynomialLR(o, { totalIters: 6, power: 2 })],
  'poly longer': [(o) => new s.PolynomialLR(o, { totalIters: 45, power: 0.7 })],
  lambda: [(o) => new s.LambdaLR(o, [(e) => 0.9 ** e, (e) => 1 / (e + 1)])],
  mult: [(o) => new s.MultiplicativeLR(o, () => 0.95)],
  cos: [(o) => new s.CosineAnnealingLR(o, 5, { etaMin: 0.01 })],
  'cos longer': [(o) => new s.CosineAnnealingLR(o, 50)],
  warm: [(o) => new s.CosineAnnealingWarmRestarts(o, 3, { tMult: 2, etaMin: 0.01 })],
  'warm equal': [(o) => new s.CosineAnnealingWarmRestarts(o, 7)],
  onecycle: [(o) => new s.OneCycleLR(o, 1, { totalSteps: 50 })],
  onecycle3: [
    (o) => new s.OneCycleLR(o, [1, 2], { totalSteps: 50, threePhase: true, annealStrategy: 'linear' }),
    'Adam',
  ],
  'onecycle epochs': [
    (o) =>
      new s.OneCycleLR(o, 1, {
        epochs: 10,
        stepsPerEpoch: 5,
        pctStart: 0.4,
        divFactor: 10,
        finalDivFactor: 50,
        cycleMomentum: false,
      }),
  ],
  cyc: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 3, stepSizeDown: 5 })],
  cyc2: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 2, mode: 'triangular2' }), 'Adam'],
  cycexp: [(o) => new s.CyclicLR(o, 0.01, 1, { stepSizeUp: 2, mode: 'exp_range', gamma: 0.9 })],
  cycscale: [
    (o) =>
      new s.CyclicLR(o, 0.01, [1, 2], {
        stepSizeUp: 4,
        scaleFn: (x) => 0.97 ** x,
        scaleMode: 'iterations',
        cycleMomentum: false,
      }),
  ],
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
  plateau: [(o) => new s.ReduceLROnPlateau(o, { factor: 0.5, patience: 1, cooldown: 1, minLr: 0.01 })],
  'plateau max': [
    (o) =>
      new s.ReduceLROnPlateau(o, {
        mode: 'max',
        factor: 0.7,
        patience: 2,
        threshold: 0.05,
        thresholdMode: 'abs',
        minLr: [0.001, 0.1],
      }),
  ],
  swa: [(o) => new SWALR(o, 0.02)],
  'swa linear': [(o) => new SWALR(o, [0.02, 0.3], { annealEpochs: 30, annealStrategy: 'linear' })],
  'swa at once': [(o) => new SWALR(o, 0.02, { annealEpochs: 0 })],
}

const fixture = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/optim/optim.json.gz', import.meta.url))).toString(),
) as { schedules: Record<string, number[][][]> }
const expected = fixture.schedules

function made(kind: 'Adam' | 'SGD'): optim.SGD {
  const groups = [{ params: [new nn.Parameter(ones([1]))] }, { params: [new nn.Parameter(ones([1]))], lr: 0.5 }]
  // Both have what a scheduler changes; the rows only ask for that.
  return (
    kind === 'SGD' ? new optim.SGD(groups, { lr: 0.1, momentum: 0.9 }) : new optim.Adam(groups, { lr: 0.1 })
  ) as optim.SGD
}

const metricAt = (scheduler: Made, i: number): number[] => (scheduler instanceof s.ReduceLROnPlateau ? [metric(i)] : [])

const momentum = (group: object): number => {
  const betas: unknown = Reflect.get(group, 'betas')
  return Array.isArray(betas) ? betas[0] : Reflect.get(group, 'momentum')
}

function check(optimizer: optim.SGD, want: number[][]): void {
  const seen = [optimizer.paramGroups.map(({ lr }) => lr), optimizer.paramGroups.map(momentum)]
  seen.forEach((list, k) => {
    list.forEach((value, g) => {
      expect(value).toBeCloseTo(want[k][g], 10)
    })
  })
}

test('every schedule of the fixture is made here', () => {
  expect(Object.keys(rows).concat('exp swa')).toEqual(Object.keys(expected))
})

test.each(Object.keys(rows))('%s', (name) => {
  const [make, kind = 'SGD'] = rows[name]
  const optimizer = made(kind)
  const scheduler = make(optimizer)
  expected[name].forEach((want, i) => {
    if (i > 0) {
      optimizer.step()
      scheduler.step(...metricAt(scheduler, i - 1))
    }
    check(optimizer, want)
  })
})

test('from another schedule to the constant rate of weight averaging', () => {
  const optimizer = made('SGD')
  const both = [new s.ExponentialLR(optimizer, 0.9), new SWALR(optimizer, 0.02, { annealEpochs: 5 })]
  expected['exp swa'].forEach((want, i) => {
    if (i > 0) both[i <= 20 ? 0 : 1].step()
    check(optimizer, want)
  })
})

test.each(Object.keys(rows))('%s goes on from its state', (name) => {
  const [make, kind = 'SGD'] = rows[name]
  const [a, b] = [made(kind), made(kind)]
  const [first, second] = [make(a), make(b)]
  for (let i = 0; i < 4; i++) first.step(...metricAt(first, i))
  b.loadStateDict(a.stateDict())
  second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())) as never)
  for (const scheduler of [first, second]) scheduler.step(...metricAt(scheduler, 4))
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
