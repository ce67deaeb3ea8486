// Finds the code that readers copy: ```ts blocks in Markdown and @example blocks in docstrings.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root, StepError } from '../setup/exec.mjs'
import { filesUnder } from '../setup/stamp.mjs'

/** Fences that would be skipped in silence are an error: what a page shows as TypeScript runs. */
const fence = /^(\s*)```(\S*)\s*(.*)$/
const runs = new Set(['ts', 'typescript'])

/** Snippets of one Markdown text: { line, code }, `line` being the first of the code, counted from 1. */
export function fromMarkdown(text, file) {
  const snippets = []
  const lines = text.split('\n')
  let open
  for (const [index, line] of lines.entries()) {
    const match = fence.exec(line)
    if (open) {
      if (match && match[2] === '') {
        if (runs.has(open.language)) snippets.push({ line: open.line + 1, code: open.code.join('\n') })
        open = undefined
      } else open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (match) {
      if (runs.has(match[2]) && match[3] !== '') {
        throw new StepError(
          `${file}:${index + 1}: \`\`\`${match[2]} ${match[3]}: every TypeScript block is run, without options`,
        )
      }
      open = { indent: match[1], language: match[2], line: index + 1, code: [] }
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

/** Every snippet of the repository: { file, line, code, docstring }. */
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
