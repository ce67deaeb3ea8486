// Writing a file so that a crash at any moment leaves the old one or the new one, whole.
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { crypto } from '../builtins.js'

/** Appends all of `bytes`. */
export type Append = (bytes: Uint8Array) => void

/** How long a temporary file of a process that is gone must have been left alone: it may be another machine's. */
const STALE_MS = 10 * 60_000

/**
 * Lets `body` write a temporary file beside `path`, which replaces `path` once it is complete and on the disk. What a
 * process that was ended in the middle of this left behind goes with the next save.
 */
export function writeAtomically(path: string, body: (append: Append) => void): void {
  const temporary = `${path}.${process.pid}.${crypto().randomBytes(4).toString('hex')}.tmp`
  const fd = openSync(temporary, 'wx')
  try {
    try {
      body((bytes) => {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      })
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
  removeStale(path)
}

/** Removes temporary files of this path whose process is gone. */
function removeStale(path: string): void {
  const prefix = `${basename(path)}.`
  for (const name of readdirSync(dirname(path))) {
    const [, pid] = name.startsWith(prefix) ? (/^(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length)) ?? []) : []
    if (pid === undefined || isAlive(Number(pid))) continue
    const stale = join(dirname(path), name)
    const age = Date.now() - (statSync(stale, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > STALE_MS) rmSync(stale, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH'
  }
}

/** Makes a rename last. Some systems cannot open a folder; there the file is whole all the same. */
function syncFolder(folder: string): void {
  let fd: number
  try {
    fd = openSync(folder, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(fd)
  } catch {
    // EINVAL or EPERM where folders cannot be synced.
  } finally {
    closeSync(fd)
  }
}
