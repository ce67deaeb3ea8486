// `@flambeau/core/addons`: what sibling packages with native code of their own, built and shipped with core's, need.
import { allocate } from './create.js'
import type { Tensor } from './tensor.js'

export { loadBeside } from '../binding/native.js'

/**
 * A new tensor of bytes, contiguous, whose memory another thread fills.
 *
 * @param fill is given the memory, and says at its end whether there is a result
 * @returns null where there is none
 */
export async function filledBytes(
  shape: readonly number[],
  fill: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Tensor | null> {
  // What is made later than this is in nobody's tidy(), which would give the memory back while it is written.
  await null
  const out = allocate(shape, 'uint8', 'cpu')
  let good = false
  try {
    good = await fill(new Uint8Array(out.storage.share('filledBytes'), 0, out.numel()))
  } finally {
    out.storage.unshare()
    if (!good) out.dispose()
  }
  return good ? out : null
}
