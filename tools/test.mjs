// Runs the test suites one after the other and adds up what they counted. Each suite is a function that gives
// { passed, failed }; one that could not run at all counts as a failure.
import { pathToFileURL } from 'node:url'
import { StepError } from './setup/exec.mjs'
import { cpp } from './suites/cpp.mjs'
import { examples } from './suites/examples.mjs'
import { jest } from './suites/jest.mjs'
import { snippets } from './suites/snippets.mjs'

const suites = { jest, cpp, examples, snippets }

/** Runs the named suites, or all; gives the exit code. */
export async function runTests(names = []) {
  const chosen = names.length > 0 ? names : Object.keys(suites)
  const unknown = chosen.filter((name) => !(name in suites))
  if (unknown.length > 0) throw new StepError(`unknown suite '${unknown}': expected ${Object.keys(suites).join(', ')}`)
  const total = { passed: 0, failed: 0 }
  const lines = []
  for (const name of chosen) {
    console.log(`\n▸ ${name}`)
    let counts = { passed: 0, failed: 1 }
    try {
      counts = await suites[name]()
    } catch (error) {
      console.error(error instanceof StepError ? `✗ ${error.message}` : error)
    }
    lines.push(`▸ ${name}: ${counts.passed} passed, ${counts.failed} failed`)
    total.passed += counts.passed
    total.failed += counts.failed
  }
  console.log(`\n${lines.join('\n')}\n\n${total.passed} passed, ${total.failed} failed`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = await runTests(process.argv.slice(2))
