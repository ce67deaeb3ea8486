// A few of PyTorch's own cases for every operator, module and optimizer that passes them (conformance/README.md).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly missing: number
  readonly first: string | null
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const passing = JSON.parse(readFileSync(path('conformance/passing.json'), 'utf8')) as string[]

/** Runs the whole set in processes of its own, since a case may take its process down. */
function runCases(): Record<string, Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-cases-'))
  try {
    const report = join(folder, 'report.json')
    const runner = path('../../../tools/conformance.mjs')
    const { stderr } = spawnSync(process.execPath, [runner, path('conformance/cases.br'), '--json', report], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    if (stderr) process.stderr.write(stderr)
    return JSON.parse(readFileSync(report, 'utf8')) as Record<string, Outcome>
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const outcomes = runCases()

test.each(passing)('%s', (name) => {
  const { passed, failed, missing, first } = outcomes[name] ?? { passed: 0, failed: 0, missing: 1, first: null }
  expect({ failed, missing, first }).toEqual({ failed: 0, missing: 0, first: null })
  expect(passed).toBeGreaterThan(0)
})

test('the list is not empty', () => {
  expect(passing.length).toBeGreaterThan(0)
})
