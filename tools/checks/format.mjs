// Formatting: Biome for TypeScript and JavaScript, clang-format for C++. `write` puts it right instead of reporting.
import { run, runTool } from '../setup/exec.mjs'
import { filesUnder } from '../setup/stamp.mjs'

export async function format({ write }) {
  // Biome's check is formatting and the order of imports here: linting is a command of its own.
  await runTool('@biomejs/biome', ['check', '--linter-enabled=false', ...(write ? ['--write'] : []), '.'])
  const cpp = filesUnder(['native']).filter((file) => /(?<!\.gen)\.(cpp|h|cu|cuh)$/.test(file))
  if (cpp.length > 0) await run('clang-format', [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...cpp])
  console.log(`clang-format: ${cpp.length} files`)
}
