// `add` of two tensors of 4 floats: nanoseconds a call, the garbage it makes included.
import { tensor } from '@flambeau/core'
import { serve, timed } from '../support/serve.mjs'

const a = tensor([1, 2, 3, 4])
const b = tensor([5, 6, 7, 8])
const w = tensor([1, 2, 3, 4]).requiresGrad_()

await serve((line) => (line === 'plain' ? timed(200_000, () => a.add(b)) : timed(200_000, () => w.add(b))))
