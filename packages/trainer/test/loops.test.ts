// What the loops do: order, limits, steps, optimizers, evaluation.

import { F, manualSeed, nn, noGrad, ones, optim, type Tensor, tensor } from '@flambeau/core'
import { Accuracy } from '@flambeau/core/metrics'
import { Callback, LambdaCallback, LightningDataModule, LightningModule, lrFind, type Trainer } from '@flambeau/trainer'
import { describe, expect, test } from '@jest/globals'
import { loader, type Pair, Plane, points, quiet } from './support/plane.js'

test('hooks come in order: of callbacks, then of the module', async () => {
  const seen: string[] = []
  const names = [
    'setup',
    'onFitStart',
    'onSanityCheckStart',
    'onSanityCheckEnd',
    'onTrainStart',
    'onTrainEpochStart',
    'onTrainBatchStart',
    'onBeforeZeroGrad',
    'onBeforeBackward',
    'onAfterBackward',
    'onBeforeOptimizerStep',
    'onTrainBatchEnd',
    'onValidationStart',
    'onValidationEpochStart',
    'onValidationBatchStart',
    'onValidationBatchEnd',
    'onValidationEpochEnd',
    'onValidationEnd',
    'onTrainEpochEnd',
    'onTrainEnd',
    'onFitEnd',
    'teardown',
  ] as const
  const recorder = new LambdaCallback(Object.fromEntries(names.map((name) => [name, () => void seen.push(name)])))
  class Own extends Plane {
    override onTrainEpochEnd(): void {
      seen.push('module')
    }
  }
  await quiet({
    callbacks: [recorder],
    maxEpochs: 1,
    limitTrainBatches: 1,
    limitValBatches: 1,
    numSanityValSteps: 0,
  }).fit(new Own(), {
    trainDataloaders: loader(),
    valDataloaders: loader(),
  })
  expect(seen).toEqual([
    ...names
      .filter((name) => !name.includes('Sanity'))
      .flatMap((name) => (name === 'onTrainEpochEnd' ? [name, 'module'] : [name])),
  ])
})

describe('limits', () => {
  const steps = async (options: object): Promise<number[]> => {
    const seen = [0, 0]
    const count = new LambdaCallback({
      onTrainBatchEnd: () => void seen[0]++,
      onValidationBatchEnd: () => void seen[1]++,
    })
    const trainer = quiet({ numSanityValSteps: 0, maxEpochs: 2, callbacks: [count], ...options })
    await trainer.fit(new Plane(), { trainDataloaders: loader(), valDataloaders: loader() })
    return [...seen, trainer.globalStep, trainer.currentEpoch]
  }
  // 8 batches an epoch: training batches, validation batches, optimizer steps, epochs.
  test.each([
    [{}, [16, 16, 16, 2]],
    [{ maxSteps: 11, maxEpochs: -1 }, [11, 16, 11, 2]],
    [{ limitTrainBatches: 0.5, limitValBatches: 3 }, [8, 6, 8, 2]],
    [{ limitTrainBatches: 1 }, [2, 16, 2, 2]],
    [{ limitValBatches: 0 }, [16, 0, 16, 2]],
    [{ accumulateGradBatches: 3 }, [16, 16, 6, 2]],
    [{ valCheckInterval: 0.25, limitValBatches: 1 }, [16, 8, 16, 2]],
    [{ valCheckInterval: 3, limitValBatches: 1 }, [16, 4, 16, 2]],
    [{ valCheckInterval: 3, checkValEveryNEpoch: null, limitValBatches: 1 }, [16, 5, 16, 2]],
    [{ checkValEveryNEpoch: 2 }, [16, 8, 16, 2]],
    [{ fastDevRun: true }, [1, 1, 1, 1]],
    [{ fastDevRun: 3 }, [3, 3, 3, 1]],
    [{ overfitBatches: 2 }, [4, 4, 4, 2]],
    [{ maxTime: '00:00:00:00' }, [1, 8, 1, 1]],
    [{ maxTime: '00:00:00:00', minSteps: 10 }, [10, 16, 10, 2]],
  ])('%j', async (options, expected) => {
    expect(await steps(options)).toEqual(expected)
  })
})

test('gradients of several batches add up to those of one, and are clipped', async () => {
  const weights = async (batch: number, parts: number, clip: number | null): Promise<Tensor> => {
    manualSeed(1)
    const plane = new Plane()
    await quiet({ maxEpochs: 3, accumulateGradBatches: parts, gradientClipVal: clip }).fit(plane, {
      trainDataloaders: loader(batch),
    })
    return plane.layer.weight
  }
  const whole = await weights(32, 1, null)
  expect((await weights(8, 4, null)).sub(whole).abs().amax().item()).toBeLessThan(1e-6)
  expect((await weights(32, 1, 0.1)).sub(whole).abs().amax().item()).toBeGreaterThan(1e-3)
})

test('what is logged adds up over an epoch, by batch size, and metrics are reset', async () => {
  const seen: Record<string, number>[] = []
  class Logging extends Plane {
    accuracy = new Accuracy({ task: 'binary' })
    override trainingStep([x, y]: Pair, index: number): Tensor {
      this.log('index', index, { onStep: false, onEpoch: true })
      this.log('most', index, { onStep: false, onEpoch: true, reduceFx: 'max' })
      this.log('sum', 1, { onStep: false, onEpoch: true, reduceFx: 'sum' })
      this.accuracy.update(tensor([0.9, 0.1]), tensor([1n, BigInt(index % 2)]))
      this.log('accuracy', this.accuracy, { onStep: false, onEpoch: true })
      return F.mseLoss(this.forward(x), y)
    }
    override onTrainEpochEnd(): void {
      this.log('late', this.currentEpoch)
    }
  }
  const trainer = quiet({
    maxEpochs: 2,
    callbacks: [new LambdaCallback({ onTrainEpochEnd: (t: Trainer) => void seen.push(t.callbackMetrics) })],
  })
  // Batches of 30, 30 and 4.
  await trainer.fit(new Logging(), { trainDataloaders: loader(30) })
  const expected = { index: (0 * 30 + 1 * 30 + 2 * 4) / 64, most: 2, sum: 3, accuracy: 5 / 6 }
  for (const metrics of seen)
    for (const [name, value] of Object.entries(expected)) expect(metrics[name]).toBeCloseTo(value, 6)
  expect(trainer.callbackMetrics.late).toBe(1)
})

test('schedulers step by step or epoch, and on a plateau of what is logged', async () => {
  class Scheduled extends Plane {
    constructor(readonly config: (optimizer: optim.SGD) => object) {
      super()
    }
    override configureOptimizers() {
      const optimizer = new optim.SGD(this.parameters(), { lr: 1 })
      return { optimizer, lrScheduler: this.config(optimizer) as never }
    }
    override trainingStep([x, y]: Pair): Tensor {
      this.log('flat', 1, { onStep: false, onEpoch: true })
      return F.mseLoss(this.forward(x), y).mul(0)
    }
  }
  const rate = async (config: (optimizer: optim.SGD) => object): Promise<number> => {
    const trainer = quiet({ maxEpochs: 3 })
    await trainer.fit(new Scheduled(config), { trainDataloaders: loader() })
    return trainer.optimizers[0].paramGroups[0].lr
  }
  const { ExponentialLR, ReduceLROnPlateau } = optim.lrScheduler
  expect(await rate((o) => new ExponentialLR(o, 0.5))).toBeCloseTo(0.5 ** 3)
  expect(await rate((o) => ({ scheduler: new ExponentialLR(o, 0.5), interval: 'step', frequency: 4 }))).toBeCloseTo(
    0.5 ** 6,
  )
  expect(
    await rate((o) => ({ scheduler: new ReduceLROnPlateau(o, { patience: 0, factor: 0.5 }), monitor: 'flat' })),
  ).toBeCloseTo(0.25)
  await expect(rate((o) => ({ scheduler: new ReduceLROnPlateau(o), monitor: 'val_los' }))).rejects.toThrow(
    /ReduceLROnPlateau: nothing logs its monitor 'val_los' \(logged: flat\); log it by this\.log/,
  )
  await expect(rate((o) => new ReduceLROnPlateau(o))).rejects.toThrow(/needs the name of a logged metric/)
})

test('manual optimization of two optimizers', async () => {
  class Two extends LightningModule<Pair> {
    a = new nn.Linear(3, 1)
    b = new nn.Linear(3, 1)
    override automaticOptimization = false
    override forward(x: Tensor): Tensor {
      return this.a.forward(x).add(this.b.forward(x))
    }
    override trainingStep([x, y]: Pair): void {
      for (const optimizer of this.optimizers()) {
        optimizer.zeroGrad()
        this.manualBackward(F.mseLoss(this.forward(x), y))
        optimizer.step()
      }
    }
    override configureOptimizers() {
      return [new optim.SGD(this.a.parameters(), { lr: 0.05 }), new optim.SGD(this.b.parameters(), { lr: 0.01 })]
    }
  }
  const two = new Two()
  const before = two.b.weight.detach().clone()
  const steps: number[] = []
  const trainer = quiet({
    maxEpochs: 2,
    callbacks: [new LambdaCallback({ onBeforeOptimizerStep: (t: Trainer) => void steps.push(t.globalStep) })],
  })
  await trainer.fit(two, { trainDataloaders: loader() })
  expect(trainer.globalStep).toBe(32)
  expect(steps).toEqual(Array.from({ length: 32 }, (_, i) => i))
  expect(two.b.weight.sub(before).abs().sum().item()).toBeGreaterThan(0)
  two.automaticOptimization = true
  await expect(quiet({ maxEpochs: 1 }).fit(two, { trainDataloaders: loader() })).rejects.toThrow(
    /2 optimizers need manual optimization/,
  )
})

test('LBFGS computes its loss several times in a step', async () => {
  class Exact extends Plane {
    override configureOptimizers() {
      return new optim.LBFGS(this.parameters(), { lr: 0.5, maxIter: 10 })
    }
  }
  const exact = new Exact()
  const trainer = quiet({ maxEpochs: 3 })
  await trainer.fit(exact, { trainDataloaders: loader(64) })
  expect(trainer.globalStep).toBe(3)
  expect(trainer.callbackMetrics.train_loss).toBeLessThan(1e-2)
})

test('validate, test and predict give what was logged and computed, for each loader', async () => {
  const plane = new Plane()
  noGrad(() => {
    plane.layer.weight.copy_(ones([1, 3]))
    plane.layer.bias?.zero_()
  })
  const trainer = quiet()
  expect((await trainer.validate(plane, { dataloaders: loader() }))[0].val_loss).toBeLessThan(1e-10)
  const several = await trainer.test(plane, { dataloaders: [loader(), loader(32)] })
  expect(several.map((metrics) => Object.keys(metrics))).toEqual([
    ['test_loss/dataloader_idx_0'],
    ['test_loss/dataloader_idx_1'],
  ])
  const outputs = (await trainer.predict(plane, { dataloaders: loader() })) as Tensor[]
  expect(outputs.map((t) => t.shape)).toEqual(Array.from({ length: 8 }, () => [8, 1]))
  expect(outputs[0].requiresGrad).toBe(false)
  expect(plane.training).toBe(true)
})

test('a data module is asked for what each stage needs', async () => {
  const asked: string[] = []
  class Points extends LightningDataModule<Pair> {
    override prepareData(): void {
      asked.push('prepareData')
    }
    override setup(stage: string): void {
      asked.push(stage)
    }
    override trainDataloader() {
      return loader()
    }
    override testDataloader() {
      return loader()
    }
  }
  const datamodule = new Points()
  await quiet({ maxEpochs: 1 }).fit(new Plane(), { datamodule })
  await quiet().test(new Plane(), { datamodule })
  expect(asked).toEqual(['prepareData', 'fit', 'prepareData', 'test'])
  await expect(quiet().predict(new Plane(), { datamodule })).rejects.toThrow(
    /predict: expected a loader.*predictDataloader/,
  )
})

test('precision: 64 bits and bfloat16', async () => {
  for (const [precision, dtype] of [
    ['64-true', 'float64'],
    ['bf16-true', 'bfloat16'],
    [32, 'float32'],
  ] as const) {
    const plane = new Plane()
    const trainer = quiet({ maxEpochs: 1, precision })
    await trainer.fit(plane, { trainDataloaders: loader() })
    expect(plane.layer.weight.dtype).toBe(dtype)
    expect(trainer.callbackMetrics.train_loss).toBeGreaterThan(0)
  }
})

test('a batch is skipped where the step gives nothing, and asynchronous steps are waited for', async () => {
  class Skipping extends LightningModule<Pair> {
    layer = new nn.Linear(3, 1)
    override forward(x: Tensor): Tensor {
      return this.layer.forward(x)
    }
    override async trainingStep([x, y]: Pair, index: number) {
      await Promise.resolve()
      return index % 2 === 0 ? F.mseLoss(this.forward(x), y) : null
    }
    override configureOptimizers() {
      return new optim.SGD(this.parameters(), { lr: 0.1 })
    }
  }
  const trainer = quiet({ maxEpochs: 1 })
  await trainer.fit(new Skipping(), { trainDataloaders: loader() })
  expect(trainer.globalStep).toBe(4)
})

test('a loader without a length trains whole epochs, and the last gradients are not lost', async () => {
  const stream = {
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < 5; i++) yield points().getBatch([i, i + 1])
    },
  }
  const trainer = quiet({ maxEpochs: 2, accumulateGradBatches: 2 })
  await trainer.fit(new Plane(), { trainDataloaders: stream })
  expect([trainer.globalStep, trainer.currentEpoch]).toEqual([6, 2])
})

test('the learning-rate finder suggests a rate at which the loss falls, and leaves no trace', async () => {
  manualSeed(2)
  const plane = new Plane()
  const before = plane.layer.weight.detach().clone()
  const finder = await lrFind(plane, { trainDataloaders: loader(), minLr: 1e-5, maxLr: 10, numTraining: 60 })
  const { lr, loss } = finder.results
  expect(lr.length).toBe(loss.length)
  expect(lr[1] / lr[0]).toBeCloseTo(lr[2] / lr[1])
  expect(finder.suggestion()).toBeGreaterThan(1e-4)
  expect(finder.suggestion()).toBeLessThan(5)
  expect(plane.layer.weight.eq(before).all().item()).toBe(true)
})

test('an error of a step is thrown on, after callbacks have heard of it', async () => {
  const heard: unknown[] = []
  class Failing extends Plane {
    override trainingStep(): Tensor {
      throw new Error('no such batch')
    }
  }
  class Hears extends Callback {
    override onException(_trainer: Trainer, _module: unknown, error: unknown): void {
      heard.push(error)
    }
  }
  await expect(quiet({ callbacks: new Hears() }).fit(new Failing(), { trainDataloaders: loader() })).rejects.toThrow(
    'no such batch',
  )
  expect(heard).toHaveLength(1)
})
