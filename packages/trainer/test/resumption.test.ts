// Runs that are ended go on as if they had not been; mistakes say what to do, and what is saved stays saved.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from '@flambeau/core'
import { EarlyStopping, ModelCheckpoint, Trainer, TrainerError } from '@flambeau/trainer'
import { describe, expect, test } from '@jest/globals'
import { folder, loader, Plane, quiet } from './support/plane.js'

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))

test('killed at random moments, a run comes to the same end, to the bit, with the same logs', () => {
  const output = execFileSync(process.execPath, [program('kills.mjs'), '--kills', '5', '--epochs', '3'], {
    encoding: 'utf8',
  })
  expect(output).toMatch(/each came to the same end, to the bit, with the same logs/)
})

test('a disk that fills up: the message says what to do, and earlier checkpoints are whole', () => {
  if (process.platform === 'win32') return
  const at = folder()
  // No file may grow beyond 64 blocks of 512 bytes: the first checkpoint fits, the second does not.
  const command = `trap '' XFSZ; ulimit -f 64; exec "${process.execPath}" "${program('full-disk.mjs')}" "${at}"`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const { name, message, kept } = JSON.parse(stdout)
  expect(name).toBe('TrainerError')
  expect(message).toMatch(
    /epoch=1-step=2\.ckpt could not be written: .*(EFBIG|file too large).*Make room.*ckptPath.*epoch=0-step=1\.ckpt/,
  )
  expect(kept).toEqual(['epoch=0-step=1.ckpt'])
  expect(readdirSync(at)).toEqual(['epoch=0-step=1.ckpt'])
  expect(load<{ global_step: number }>(join(at, 'epoch=0-step=1.ckpt')).global_step).toBe(1)
})

describe('mistakes', () => {
  test('an unknown option is named, with the one that was meant', () => {
    expect(() => new Trainer({ maxEpoch: 3 } as object)).toThrow(
      /unknown option 'maxEpoch'; did you mean 'maxEpochs'\? \(known: /,
    )
    expect(() => new Trainer({ gpus: 2 } as object)).toThrow(/unknown option 'gpus' \(known: accelerator, /)
    expect(() => new Trainer({ precision: '16-mixed' })).toThrow(
      /expected precision to be one of '32-true', .*, got '16-mixed'/,
    )
    expect(() => new Trainer({ strategy: 'fsdp' })).toThrow(
      /expected strategy to be one of 'auto', 'single_device', 'ddp', 'ddp_find_unused_parameters_true', got 'fsdp'/,
    )
    expect(() => new ModelCheckpoint({ saveTop: 3 } as object)).toThrow(/did you mean 'saveTopK'/)
    expect(() => quiet({ callbacks: new ModelCheckpoint() })).toThrow(/enableCheckpointing is false/)
    expect(() => quiet({ limitTrainBatches: 1.5 }).fit(new Plane(), { trainDataloaders: loader() })).rejects.toThrow(
      /limitTrainBatches/,
    )
  })

  test('a monitor that nothing logs', async () => {
    const dirpath = folder()
    const checkpoint = new ModelCheckpoint({ dirpath, monitor: 'val_los', saveLast: true })
    const trainer = quiet({ enableCheckpointing: true, callbacks: checkpoint, maxEpochs: 2 })
    const message = /nothing logs its monitor 'val_los' \(logged: .*val_loss.*\); log it by this\.log\('val_los', …\)/
    await expect(trainer.fit(new Plane(), { trainDataloaders: loader(), valDataloaders: loader() })).rejects.toThrow(
      message,
    )
    const stopping = quiet({ callbacks: new EarlyStopping({ monitor: 'val_los' }), maxEpochs: 2 })
    await expect(stopping.fit(new Plane(), { trainDataloaders: loader(), valDataloaders: loader() })).rejects.toThrow(
      message,
    )
  })

  test('logging what is no value, and where nothing can be logged', async () => {
    class Wrong extends Plane {
      override onFitStart(): void {
        this.log('x', 1)
      }
    }
    await expect(quiet().fit(new Wrong(), { trainDataloaders: loader() })).rejects.toThrow(
      /log\('x'\): nothing can be logged in onFitStart/,
    )
    class Vector extends Plane {
      override validationStep(): void {
        this.log('weights', this.layer.weight)
      }
    }
    await expect(quiet().fit(new Vector(), { trainDataloaders: loader(), valDataloaders: loader() })).rejects.toThrow(
      /expected a number, a tensor of one element or a metric, got a tensor of shape \[1,3\]/,
    )
    expect(() => new Plane().log('x', 1)).toThrow(/no trainer runs this module/)
  })

  test('checkpoints that cannot be gone on from', async () => {
    const dirpath = folder()
    const weights = new ModelCheckpoint({ dirpath, saveWeightsOnly: true })
    await quiet({ enableCheckpointing: true, callbacks: weights, maxEpochs: 1 }).fit(new Plane(), {
      trainDataloaders: loader(),
    })
    const on = quiet({ maxEpochs: 2 })
    await expect(on.fit(new Plane(), { trainDataloaders: loader(), ckptPath: weights.bestModelPath })).rejects.toThrow(
      /has no 'loops': it holds weights alone \(saveWeightsOnly\)/,
    )
    await expect(
      on.fit(new Plane(), { trainDataloaders: loader(), ckptPath: join(dirpath, 'none.ckpt') }),
    ).rejects.toThrow(/there is no .*none\.ckpt/)
    expect(() => quiet().saveCheckpoint(join(dirpath, 'x.ckpt'))).toThrow(/has run no module yet/)
    await expect(on.fit(null as never)).rejects.toThrow(/expected a LightningModule with a trainingStep, got null/)
    expect(new TrainerError('x')).toBeInstanceOf(Error)
    expect(statSync(weights.bestModelPath).size).toBeGreaterThan(0)
  })
})
