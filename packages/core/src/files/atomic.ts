// Writing a file so that a crash at any moment leaves the old one or the new one, whole.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Appends all of `bytes`. */
export type Append = (bytes: Uint8Array) => void

/** Lets `body` write a temporary file beside `path`, which replaces `path` once it is complete and on the disk. */
export function writeAtomically(path: string, body: (append: Append) => void): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
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
