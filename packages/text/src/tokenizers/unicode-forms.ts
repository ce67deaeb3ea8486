// Unicode's normal forms, with where each character came from.
import type { AlignedText, Change } from './aligned.js'

export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

/** A character with all that may combine with it: what a normal form changes lies within one of these. */
const CLUSTERS =
  /[^\p{M}\u1160-\u11ff\uff9e\uff9f][\p{M}\u1160-\u11ff\uff9e\uff9f]*|[\p{M}\u1160-\u11ff\uff9e\uff9f]+/gu

/** Takes the first of `pool` that is `character` and was not taken. */
function takeFrom(pool: (Change | null)[], character: string): number {
  const i = pool.findIndex((change) => change?.[0] === character)
  const change = pool[i]
  if (change === undefined || change === null) return 0
  pool[i] = null
  return change[1]
}

/** What becomes of one cluster. A decomposed character replaces with its first part and inserts the others; composing drops. */
function clusterChanges(cluster: string, form: NormalForm): Change[] {
  const decomposed = form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD'
  const parts: (Change | null)[] = []
  for (const character of cluster)
    Array.from(character.normalize(decomposed)).forEach((part, i) => {
      parts.push([part, i === 0 ? 0 : 1])
    })
  // In the order of combining classes, which is stable: equal characters keep theirs.
  const ordered = Array.from(cluster.normalize(decomposed), (part): Change => [part, takeFrom(parts, part)])
  if (form === decomposed) return ordered
  const pool: (Change | null)[] = [...ordered]
  return Array.from(cluster.normalize(form), (character): Change => {
    const [first, ...others] = Array.from(character.normalize(decomposed))
    let change = takeFrom(pool, first)
    for (const other of others) change += takeFrom(pool, other) - 1
    return [character, change]
  })
}

/** A text in a normal form. */
export function inForm(text: AlignedText, form: NormalForm): AlignedText {
  if (text.text.normalize(form) === text.text) return text
  const changes: Change[] = []
  for (const [cluster] of text.text.matchAll(CLUSTERS)) {
    if (cluster.normalize(form) === cluster) for (const character of cluster) changes.push([character, 0])
    else for (const change of clusterChanges(cluster, form)) changes.push(change)
  }
  return text.transform(changes)
}
