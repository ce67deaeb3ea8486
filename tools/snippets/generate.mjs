// Turns snippets into modules whose line numbers are those of the page they came from, so that an error points there.

/** The name of a snippet's generated module, without its extension. */
export const moduleName = ({ file, line }) => `${file.replace(/[^\w]+/g, '-')}-L${line}`

const arrow = /^(.*?)\/\/ → ?(.*)$/

/**
 * What each console.log with a `// → value` comment must print: [line, expected]. The comment ends the call's line or
 * follows it, and goes on in the comment lines below it.
 */
export function expectations(code) {
  const lines = code.split('\n')
  const found = []
  for (const [index, line] of lines.entries()) {
    const match = arrow.exec(line)
    if (!match) continue
    let call = index
    while (call >= 0 && !lines[call].includes('console.log(')) call--
    if (call < 0) throw new Error('`// →` without a console.log before it')
    const expected = [match[2]]
    for (let next = index + 1; /^\s*\/\/(?! →)/.test(lines[next] ?? ''); next++) {
      expected.push(lines[next].replace(/^\s*\/\/ ?/, ''))
    }
    found.push([call, expected.join('\n')])
  }
  return found
}

/** Names that a docstring's example uses without importing them: it stands beside their definition. */
function importsFor(code, exported) {
  const without = code.replace(/\/\/.*$/gm, '').replace(/(['"])(?:\\.|(?!\1).)*\1/g, "''")
  const declared = new Set()
  for (const [, names] of without.matchAll(
    /\b(?:const|let|var|function|class|import)\s+(?:type\s+)?(\{[^}]*\}|\[[^\]]*\]|\w+)/g,
  )) {
    for (const [name] of names.matchAll(/\w+/g)) declared.add(name)
  }
  const taken = new Set()
  const clauses = []
  for (const [module, names] of exported) {
    const used = names.filter(
      (name) =>
        !declared.has(name) &&
        !taken.has(name) &&
        new RegExp(`(?<![.\\w$]|\\.\\.\\.)${name}\\b(?!\\s*:(?!:))`).test(without),
    )
    for (const name of used) taken.add(name)
    if (used.length > 0) clauses.push(`import { ${used.join(', ')} } from '${module}'`)
  }
  return clauses.join('; ')
}

/**
 * The module of one snippet. `exported` lists, for a docstring, [package, names] to import from, nearest first. A
 * console.log whose output is stated becomes `printed(line)`, which files the output under that line.
 */
export function generate({ line, code, docstring }, exported) {
  const lines = code.split('\n')
  const expected = expectations(code)
  for (const [call] of expected) lines[call] = lines[call].replace('console.log(', `printed(${line + call})(`)
  const imports = docstring ? importsFor(code, exported) : ''
  // `export {}` makes a module of a snippet without imports, so that it may await.
  const head = `export {}; ${imports}`
  return {
    text: line > 1 ? `${head}${'\n'.repeat(line - 1)}${lines.join('\n')}\n` : `${head}; ${lines.join('\n')}\n`,
    expected: expected.map(([call, text]) => [line + call, text]),
  }
}
