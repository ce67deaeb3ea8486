// When a sequence is complete.
import type { Settings } from './options.js'

export type FinishReason = 'eos' | 'stop' | 'length'

/** Tokens whose text is looked at again: a text that stops may reach over several. */
const tailOf = (stop: string): number => stop.length + 4

/** Why a sequence ends with its last token, or null. @param prompt tokens that were given */
export function finished(tokens: readonly number[], prompt: number, settings: Settings): FinishReason | null {
  if (settings.eos.includes(tokens[tokens.length - 1])) return 'eos'
  const { tokenizer } = settings
  if (tokenizer !== null)
    for (const stop of settings.stop) {
      const tail = tokens.slice(Math.max(prompt, tokens.length - tailOf(stop)))
      if (tokenizer.decode(tail, { skipSpecialTokens: false }).includes(stop)) return 'stop'
    }
  return tokens.length >= settings.maxLength ? 'length' : null
}
