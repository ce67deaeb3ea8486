// Generation by a GPT-2 of the small one's size: milliseconds a token, the reading of the prompt left out.
import { manualSeed, setNumThreads, tensor } from '@flambeau/core'
import { models } from '@flambeau/text'
import { serve } from '../support/serve.mjs'

const threads = Number(process.argv[2])
if (threads > 0) setNumThreads(threads)
manualSeed(0)
const model = new models.GPT2LMHeadModel().eval()

/** Milliseconds of `count` new tokens. */
async function generate(inputIds, count) {
  const start = performance.now()
  await model.generate(inputIds, { maxNewTokens: count, eosTokenId: null })
  return performance.now() - start
}

await serve(async (line) => {
  const { batch, prompt, tokens } = JSON.parse(line)
  const row = Array.from({ length: prompt }, (_, i) => 100 + ((i * 37) % 40000))
  const inputIds = tensor(new Array(batch).fill(row), { dtype: 'int64' })
  const first = await generate(inputIds, 1)
  return ((await generate(inputIds, tokens + 1)) - first) / tokens
})
