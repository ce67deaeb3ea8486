// What the tests of the trainer share: a small module, data, and a trainer that is quiet.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, F, Generator, nn, optim, randn, type Tensor } from '@flambeau/core'
import { LightningModule, Trainer, type TrainerOptions } from '@flambeau/trainer'
import { afterAll } from '@jest/globals'

export type Pair = [Tensor, Tensor]

const made: string[] = []
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with the tests. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'flambeau-trainer-'))
  made.push(path)
  return path
}

/** 64 points on a noisy plane. */
export function points(): data.TensorDataset<[Tensor, Tensor]> {
  const x = randn([64, 3], { generator: new Generator().manualSeed(5) })
  return new data.TensorDataset(x, x.sum(1, { keepdim: true }))
}

export const loader = (batchSize = 8): data.DataLoader<Pair, Pair> => new data.DataLoader(points(), { batchSize })

/** Fits a plane; logs its losses. */
export class Plane extends LightningModule<Pair> {
  layer = new nn.Linear(3, 1)
  lr = 0.05

  override forward(x: Tensor): Tensor {
    return this.layer.forward(x)
  }

  override trainingStep([x, y]: Pair, _index: number): Tensor {
    const loss = F.mseLoss(this.forward(x), y)
    this.log('train_loss', loss, { onEpoch: true, progBar: true })
    return loss
  }

  override validationStep([x, y]: Pair): void {
    this.log('val_loss', F.mseLoss(this.forward(x), y))
  }

  override testStep([x, y]: Pair): void {
    this.log('test_loss', F.mseLoss(this.forward(x), y))
  }

  override configureOptimizers(): ReturnType<LightningModule['configureOptimizers']> {
    return new optim.SGD(this.parameters(), { lr: this.lr })
  }
}

/** A trainer that leaves nothing behind unless it is asked to. */
export const quiet = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    accelerator: 'cpu',
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    ...options,
  })
