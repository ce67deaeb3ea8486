// Activations by the names of Hugging Face's configurations.
import { F, type Tensor } from '@flambeau/core'
import type { Config } from '../tokenizers/config.js'

const tanhGelu = (x: Tensor): Tensor => F.gelu(x, { approximate: 'tanh' })

const ACTIVATIONS = {
  gelu: (x: Tensor) => F.gelu(x),
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu_fast: tanhGelu,
  relu: (x: Tensor) => F.relu(x),
  silu: (x: Tensor) => F.silu(x),
  swish: (x: Tensor) => F.silu(x),
  tanh: (x: Tensor) => x.tanh(),
  sigmoid: (x: Tensor) => x.sigmoid(),
} as const

export type ActivationName = keyof typeof ACTIVATIONS

export const activation = (name: ActivationName): ((x: Tensor) => Tensor) => ACTIVATIONS[name]

/** @throws FormatError for a name that is not known, with those that are */
export const readActivation = (config: Config, name: string, fallback: ActivationName): ActivationName =>
  config.oneOf(name, Object.keys(ACTIVATIONS) as ActivationName[], fallback)
