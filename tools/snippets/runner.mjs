// Runs compiled snippets one after the other in this process: `node runner.mjs`, with the list as a message from the
// parent. Answers { index, error } for each; the parent takes an early death for the failure of the one under way.
import { format } from 'node:util'

const printedAt = new Map()
globalThis.printed =
  (line) =>
  (...values) => {
    printedAt.set(line, [...(printedAt.get(line) ?? []), format(...values)])
  }
console.log = () => {}

const words = (text) => text.split(/\s+/).filter(Boolean).join(' ')

/** `…` in what is expected stands for anything. */
function matches(expected, actual) {
  const pattern = words(expected)
    .split('…')
    .map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')
  return new RegExp(`^${pattern}$`, 's').test(words(actual))
}

function checkPrinted(expected) {
  for (const [line, text] of expected) {
    const actual = printedAt.get(line)?.join('\n')
    if (actual === undefined) throw new Error(`line ${line} was never reached`)
    if (!matches(text, actual)) throw new Error(`line ${line} printed\n${actual}\nwhere the page says\n${text}`)
  }
}

let fail
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))

async function runOne({ index, url, expected }) {
  printedAt.clear()
  let error
  try {
    await new Promise((resolve, reject) => {
      fail = reject
      // A turn of the event loop more, so that what the snippet left unawaited fails here and not in the next.
      import(url).then(() => setImmediate(resolve), reject)
    })
    checkPrinted(expected)
  } catch (thrown) {
    error = String(thrown?.stack ?? thrown)
  }
  process.send({ index, error })
}

process.on('message', async (list) => {
  for (const snippet of list) await runOne(snippet)
  process.exit(0)
})
