// Finds the code that readers copy: ```ts blocks in Markdown and @example blocks in docstrings, which are run, and excerpts
// of the tree (```ts from packages/core/src/…), which must stand there as they are shown.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root, StepError } from '../setup/exec.mjs'
import { filesUnder } from '../setup/stamp.mjs'

/** Code in a page is run or an excerpt, or is of a language that is neither: anything else is an error. */
const fence = /^(\s*)```(\S*)\s*(.*)$/
const runs = new Set(['ts', 'typescript'])
const plain = new Set(['', 'text', 'sh', 'json'])

/** Snippets of one Markdown text: { line, code, source }, `line` being the first of the code, counted from 1; `source` is
 * the file that an excerpt is of. */
export function fromMarkdown(text, file) {
  const snippets = []
  const lines = text.split('\n')
  let open
  for (const [index, line] of lines.entries()) {
    const match = fence.exec(line)
    if (open) {
      if (match && match[2] === '') {
        const snippet = { line: open.line + 1, code: open.code.join('\n') }
        if (open.source) snippets.push({ ...snippet, source: open.source })
        else if (runs.has(open.language)) snippets.push(snippet)
        open = undefined
      } else open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (match) {
      const source = /^from (\S+)$/.exec(match[3])?.[1]
      if (!source && (match[3] !== '' || !(runs.has(match[2]) || plain.has(match[2])))) {
        throw new StepError(
          `${file}:${index + 1}: \`\`\`${match[2]} ${match[3]}: code is TypeScript that is run, or an excerpt (\`from FILE\`)`,
        )
      }
      open = { indent: match[1], language: match[2], source, line: index + 1, code: [] }
    }
  }
  if (open) throw new StepError(`${file}:${open.line}: this code block is never closed`)
  return snippets
}

/** Snippets of the docstrings in one TypeScript text: what follows @example, up to the next tag, fenced or not. */
export function fromDocstrings(text, file) {
  const snippets = []
  let inside = false
  let body
  const finish = () => {
    const code = body?.code.join('\n') ?? ''
    if (code.includes('```')) {
      for (const { line, code: fenced } of fromMarkdown(code, file)) {
        snippets.push({ line: line + body.line - 1, code: fenced })
      }
    } else if (code.trim()) snippets.push({ line: body.line, code })
    body = undefined
  }
  for (const [index, line] of text.split('\n').entries()) {
    inside ||= /^\s*\/\*\*/.test(line)
    if (!inside) continue
    const content = line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, '').replace(/\s*\*\/.*$/, '')
    if (/^@\w/.test(content)) {
      finish()
      if (/^@example\b/.test(content)) body = { line: index + 2, code: [] }
    } else body?.code.push(content)
    if (line.includes('*/')) {
      finish()
      inside = false
    }
  }
  return snippets
}

/** What is wrong with an excerpt of `text`, or undefined. A line `…` stands for lines that are left out. */
export function excerptError(code, text) {
  const lines = text.split('\n').map((line) => line.trim())
  let at = -1
  for (const part of code.split(/^\s*(?:\/\/ )?…$/m)) {
    const wanted = part
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
    if (wanted.length === 0) continue
    // Blank lines of the file do not count.
    const found = lines.findIndex((_, start) => start > at && endOf(lines, start, wanted) > 0)
    if (found < 0) return `the file has no such lines:\n${wanted.join('\n')}`
    at = endOf(lines, found, wanted)
  }
  return undefined
}

/** The last line of `wanted` where it stands in `lines` from `start` on, otherwise -1. */
function endOf(lines, start, wanted) {
  let next = 0
  for (let i = start; i < lines.length; i++) {
    if (lines[i] === '' && next > 0) continue
    if (lines[i] !== wanted[next]) return -1
    if (++next === wanted.length) return i
  }
  return -1
}

/** Every snippet of the repository: { file, line, code, docstring, source }. */
export function allSnippets() {
  const markdown = filesUnder(['README.md', 'CONTRIBUTING.md', 'docs']).filter((file) => file.endsWith('.md'))
  const sources = filesUnder(['packages']).filter((file) => /[\\/]src[\\/].*(?<!\.gen)\.ts$/.test(file))
  const read = (files, extract, docstring) =>
    files.flatMap((path) => {
      const file = relative(root, path).replaceAll('\\', '/')
      return extract(readFileSync(path, 'utf8'), file).map((snippet) => ({ file, docstring, ...snippet }))
    })
  return [...read(markdown, fromMarkdown, false), ...read(sources, fromDocstrings, true)]
}
