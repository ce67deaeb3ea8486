// Every snippet of the documentation: extracted, typechecked in one go, then run; excerpts are looked up in their files.
// Each counts as one test.
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, spawned, state } from '../setup/exec.mjs'
import { allSnippets, excerptError } from '../snippets/extract.mjs'
import { generate, moduleName } from '../snippets/generate.mjs'

const folder = join(state, 'snippets')
const tsconfig = {
  extends: '../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    declaration: false,
    declarationMap: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    rootDir: '.',
    outDir: 'out',
  },
  include: ['*.ts'],
}

/** Names that examples in a package's docstrings may use without an import: its own exports, then core's. */
async function exportsOf(file) {
  const own = `@flambeau/${file.split('/')[1]}`
  const modules = own === '@flambeau/core' ? [own] : [own, '@flambeau/core']
  return Promise.all(modules.map(async (name) => [name, Object.keys(await importBuilt(name))]))
}

const importBuilt = (name) => import(pathToFileURL(join(root, 'packages', name.split('/')[1], 'dist/index.js')).href)

async function write(snippets) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  writeFileSync(join(folder, 'printed.d.ts'), 'declare function printed(line: number): typeof console.log\n')
  for (const snippet of snippets) {
    snippet.name = moduleName(snippet)
    const { text, expected } = generate(snippet, snippet.docstring ? await exportsOf(snippet.file) : [])
    snippet.expected = expected
    writeFileSync(join(folder, `${snippet.name}.ts`), text)
  }
}

/** Typechecks all and gives the errors by module name. */
async function typecheck() {
  const { output } = await spawned(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'],
    {
      capture: true,
      quiet: true,
    },
  )
  const errors = new Map()
  let name
  for (const line of output.split('\n').filter(Boolean)) {
    const match = /([^/\\]+)\.ts\((\d+),\d+\): (.*)$/.exec(line)
    if (match) name = match[1]
    errors.set(name, [...(errors.get(name) ?? []), match ? `line ${match[2]}: ${match[3]}` : line])
  }
  return errors
}

/** Runs a list in one process, and in a new one from the next on where a snippet took the process down. */
async function runList(list) {
  for (let from = 0; from < list.length; ) {
    const rest = list.slice(from)
    let done = 0
    await new Promise((resolve) => {
      const child = fork(join(root, 'tools/snippets/runner.mjs'), {
        cwd: folder,
        execArgv: ['--enable-source-maps'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      const timeout = setTimeout(() => child.kill('SIGKILL'), 60_000 + 10_000 * rest.length)
      child.on('message', ({ index, error }) => {
        rest[index].error = error
        done++
      })
      child.on('exit', (code, signal) => {
        clearTimeout(timeout)
        if (done < rest.length) rest[done++].error = `the process ended with ${signal ?? `exit code ${code}`}`
        resolve()
      })
      child.send(
        rest.map((snippet, index) => ({
          index,
          url: pathToFileURL(join(folder, 'out', `${snippet.name}.js`)).href,
          expected: snippet.expected,
        })),
      )
    })
    from += done
  }
}

/** Few processes: one a page or package, and one of its own for a snippet that sets something for the whole process. */
function grouped(snippets) {
  const groups = new Map()
  for (const snippet of snippets) {
    const page = snippet.docstring ? snippet.file.split('/').slice(0, 2).join('/') : snippet.file
    const key = /\bset[A-Z]\w*\(/.test(snippet.code) ? snippet.name : page
    groups.set(key, [...(groups.get(key) ?? []), snippet])
  }
  return [...groups.values()]
}

export async function snippets() {
  const found = allSnippets()
  const excerpts = found.filter((snippet) => snippet.source)
  for (const excerpt of excerpts) {
    const path = join(root, excerpt.source)
    excerpt.error = existsSync(path)
      ? excerptError(excerpt.code, readFileSync(path, 'utf8'))
      : `there is no ${excerpt.source}`
  }
  const all = found.filter((snippet) => !snippet.source)
  await write(all)
  const errors = await typecheck()
  if (errors.has(undefined)) throw new Error(errors.get(undefined).join('\n'))
  for (const snippet of all) snippet.error = errors.get(snippet.name)?.join('\n')
  for (const group of grouped(all.filter((snippet) => !snippet.error))) await runList(group)
  const failed = found.filter((snippet) => snippet.error)
  for (const { file, line, error } of failed) console.log(`✗ ${file}:${line}\n  ${error.replaceAll('\n', '\n  ')}`)
  return { passed: found.length - failed.length, failed: failed.length }
}
