// A logger on a process that leaves logging to rank 0.
import { Logger } from './logger.js'

/** Where rank 0's logger is; what it is given is dropped, since rank 0 has it too. */
export class DistantLogger extends Logger {
  readonly name: string
  readonly version: string | number
  readonly #logDir: string | null

  constructor({ name, version, logDir }: { name: string; version: string | number; logDir: string | null }) {
    super()
    this.name = name
    this.version = version
    this.#logDir = logDir
  }

  override get logDir(): string | null {
    return this.#logDir
  }

  override logMetrics(): void {}
}
