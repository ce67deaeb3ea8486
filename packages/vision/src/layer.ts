import type { nn, Tensor } from '@flambeau/core'

/** A layer from one tensor to one. */
export type Layer = nn.Module<[Tensor], Tensor>
