// Formatting: Biome for TypeScript and JavaScript, clang-format for C++. `write` puts it right instead of reporting.
import { run, runTool } from '../setup/exec.mjs'
import { filesUnder } from '../setup/stamp.mjs'

export async function format({ write }) {
  // Biome's check is formatting, the order of imports and, where it writes, the linter's safe fixes; to report what the
  // linter finds is a command of its own.
  await runTool('@biomejs/biome', ['check', write ? '--write' : '--linter-enabled=false', '.'])
  const cpp = filesUnder(['native']).filter((file) => /(?<!\.gen)\.(cpp|h|cu|cuh)$/.test(file))
  if (cpp.length > 0) await run('clang-format', [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...cpp])
  console.log(`clang-format: ${cpp.length} files`)
}
