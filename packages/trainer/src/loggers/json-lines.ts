// A line of JSON for each call of logMetrics.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GrowingFile } from './files.js'
import { FileLogger, type RunStatus } from './logger.js'

/**
 * Writes `metrics.jsonl`: `{"step":49,"epoch":0,"train_loss":0.5}` a line; hyperparameters
 * are a line `{"hparams":{…}}`. A run that begins in a folder of its own choice begins the file anew.
 */
export class JSONLinesLogger extends FileLogger {
  #file: GrowingFile | null = null
  #size = 0

  override logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.#line({ step, ...metrics })
  }

  override logHyperparams(params: Readonly<Record<string, unknown>>): void {
    this.#line({ hparams: params })
  }

  #line(value: Record<string, unknown>): void {
    const file = this.#opened()
    // JSON has no NaN and no infinity; as text they are at least not lost.
    const text = JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v))
    this.write(file.path, () => file.append(Buffer.from(`${text}\n`)))
  }

  #opened(): GrowingFile {
    this.#file ??= new GrowingFile(join(this.prepare(), 'metrics.jsonl'), this.#size)
    return this.#file
  }

  override save(): void {
    this.#file?.sync()
  }

  override finalize(_status: RunStatus): void {
    this.#file?.sync()
    this.#file?.close()
    // What comes after, such as a test, goes on in the same file.
    this.#size = this.#file?.size ?? this.#size
    this.#file = null
  }

  override stateDict(): Record<string, unknown> {
    this.save()
    return { ...super.stateDict(), size: this.#file?.size ?? this.#size }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    super.loadStateDict(state)
    this.#file?.close()
    this.#file = null
    this.#size = Number(state.size)
    if (existsSync(join(this.logDir, 'metrics.jsonl'))) this.#opened()
  }
}
