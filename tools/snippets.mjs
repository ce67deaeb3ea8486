// Checks the documentation's code by itself: `node tools/snippets.mjs` after a build.
import { snippets } from './suites/snippets.mjs'

const { passed, failed } = await snippets()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
