// What modules, callbacks and loops share.
import type { Tensor } from '@flambeau/core'
import type { LightningModule } from './module.js'

/** What the trainer was asked to do. */
export type Stage = 'fit' | 'validate' | 'test' | 'predict'

/** A value, now or later. */
export type MaybePromise<T> = T | Promise<T>

/** What a training step gives: the loss, alone or as `loss` of an object; nothing skips the batch. */
export type StepOutput = Tensor | { readonly loss: Tensor; readonly [name: string]: unknown } | null | undefined | void

/** A module of any batches. */
// biome-ignore lint/suspicious/noExplicitAny: hooks make a module invariant in its batches
export type AnyLightningModule = LightningModule<any, any[], unknown>

/** What gives batches: a `DataLoader`, an array, anything that can be iterated more than once. */
export type Loader<Batch = unknown> = AsyncIterable<Batch> | Iterable<Batch>

/** One loader, several, or none. */
export type Loaders<Batch = unknown> = Loader<Batch> | readonly Loader<Batch>[] | null | undefined

/** What is saved: Lightning's keys, and what exact resumption needs. */
export type Checkpoint = Record<string, unknown>
