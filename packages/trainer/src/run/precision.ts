// The precision axis: as what numbers a module computes. 32 bits are the identity.
import type { DType, Tensor } from '@flambeau/core'
import { lookup } from '../errors.js'
import type { AnyLightningModule } from '../types.js'
import { mapTensors } from './tree.js'

/** As what numbers a run computes. */
export interface Precision {
  readonly name: string
  /** Converts the module before its optimizers are made. */
  convertModule(module: AnyLightningModule): void
  /** Converts a batch. */
  convertInput(batch: unknown): unknown
}

const FLOATS: readonly string[] = ['float16', 'bfloat16', 'float32', 'float64'] satisfies DType[]

/** Everything in one floating-point dtype. */
const whole = (name: string, dtype: DType): Precision => ({
  name,
  convertModule: (module) => void module.to(dtype),
  convertInput: (batch) => mapTensors(batch, (t: Tensor) => (FLOATS.includes(t.dtype) ? t.to(dtype) : t)),
})

/** Every precision by its name; `register` adds one. */
const precisions = new Map<string, Precision>()

/** Makes a precision known by its name. */
export function registerPrecision(precision: Precision, ...aliases: string[]): void {
  for (const name of [precision.name, ...aliases]) precisions.set(name, precision)
}

registerPrecision({ name: '32-true', convertModule: () => {}, convertInput: (batch) => batch }, '32')
registerPrecision(whole('64-true', 'float64'), '64')
registerPrecision(whole('bf16-true', 'bfloat16'))

/** The precision of a name. @throws ArgumentError that lists the known ones */
export const precisionOf = (name: string | number | Precision): Precision =>
  typeof name === 'object' ? name : lookup('Trainer', 'precision', String(name), precisions)
