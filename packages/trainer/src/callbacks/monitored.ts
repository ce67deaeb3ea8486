// Callbacks that look at a metric.
import { ArgumentError } from '@flambeau/core'
import type { Trainer } from '../trainer.js'

/** Whether smaller or larger is better. */
export type Mode = 'min' | 'max'

export function checkMode(callback: string, mode: unknown): Mode {
  if (mode !== 'min' && mode !== 'max')
    throw new ArgumentError(`${callback}: expected mode 'min' or 'max', got '${String(mode)}'`)
  return mode
}

/** Whether a value is better than another; NaN never is. */
export const isBetter = (mode: Mode, value: number, than: number): boolean =>
  mode === 'min' ? value < than : value > than

/** A logged value. @throws ArgumentError that lists what is logged and says how to log this */
export function monitored(callback: string, trainer: Trainer, monitor: string): number {
  const logged = trainer.callbackMetrics
  const value = logged[monitor]
  if (value !== undefined) return value
  throw new ArgumentError(
    `${callback}: nothing logs its monitor '${monitor}' (logged: ${Object.keys(logged).join(', ') || 'nothing'}); log it by ` +
      `this.log('${monitor}', …) in a step or at the end of an epoch, or name another`,
  )
}
