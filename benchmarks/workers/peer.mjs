// A peer's side: `node peer.mjs NAME FOLDER`, the module peers/NAME.mjs with the packages of FOLDER. A line { do, name, file } asks for what
// the first steps give, without dropout, from the numbers of a file (`check`), or for the milliseconds of a step (`time`).
import { pathToFileURL } from 'node:url'
import { serve } from '../support/serve.mjs'

/** Milliseconds of steps before those that are timed, unless the question says otherwise. */
const WARM_UP = 30
const [peer, folder] = process.argv.slice(2)
let session

async function answer(line) {
  const { do: what, name, file, steps = 1, warm = WARM_UP } = JSON.parse(line)
  if (what === 'check') {
    const { default: load } = await import(pathToFileURL(`${folder}/load.mjs`))
    const { prepare } = await import(`../peers/${peer}.mjs`)
    session = await prepare(load, name, file)
    return session.check(steps)
  }
  for (const start = performance.now(); performance.now() - start < warm; ) await session.step()
  const start = process.hrtime.bigint()
  for (let i = 0; i < steps; i++) await session.step()
  return Number(process.hrtime.bigint() - start) / 1e6 / steps
}

await serve((line) => answer(line).catch((error) => ({ error: String(error?.message ?? error) })))
