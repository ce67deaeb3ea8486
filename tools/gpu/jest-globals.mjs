// What our device tests use of Jest, on Node's own test runner and Jest's `expect`: enough for machines without the rest.
import nodeTest, { describe as nodeDescribe } from 'node:test'
import { expect } from 'expect'

/** Jest's titles: `%s` takes the arguments in turn, `$name.0` reads an object of one row. */
function title(text, row) {
  let next = 0
  const args = Array.isArray(row) ? row : [row]
  const named = text.replace(/\$([\w.]+)/g, (_, path) =>
    String(path.split('.').reduce((value, key) => value?.[key], row)),
  )
  return named.replace(/%[sdipj]/g, () => String(args[next++]))
}
const each = (run) => (rows) => (name, body) => {
  for (const row of rows) run(title(name, row), () => body(...(Array.isArray(row) ? row : [row])))
}
const withEach = (run) => Object.assign((name, body) => run(name, body), { each: each(run) })

export { expect }
export const test = Object.assign(
  withEach((name, body) => nodeTest(name, () => body())),
  { skip: withEach((name, body) => nodeTest.skip(name, body)) },
)
export const describe = withEach((name, body) => nodeDescribe(name, body))
