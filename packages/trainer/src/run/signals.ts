// SIGINT and SIGTERM end a run in good order; a second one ends the process.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Calls `stop` at the first signal. @returns takes the handlers away */
export function onFirstSignal(stop: (signal: string) => void): () => void {
  const remove = (): void => {
    for (const signal of SIGNALS) process.off(signal, handler)
  }
  const handler = (signal: string): void => {
    remove()
    stop(signal)
  }
  for (const signal of SIGNALS) process.on(signal, handler)
  return remove
}

/** How long a loop may keep the event loop from timers, signals and other requests. */
const BREATH_MS = 20
let breathed = performance.now()

/** Lets the event loop run where it has not for a while. */
export function breathe(): Promise<void> | undefined {
  if (performance.now() - breathed < BREATH_MS) return undefined
  return new Promise((resolve) => {
    setImmediate(() => {
      breathed = performance.now()
      resolve()
    })
  })
}
