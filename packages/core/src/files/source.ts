// Bytes at positions, without reading a whole file into memory.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ArgumentError, describe, FormatError } from '../errors.js'

/** What one call of the system reads. */
const MOST = 2 ** 30

/** Bytes that can be read from any position; `name` is for error messages. */
export interface ByteSource {
  readonly name: string
  readonly size: number
  /** Fills `into` from `position` on. @throws FormatError where the bytes end before */
  read(position: number, into: Uint8Array): void
}

/** Opens a file, hands it and its descriptor to `body`, and closes it again. */
export function withSource<R>(operation: string, path: string, body: (source: ByteSource, fd: number) => R): R {
  if (typeof path !== 'string') throw new ArgumentError(`${operation}: expected a path, got ${describe(path)}`)
  const fd = openSync(path, 'r')
  try {
    const status = fstatSync(fd)
    if (!status.isFile()) throw new ArgumentError(`${operation}: expected a file, and ${path} is none`)
    return body(fileSource(path, fd, status.size), fd)
  } finally {
    closeSync(fd)
  }
}

function fileSource(name: string, fd: number, size: number): ByteSource {
  return {
    name,
    size,
    read(position, into) {
      for (let at = 0; at < into.length; ) {
        const n = readSync(fd, into, at, Math.min(into.length - at, MOST), position + at)
        if (n === 0) throw new FormatError(`${name}: the file is truncated: it ended at byte ${position + at}`)
        at += n
      }
    },
  }
}

/** A source over bytes in memory. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(position, into) {
      if (position + into.length > bytes.length)
        throw new FormatError(`${name}: the data is truncated: it ended at byte ${bytes.length}`)
      into.set(bytes.subarray(position, position + into.length))
    },
  }
}

/** A part of a source as a source of its own. */
export function partOf(source: ByteSource, begin: number, size: number): ByteSource {
  const { name } = source
  return {
    name,
    size,
    read(position, into) {
      if (position + into.length > size)
        throw new FormatError(`${name}: the data is truncated: a part of it ended at byte ${size}`)
      source.read(begin + position, into)
    },
  }
}
