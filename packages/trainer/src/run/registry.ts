// Where options become objects: loggers, callbacks, limits of time.
import { ArgumentError } from '@flambeau/core'
import { Callback, CheckpointCallback } from '../callback.js'
import { ModelCheckpoint } from '../callbacks/model-checkpoint.js'
import { ModelSummary } from '../callbacks/model-summary.js'
import { ProgressBar } from '../callbacks/progress-bar.js'
import { Timer } from '../callbacks/timer.js'
import { CSVLogger } from '../loggers/csv.js'
import { Logger } from '../loggers/logger.js'
import type { CheckedOptions } from './options.js'

/** The loggers that an option means. */
export function loggersOf({ logger, defaultRootDir }: CheckedOptions): Logger[] {
  if (logger === false) return []
  if (logger === true) return [new CSVLogger(defaultRootDir)]
  const list: readonly unknown[] = Array.isArray(logger) ? logger : [logger]
  for (const item of list)
    if (!(item instanceof Logger))
      throw new ArgumentError(
        `Trainer: expected logger to be a Logger, a list of them, true or false, got ${typeof item}`,
      )
  return list as Logger[]
}

/** The callbacks given, and those that come by themselves. Those that save come last. */
export function callbacksOf(options: CheckedOptions): Callback[] {
  const given: readonly unknown[] = Array.isArray(options.callbacks) ? options.callbacks : [options.callbacks]
  for (const item of given)
    if (!(item instanceof Callback))
      throw new ArgumentError(`Trainer: expected callbacks to be Callbacks, got ${typeof item}`)
  const list = [...(given as Callback[])]
  const has = (kind: new (...args: never[]) => Callback): boolean => list.some((callback) => callback instanceof kind)
  if (options.maxTime !== null) list.push(new Timer(options.maxTime))
  if (options.enableModelSummary && options.fastDevRun === false && !has(ModelSummary)) list.push(new ModelSummary())
  if (options.enableProgressBar && !has(ProgressBar)) list.push(new ProgressBar())
  if (!options.enableCheckpointing) {
    if (options.fastDevRun !== false) return list.filter((callback) => !(callback instanceof CheckpointCallback))
    if (list.some((callback) => callback instanceof CheckpointCallback))
      throw new ArgumentError(
        'Trainer: enableCheckpointing is false, but callbacks have a ModelCheckpoint; leave one of them out',
      )
  } else if (!list.some((callback) => callback instanceof CheckpointCallback)) list.push(new ModelCheckpoint())
  const keys = list.map((callback) => callback.stateKey)
  const twice = list.find(
    (callback, i) => keys.indexOf(callback.stateKey) !== i && Object.keys(callback.stateDict()).length > 0,
  )
  if (twice !== undefined)
    throw new ArgumentError(
      `Trainer: two callbacks have the same stateKey '${twice.stateKey}', so their states cannot be told apart; override it`,
    )
  return [
    ...list.filter((callback) => !(callback instanceof CheckpointCallback)),
    ...list.filter((callback) => callback instanceof CheckpointCallback),
  ]
}
