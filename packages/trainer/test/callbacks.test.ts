// Callbacks and loggers.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { F, load, manualSeed, nn, optim, type Tensor } from '@flambeau/core'
import {
  CSVLogger,
  EarlyStopping,
  EMAWeightAveraging,
  JSONLinesLogger,
  LambdaCallback,
  LearningRateMonitor,
  LightningModule,
  ModelCheckpoint,
  ProgressBar,
  StochasticWeightAveraging,
  summarize,
  TensorBoardLogger,
  Timer,
  type Trainer,
} from '@flambeau/trainer'
import { describe, expect, test } from '@jest/globals'
import { folder, loader, type Pair, Plane, quiet } from './support/plane.js'

/** Logs what it is told to, one value an epoch of validation. */
class Script extends Plane {
  constructor(readonly values: readonly number[]) {
    super()
  }
  override validationStep(): void {
    this.log('val_loss', this.values[this.currentEpoch])
  }
}

const fit = (module: Plane, trainer: Trainer): Promise<void> =>
  trainer.fit(module, { trainDataloaders: loader(32), valDataloaders: loader(64) })

describe('ModelCheckpoint', () => {
  const kept = async (options: object, values = [5, 3, 4, 1, 2]): Promise<string[]> => {
    const dirpath = folder()
    const checkpoint = new ModelCheckpoint({ dirpath, ...options })
    await fit(
      new Script(values),
      quiet({ maxEpochs: values.length, enableCheckpointing: true, callbacks: checkpoint, numSanityValSteps: 0 }),
    )
    return readdirSync(dirpath).sort()
  }
  test.each([
    [{}, ['epoch=4-step=10.ckpt']],
    [{ monitor: 'val_loss' }, ['epoch=3-step=8.ckpt']],
    [{ monitor: 'val_loss', mode: 'max', saveTopK: 2 }, ['epoch=0-step=2.ckpt', 'epoch=2-step=6.ckpt']],
    [
      { monitor: 'val_loss', saveTopK: 2, filename: '{epoch:02d}-{val_loss:.1f}', saveLast: true },
      ['epoch=03-val_loss=1.0.ckpt', 'epoch=04-val_loss=2.0.ckpt', 'last.ckpt'],
    ],
    [{ saveTopK: -1, everyNEpochs: 2 }, ['epoch=1-step=4.ckpt', 'epoch=3-step=8.ckpt']],
    [
      { saveTopK: -1, everyNTrainSteps: 4, filename: 'at-{step}', autoInsertMetricName: false },
      ['at-4.ckpt', 'at-8.ckpt'],
    ],
    [{ saveTopK: 0 }, []],
    [{ saveTopK: 0, saveLast: true }, ['last.ckpt']],
  ])('%j', async (options, expected) => {
    expect(await kept(options)).toEqual(expected)
  })

  test("a score that is no number is the worst; no other run's file is replaced", async () => {
    expect(await kept({ monitor: 'val_loss', saveTopK: 2 }, [Number.NaN, 3, 2])).toEqual([
      'epoch=1-step=4.ckpt',
      'epoch=2-step=6.ckpt',
    ])
    const dirpath = folder()
    for (let run = 0; run < 2; run++)
      await fit(
        new Plane(),
        quiet({ maxEpochs: 1, enableCheckpointing: true, callbacks: new ModelCheckpoint({ dirpath }) }),
      )
    expect(readdirSync(dirpath).sort()).toEqual(['epoch=0-step=2-v1.ckpt', 'epoch=0-step=2.ckpt'])
  })

  test("holds Lightning's keys, and best weights are taken by name", async () => {
    const checkpoint = new ModelCheckpoint({ dirpath: folder(), monitor: 'val_loss' })
    const module = new Script([1, 2])
    module.saveHyperparameters({ width: 3 })
    const trainer = quiet({ maxEpochs: 2, enableCheckpointing: true, callbacks: checkpoint })
    await fit(module, trainer)
    const saved = load<Record<string, unknown>>(checkpoint.bestModelPath)
    expect(Object.keys(saved)).toEqual(
      expect.arrayContaining([
        'epoch',
        'global_step',
        'state_dict',
        'optimizer_states',
        'lr_schedulers',
        'callbacks',
        'loops',
        'hyper_parameters',
      ]),
    )
    expect([saved.epoch, saved.global_step, saved.hyper_parameters]).toEqual([0, 2, { width: 3 }])
    await trainer.test(module, { dataloaders: loader(), ckptPath: 'best' })
    expect(
      module.layer.weight
        .eq((saved.state_dict as Record<string, Tensor>)['layer.weight'])
        .all()
        .item(),
    ).toBe(true)
  })
})

test('EarlyStopping', async () => {
  const epochs = async (options: object, values: number[]): Promise<number> => {
    const trainer = quiet({
      maxEpochs: values.length,
      callbacks: new EarlyStopping({ monitor: 'val_loss', ...options }),
    })
    await fit(new Script(values), trainer)
    return trainer.currentEpoch
  }
  expect(await epochs({ patience: 2 }, [3, 2, 2.5, 2.2, 1])).toBe(4)
  expect(await epochs({ patience: 2, mode: 'max' }, [1, 2, 3, 4, 5])).toBe(5)
  expect(await epochs({}, [3, Number.NaN, 2])).toBe(2)
  expect(await epochs({ stoppingThreshold: 0.5 }, [3, 0.4, 0.1])).toBe(2)
  expect(await epochs({ divergenceThreshold: 10 }, [3, 11, 2])).toBe(2)
  expect(await epochs({ patience: 1, minDelta: 1 }, [3, 2.5, 1])).toBe(2)
})

describe('loggers', () => {
  const rows = [
    [{ epoch: 0, loss: 0.25 }, 1],
    [{ epoch: 0, loss: 0.5, 'a,b': 1 }, 2],
  ] as const

  test('CSV: a column is added where a name is new, and a run that goes on drops what came after', () => {
    const logger = new CSVLogger(folder(), { version: 'x' })
    for (const [metrics, step] of rows) logger.logMetrics(metrics, step)
    const state = logger.stateDict()
    logger.logMetrics({ epoch: 1, loss: 9, 'a,b': 2 }, 3)
    logger.finalize('failed')
    const path = join(logger.logDir, 'metrics.csv')
    expect(readFileSync(path, 'utf8')).toBe('epoch,loss,step,"a,b"\n0,0.25,1,\n0,0.5,2,1\n1,9,3,2\n')
    const next = new CSVLogger(logger.saveDir)
    next.loadStateDict(state)
    expect(next.logDir).toBe(logger.logDir)
    expect(readFileSync(path, 'utf8')).toBe('epoch,loss,step,"a,b"\n0,0.25,1,\n0,0.5,2,1\n')
    next.logMetrics({ 'a,b': 3 }, 4)
    next.finalize('success')
    expect(readFileSync(path, 'utf8')).toMatch(/\n,,4,3\n$/)
  })

  test('lines of JSON', () => {
    const logger = new JSONLinesLogger(folder())
    logger.logHyperparams({ lr: 1 })
    for (const [metrics, step] of rows) logger.logMetrics(metrics, step)
    logger.logMetrics({ loss: Number.NaN }, 3)
    logger.finalize('success')
    expect(readFileSync(join(logger.logDir, 'metrics.jsonl'), 'utf8')).toBe(
      '{"hparams":{"lr":1}}\n{"step":1,"epoch":0,"loss":0.25}\n{"step":2,"epoch":0,"loss":0.5,"a,b":1}\n{"step":3,"loss":"NaN"}\n',
    )
  })

  test("event files are TensorBoard's, byte for byte", () => {
    const logger = new TensorBoardLogger(folder())
    logger.logMetrics({ loss: 0.25, acc: -1 }, 300)
    logger.finalize('success')
    const [name] = readdirSync(logger.logDir)
    const bytes = readFileSync(join(logger.logDir, name))
    // RecordWriter(f).write(Event(wall_time=1.5, file_version='brain.Event:2').SerializeToString()), and of
    // Event(wall_time=1.5, step=300, summary=Summary(value=[Value(tag='loss', simple_value=0.25), Value(tag='acc', simple_value=-1)]))
    const expected = [
      '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c',
      '2700000000000000bbe1b14609000000000000f83f10ac022a190a0b0a046c6f7373150000803e0a0a0a0361636315000080bf70a58c1a',
    ].map((hex) => Buffer.from(hex, 'hex'))
    let at = 0
    for (const record of expected) {
      const written = Buffer.from(bytes.subarray(at, at + record.length))
      // The time, and the checksum of data that has it.
      for (const whole of [written, record]) {
        whole.fill(0, 13, 21)
        whole.fill(0, whole.length - 4)
      }
      expect(written.toString('hex')).toBe(record.toString('hex'))
      at += record.length
    }
    expect(at).toBe(bytes.length)
  })

  test('rows are logged at every n-th step, and at the ends of epochs at the last', async () => {
    const logger = new CSVLogger(folder())
    const trainer = quiet({
      maxEpochs: 2,
      logger,
      logEveryNSteps: 3,
      callbacks: new LearningRateMonitor({ loggingInterval: 'epoch' }),
    })
    await trainer.fit(new Plane(), { trainDataloaders: loader(), valDataloaders: loader() })
    const [head, ...lines] = readFileSync(join(logger.logDir, 'metrics.csv'), 'utf8').trim().split('\n')
    const columns = head.split(',')
    const at = (name: string): string[] =>
      lines
        .map((line) => line.split(','))
        .filter((row) => row[columns.indexOf(name)] !== '')
        .map((row) => row[columns.indexOf('step')])
    expect(at('train_loss_step')).toEqual(['2', '5', '8', '11', '14'])
    expect(at('train_loss_epoch')).toEqual(['7', '15'])
    expect(at('val_loss')).toEqual(['7', '15'])
    expect(at('lr-SGD')).toEqual(['0', '8'])
  })
})

test('averages of weights: exponential and stochastic', async () => {
  class Normed extends LightningModule<Pair> {
    body = new nn.Sequential(new nn.BatchNorm1d(3), new nn.Linear(3, 1))
    readonly path: Tensor[] = []
    override forward(x: Tensor): Tensor {
      return this.body.forward(x)
    }
    override trainingStep([x, y]: Pair): Tensor {
      return F.mseLoss(this.forward(x), y)
    }
    override configureOptimizers() {
      return new optim.SGD(this.parameters(), { lr: 0.1 })
    }
    weight(): Tensor {
      return this.body.stateDict()['1.weight'].clone()
    }
  }
  manualSeed(3)
  const steps: Tensor[] = []
  const module = new Normed()
  const note = new LambdaCallback({ onTrainBatchEnd: () => void steps.push(module.weight()) })
  await quiet({ maxEpochs: 1, callbacks: [note, new EMAWeightAveraging({ decay: 0.5 })] }).fit(module, {
    trainDataloaders: loader(),
  })
  const ema = steps.slice(1).reduce((average, w) => average.mul(0.5).add(w.mul(0.5)), steps[0])
  expect(module.weight().sub(ema).abs().amax().item()).toBeLessThan(1e-6)

  const epochs: Tensor[] = []
  const other = new Normed()
  const noteEpochs = new LambdaCallback({ onTrainEpochEnd: () => void epochs.push(other.weight()) })
  const swa = new StochasticWeightAveraging({ swaLrs: 0.02, swaEpochStart: 0.5, annealingEpochs: 1 })
  const trainer = quiet({ maxEpochs: 6, callbacks: [noteEpochs, swa] })
  await trainer.fit(other, { trainDataloaders: loader() })
  const mean = epochs
    .slice(3)
    .reduce((sum, w) => sum.add(w))
    .div(3)
  expect(other.weight().sub(mean).abs().amax().item()).toBeLessThan(1e-6)
  expect(trainer.optimizers[0].paramGroups[0].lr).toBeCloseTo(0.02)
})

test('lines in place of a bar where there is no terminal; a summary; a timer', async () => {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  }) as NodeJS.WriteStream
  const timer = new Timer()
  const plane = new Plane()
  await quiet({ maxEpochs: 2, callbacks: [new ProgressBar({ stream }), timer] }).fit(plane, {
    trainDataloaders: loader(),
  })
  expect(text).toMatch(
    /^Epoch 0: 8\/8 batches, [\d.]+ batches\/s \| train_loss_step [\d.]+, train_loss_epoch [\d.]+\nEpoch 1: /,
  )
  expect(timer.timeElapsed).toBeGreaterThan(0)
  expect(summarize(plane)).toMatch(
    /0 \| layer \| Linear \| 4 {6}\| train\n-+\n4 trainable params, 0 non-trainable params, 0.0 MB$/,
  )
  expect(existsSync('lightning_logs')).toBe(false)
})

test('a live bar on a terminal, drawn at most as often as asked, and gone with the run', async () => {
  let text = ''
  const stream = Object.assign(
    new Writable({
      write(chunk, _, done) {
        text += chunk
        done()
      },
    }),
    { isTTY: true, columns: 120, rows: 24 },
  ) as NodeJS.WriteStream
  await quiet({ maxEpochs: 2, callbacks: [new ProgressBar({ stream, refreshRate: 1e9 })] }).fit(new Plane(), {
    trainDataloaders: loader(),
  })
  for (const epoch of [0, 1]) {
    // The first batch draws, and then only the end does.
    expect(text).toMatch(new RegExp(`Epoch ${epoch} .* 0/8 \\|`))
    expect(text).toMatch(
      new RegExp(`Epoch ${epoch} .* 8/8 \\| [\\d.]+ batches/s \\| train_loss_step [\\d.]+, train_loss_epoch`),
    )
  }
  expect(text).not.toMatch(/5\/8/)
  // The cursor is shown again.
  expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'))
})
