// The C++ tests. ctest sees one test, so the cases are counted from doctest's own summary.
import { join } from 'node:path'
import { root, StepError, spawned } from '../setup/exec.mjs'

export async function cpp(build = join(root, 'native/build'), env = {}, launcher = []) {
  const [command, ...args] = [...launcher, 'ctest', '--test-dir', build, '-V']
  const { code, output } = await spawned(command, args, { env, capture: true, quiet: true })
  const summary = /test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed/.exec(output)
  if (code !== 0 || !summary) process.stderr.write(output)
  if (!summary) throw new StepError('the C++ tests ended without a summary')
  const failed = Number(summary[2])
  return { passed: Number(summary[1]), failed: failed === 0 && code !== 0 ? 1 : failed }
}
