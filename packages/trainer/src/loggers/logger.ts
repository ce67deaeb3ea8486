// What a logger is, and where its files are.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError } from '@flambeau/core'
import { TrainerError } from '../errors.js'

/** How a run ended. */
export type RunStatus = 'success' | 'failed' | 'interrupted'

/** Takes what modules log, and hyperparameters, and writes them somewhere. */
export abstract class Logger {
  /** The name of the experiment. */
  abstract readonly name: string
  /** Which run of it. */
  abstract readonly version: string | number
  /** The folder of this run; null for a logger without files. */
  get logDir(): string | null {
    return null
  }

  /** Takes values at a step. */
  abstract logMetrics(metrics: Readonly<Record<string, number>>, step: number): void
  /** Takes what the module was made from. */
  logHyperparams(_params: Readonly<Record<string, unknown>>): void {}
  /** Puts everything on the disk. */
  save(): void {}
  /** The run is over. */
  finalize(_status: RunStatus): void {
    this.save()
  }

  /** Where this logger is, so that a run that goes on from a checkpoint drops what came after it. */
  stateDict(): Record<string, unknown> {
    return {}
  }

  loadStateDict(_state: Record<string, unknown>): void {}
}

/** The options of loggers with files. */
export interface FileLoggerOptions {
  /** The folder within `saveDir`. Default 'lightning_logs'. */
  readonly name?: string
  /** The folder within that. Default 'version_0' or the next that is free. */
  readonly version?: string | number | null
}

/** A logger with a folder for each run: `saveDir/name/version`. */
export abstract class FileLogger extends Logger {
  readonly name: string
  readonly saveDir: string
  #version: string | number | null

  constructor(saveDir: string, { name = 'lightning_logs', version = null }: FileLoggerOptions = {}) {
    super()
    if (typeof saveDir !== 'string')
      throw new ArgumentError(`${this.constructor.name}: expected a folder as saveDir, got ${typeof saveDir}`)
    this.saveDir = saveDir
    this.name = name
    this.#version = version
  }

  /** Given, or the next number that has no folder yet. */
  get version(): string | number {
    this.#version ??= nextVersion(join(this.saveDir, this.name))
    return this.#version
  }

  override get logDir(): string {
    const { version } = this
    return join(this.saveDir, this.name, typeof version === 'number' ? `version_${version}` : version)
  }

  /** Makes the folder. */
  protected prepare(): string {
    const { logDir } = this
    this.write(logDir, () => mkdirSync(logDir, { recursive: true }))
    return logDir
  }

  /** Writes, or says what to do. */
  protected write<R>(path: string, body: () => R): R {
    try {
      return body()
    } catch (error) {
      const reason = typeof error === 'object' && error !== null && 'message' in error ? error.message : String(error)
      throw new TrainerError(
        `${this.constructor.name}: ${path} could not be written: ${reason}. Make room, or permit writing there, and go on from the last ` +
          'checkpoint (ckptPath); what the checkpoint knows of the log is whole',
        { cause: error },
      )
    }
  }

  override stateDict(): Record<string, unknown> {
    return { version: this.version }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const { version } = state
    if (typeof version === 'string' || typeof version === 'number') this.#version = version
  }
}

function nextVersion(folder: string): number {
  let names: string[] = []
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  }
  const taken = names.map((name) => Number(/^version_(\d+)$/.exec(name)?.[1] ?? -1))
  return Math.max(-1, ...taken) + 1
}
