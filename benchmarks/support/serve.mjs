// The other side of a contestant: answers each line of standard input with what `measure` returns.
import { createInterface } from 'node:readline'

export async function serve(measure) {
  for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await measure(line)))
}

/** Nanoseconds a call, over `n` calls. */
export function timed(n, call) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < n; i++) call()
  return Number(process.hrtime.bigint() - start) / n
}
