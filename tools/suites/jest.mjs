// The TypeScript tests, counted from Jest's own JSON report.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, spawned, state } from '../setup/exec.mjs'

export async function jest() {
  mkdirSync(state, { recursive: true })
  const report = join(state, 'jest.json')
  rmSync(report, { force: true })
  const { code } = await spawned(process.execPath, [join(root, 'tools/jest.mjs'), '--json', '--outputFile', report])
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'))
  const failed = numFailedTests + numRuntimeErrorTestSuites
  // Jest can fail without a failed test: a leaked handle, a crashed worker, a coverage threshold.
  return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed }
}
