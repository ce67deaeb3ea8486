// Files that TensorBoard shows.
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileVersion, record, scalars, text } from './events.js'
import { GrowingFile } from './files.js'
import { FileLogger, type RunStatus } from './logger.js'

/** Writes an event file: `tensorboard --logdir saveDir` shows its curves. Hyperparameters are a text. */
export class TensorBoardLogger extends FileLogger {
  #file: GrowingFile | null = null
  #resumed: { readonly name: string; readonly size: number } | null = null
  #name: string | null = null

  override logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.#event(scalars(Date.now() / 1000, step, metrics))
  }

  override logHyperparams(params: Readonly<Record<string, unknown>>): void {
    const rows = Object.entries(params).map(([name, value]) => `| ${name} | ${JSON.stringify(value)} |`)
    this.logText('hparams', ['| name | value |', '|---|---|', ...rows].join('\n'), 0)
  }

  /** Adds a text in Markdown. */
  logText(tag: string, markdown: string, step: number): void {
    this.#event(text(Date.now() / 1000, step, tag, markdown))
  }

  #event(event: Uint8Array): void {
    const file = this.#opened()
    this.write(file.path, () => file.append(record(event)))
  }

  #opened(): GrowingFile {
    if (this.#file !== null) return this.#file
    const folder = this.prepare()
    const seconds = Date.now() / 1000
    this.#name ??= this.#resumed?.name ?? `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}.0`
    const file = new GrowingFile(join(folder, this.#name), this.#resumed?.size)
    this.#file = file
    if (file.size === 0) this.write(file.path, () => file.append(record(fileVersion(seconds))))
    return file
  }

  override save(): void {
    this.#file?.sync()
  }

  override finalize(_status: RunStatus): void {
    this.#file?.sync()
    this.#file?.close()
    if (this.#file !== null && this.#name !== null) this.#resumed = { name: this.#name, size: this.#file.size }
    this.#file = null
  }

  override stateDict(): Record<string, unknown> {
    this.save()
    return { ...super.stateDict(), file: this.#name, size: this.#file?.size ?? this.#resumed?.size ?? 0 }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    super.loadStateDict(state)
    this.#file?.close()
    this.#file = null
    const { file, size } = state
    this.#resumed = typeof file === 'string' ? { name: file, size: Number(size) } : null
    this.#name = this.#resumed?.name ?? null
    if (this.#resumed !== null && existsSync(join(this.logDir, this.#resumed.name))) this.#opened()
  }
}
