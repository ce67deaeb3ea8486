// The codec is loaded when the first image is read or written: models and operators need none.
import type Sharp from 'sharp'

let loading: Promise<typeof Sharp> | null = null

/** sharp, whose work runs on threads of its own. */
export function codec(): Promise<typeof Sharp> {
  loading ??= import('sharp').then((module) => module.default)
  return loading
}

/** The codec's messages in one line. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
    ? String(error.message).split('\n')[0].trim()
    : String(error)
