// A callback of functions.
import { ArgumentError } from '@flambeau/core'
import { Callback, type HookName } from '../callback.js'

/** Hooks by name. */
export type LambdaHooks = { readonly [K in HookName]?: NonNullable<Callback[K]> }

/**
 * A callback made of functions.
 *
 * @example
 * ```ts
 * import { LambdaCallback } from '@flambeau/trainer'
 * new LambdaCallback({ onTrainEnd: (trainer) => console.log(trainer.globalStep) })
 * ```
 */
export class LambdaCallback extends Callback {
  constructor(hooks: LambdaHooks) {
    super()
    for (const [name, hook] of Object.entries(hooks)) {
      if (!/^(on[A-Z]\w+|setup|teardown)$/.test(name) || typeof hook !== 'function')
        throw new ArgumentError(
          `LambdaCallback: expected functions by names of hooks such as onTrainEnd, got '${name}'`,
        )
      Reflect.set(this, name, hook)
    }
  }
}
