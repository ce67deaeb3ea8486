import { expect, test } from '@jest/globals'
import { excerptError, fromDocstrings, fromMarkdown } from '../snippets/extract.mjs'
import { expectations, generate } from '../snippets/generate.mjs'

test('Markdown: TypeScript blocks with the line they begin on, without the indent of a list', () => {
  const page = ['# T', '```sh', 'x', '```', '- a', '  ```ts', '  const a = 1', '  ```', '```ts', 'b()', '```'].join(
    '\n',
  )
  expect(fromMarkdown(page, 'p.md')).toEqual([
    { line: 7, code: 'const a = 1' },
    { line: 10, code: 'b()' },
  ])
})

test('Markdown: no TypeScript block can ask to be skipped, and none stays open', () => {
  expect(() => fromMarkdown('```ts no-run\nx\n```', 'p.md')).toThrow('p.md:1')
  expect(() => fromMarkdown('a\n```ts\nx', 'p.md')).toThrow('never closed')
})

test('Markdown: code that is neither run nor an excerpt is an error', () => {
  expect(() => fromMarkdown('```js\nx\n```', 'p.md')).toThrow('p.md:1')
  expect(fromMarkdown('```cpp from a.cpp\nx\n```', 'p.md')).toEqual([{ line: 2, code: 'x', source: 'a.cpp' }])
})

test('an excerpt stands in its file, in order, where … leaves lines out', () => {
  const text = 'a\n\n  b {\n  c\n  d\n}\n'
  expect(excerptError('a\nb {\n  …\n  d\n}', text)).toBeUndefined()
  expect(excerptError('a\nc', text)).toContain('no such lines')
  expect(excerptError('d\n…\na', text)).toContain('no such lines')
})

test('docstrings: @example plain or fenced, up to the next tag or the end', () => {
  const plain = ['/**', ' * Adds.', ' * @example', ' * add(1)', ' *   .x', ' * @returns y', ' */', 'f()']
  expect(fromDocstrings(plain.join('\n'), 'a.ts')).toEqual([{ line: 4, code: 'add(1)\n  .x' }])
  const fenced = ['/**', ' * @example', ' * ```ts', ' * add(1)', ' * ```', ' */']
  expect(fromDocstrings(fenced.join('\n'), 'a.ts')).toEqual([{ line: 4, code: 'add(1)' }])
})

test('what a console.log must print: at its end, below it, or over several lines', () => {
  expect(expectations('console.log(a) // → 1')).toEqual([[0, '1']])
  expect(expectations('console.log(\n  a,\n)\n// → 1\n// 2\n\n// 3')).toEqual([[0, '1\n2']])
  expect(expectations('console.log(a) // no arrow')).toEqual([])
})

test('a generated module keeps the line numbers of its page', () => {
  const { text, expected } = generate({ line: 3, code: 'f()\nconsole.log(a) // → 1', docstring: false }, [])
  expect(text.split('\n').slice(2)).toEqual(['f()', 'printed(4)(a) // → 1', ''])
  expect(expected).toEqual([[4, '1']])
})

test('a docstring example imports what it uses and does not declare', () => {
  const code = "const sum = add(x, relu(y)); tensor.mul('max'); const { x, y } = z"
  const { text } = generate({ line: 1, code, docstring: true }, [
    ['@flambeau/core', ['add', 'relu', 'sum', 'x', 'mul', 'max']],
  ])
  expect(text).toContain("import { add, relu } from '@flambeau/core'")
})
