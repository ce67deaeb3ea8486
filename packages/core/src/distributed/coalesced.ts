// Many tensors in few messages.
import { noGrad } from '../autograd/mode.js'
import { detach } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { broadcast } from './collectives.js'
import type { ProcessGroup } from './process-group.js'
import { put } from './request.js'

/** Elements up to which tensors travel together; larger ones go by themselves, without a copy. */
const SMALL = 2 ** 16

/** Gives every rank the values that rank `src` has. */
export function broadcastAll(tensors: readonly Tensor[], src: number, group: ProcessGroup): void {
  const small = new Map<string, Tensor[]>()
  for (const t of tensors) {
    if (t.numel() > SMALL) broadcast(t, src, { group })
    else {
      const kind = `${t.dtype} on ${t.device}`
      small.set(kind, [...(small.get(kind) ?? []), t])
    }
  }
  for (const list of small.values()) {
    const [{ dtype, device }] = list
    const flat = allocate([list.reduce((n, t) => n + t.numel(), 0)], dtype, device)
    const each = (visit: (part: Tensor, t: Tensor) => void): void =>
      noGrad(() => {
        let at = 0
        for (const t of list) {
          visit(flat.narrow(0, at, t.numel()).view(t.shape), t)
          at += t.numel()
        }
      })
    each((part, t) => put(part, detach(t)))
    broadcast(flat, src, { group })
    each((part, t) => put(t, part))
  }
}
