// A table of metrics: a row for each call of logMetrics, a column for each name.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GrowingFile, writeWhole } from './files.js'
import { FileLogger, type RunStatus } from './logger.js'

/** Writes `metrics.csv`, and `hparams.json`. A run that begins in a folder of its own choice begins the file anew. */
export class CSVLogger extends FileLogger {
  #file: GrowingFile | null = null
  #columns: string[] = []
  /** Rows to keep of a file that is there. */
  #rows: number | null = null
  #written = 0

  override logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const row: Record<string, number> = { ...metrics, step }
    const file = this.#opened()
    const fresh = Object.keys(row).filter((name) => !this.#columns.includes(name))
    this.write(file.path, () => {
      if (fresh.length > 0) this.#widen(fresh)
      const line = `${this.#columns.map((name) => cell(row[name])).join(',')}\n`
      this.#opened().append(Buffer.from(line))
    })
    this.#written++
  }

  override logHyperparams(params: Readonly<Record<string, unknown>>): void {
    const path = join(this.prepare(), 'hparams.json')
    this.write(path, () => writeWhole(path, `${JSON.stringify(params, null, 2)}\n`))
  }

  /** The file, with the rows that a checkpoint knows. */
  #opened(): GrowingFile {
    if (this.#file !== null) return this.#file
    const path = join(this.prepare(), 'metrics.csv')
    if (existsSync(path) && this.#rows !== null) {
      const lines = readFileSync(path, 'utf8').split('\n')
      // A last line that was not finished has no end.
      const whole = lines.slice(0, -1)
      this.#columns = whole.length > 0 ? splitLine(whole[0]) : []
      const kept = whole.slice(0, this.#rows + 1)
      this.#written = Math.max(0, kept.length - 1)
      const text = kept.map((line) => `${line}\n`).join('')
      this.#file = new GrowingFile(path, Buffer.byteLength(text))
    } else this.#file = new GrowingFile(path, 0)
    return this.#file
  }

  /** New columns come last; rows that are there already are empty in them. */
  #widen(names: readonly string[]): void {
    const file = this.#opened()
    const before = existsSync(file.path) ? readFileSync(file.path, 'utf8').split('\n').slice(1, -1) : []
    this.#columns = [...this.#columns, ...names]
    const lines = [this.#columns.map(quoted).join(','), ...before.map((line) => line + ','.repeat(names.length))]
    file.close()
    writeWhole(file.path, `${lines.join('\n')}\n`)
    this.#file = new GrowingFile(file.path)
  }

  override save(): void {
    this.#file?.sync()
  }

  override finalize(_status: RunStatus): void {
    this.#file?.sync()
    this.#file?.close()
    // What comes after, such as a test, goes on in the same file.
    if (this.#file !== null) this.#rows = this.#written
    this.#file = null
  }

  override stateDict(): Record<string, unknown> {
    this.save()
    return { ...super.stateDict(), rows: this.#written }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    super.loadStateDict(state)
    this.#file?.close()
    this.#file = null
    this.#rows = Number(state.rows)
    // What came after the checkpoint goes now, even if nothing is logged again.
    if (existsSync(join(this.logDir, 'metrics.csv'))) this.#opened()
  }
}

const cell = (value: number | undefined): string => (value === undefined ? '' : String(value))
const quoted = (name: string): string => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)

function splitLine(line: string): string[] {
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, inQuotes, plain]) =>
    inQuotes === undefined ? plain : inQuotes.replaceAll('""', '"'),
  )
}
