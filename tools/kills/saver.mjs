// Saves for ever, from the number on that the file has, and says after each save which one it was.
import { existsSync } from 'node:fs'
import { AsyncCheckpointer, save } from '@flambeau/core'
import { read, tensorsOf, writers } from './formats.mjs'

const [format, path] = process.argv.slice(2)
const checkpointer = new AsyncCheckpointer()
let n = existsSync(path) ? read(format, path) : 0
for (;;) {
  n++
  const value = { tensors: tensorsOf(n), n }
  if (format === 'pt') save(path, value)
  else if (format === 'async') await checkpointer.save(path, value)
  else writers[format](path, n)
  // Sent before the next save begins.
  await new Promise((resolve) => process.send(n, resolve))
}
