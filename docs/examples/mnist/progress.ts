// A progress bar on a terminal, a line an epoch elsewhere.
import { SingleBar } from 'cli-progress'

const FORMAT = 'epoch {epoch} {bar} {percentage}% | loss {loss} | accuracy {accuracy} | {rate} images/s | {left} left'

export class Progress {
  readonly #epochs: number
  readonly #images: number
  readonly #started = performance.now()
  readonly #bar = process.stdout.isTTY ? new SingleBar({ format: FORMAT, stream: process.stdout, barsize: 24 }) : null
  #seen = 0
  /** Of the epoch that is under way. */
  #epoch = { images: 0, loss: 0, right: 0 }

  /** @param images an epoch */
  constructor(epochs: number, images: number) {
    this.#epochs = epochs
    this.#images = images
    this.#bar?.start(epochs * images, 0, this.#report(1))
  }

  /** Counts a batch of so many images, its mean loss, and how many were read right. */
  step(epoch: number, images: number, loss: number, right: number): void {
    this.#seen += images
    const e = this.#epoch
    this.#epoch = { images: e.images + images, loss: e.loss + loss * images, right: e.right + right }
    const report = this.#report(epoch)
    this.#bar?.update(this.#seen, report)
    if (this.#epoch.images < this.#images) return
    const { loss: mean, accuracy, rate, left } = report
    if (this.#bar === null)
      console.log(`epoch ${report.epoch}: loss ${mean}, accuracy ${accuracy}, ${rate} images/s, ${left} left`)
    this.#epoch = { images: 0, loss: 0, right: 0 }
  }

  end(): void {
    this.#bar?.stop()
    console.log(`trained in ${((performance.now() - this.#started) / 1000).toFixed(1)} s`)
  }

  #report(epoch: number) {
    const { images, loss, right } = this.#epoch
    const rate = this.#seen / ((performance.now() - this.#started) / 1000)
    const left = rate > 0 ? (this.#epochs * this.#images - this.#seen) / rate : 0
    return {
      epoch: `${epoch}/${this.#epochs}`,
      loss: images > 0 ? (loss / images).toFixed(4) : '-',
      accuracy: images > 0 ? `${((100 * right) / images).toFixed(2)}%` : '-',
      rate: rate.toFixed(0),
      left: `${left.toFixed(0)} s`,
    }
  }
}
