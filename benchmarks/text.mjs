// Generation with a cache of keys and values by a GPT-2 of the small one's size, with random weights, against
// transformers: greedy, milliseconds a token. `--threads N` sets them for both, `--rounds N` how often each has its turn.
// FLAMBEAU_PYTHON names a Python that has transformers.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { alternate, flambeau, python, pytorch, report } from './support/alternate.mjs'

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '0' }, rounds: { type: 'string', default: '7' } },
})

if (spawnSync(python, ['-c', 'import transformers'], { stdio: 'ignore' }).status !== 0) {
  console.error(`${python} has no transformers; FLAMBEAU_PYTHON names a Python that has`)
  process.exit(2)
}
const ours = flambeau('text', values.threads)
const theirs = pytorch('text', values.threads)
for (const [batch, prompt, tokens] of [
  [1, 32, 32],
  [1, 512, 32],
  [4, 64, 16],
])
  report(
    `GPT-2 small, ${batch} × ${prompt} tokens, ${tokens} more`,
    await alternate(ours, theirs, JSON.stringify({ batch, prompt, tokens }), Number(values.rounds)),
    0.9,
    'ms a token',
  )
ours.close()
theirs.close()
