// Runs folders in child processes. A case that takes its process down, or hangs, is reported as such and left out when
// the folder is run again.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))
/** A folder takes well under a second; this long means that it hangs. */
const PATIENCE = 120_000
const MAX_CRASHES = 50

/** Calls `done(folder, result)` for each folder. */
export async function runFolders({ dir, folders, device, processes, done }) {
  const queue = [...folders]
  const temporary = mkdtempSync(join(tmpdir(), 'flambeau-conformance-'))
  try {
    await Promise.all(
      Array.from({ length: Math.min(processes, folders.length) }, (_, i) =>
        serve(queue, dir, device, join(temporary, String(i)), done),
      ),
    )
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** One process after another until the queue is empty. */
async function serve(queue, dir, device, marker, done) {
  let job = null
  while (job !== null || queue.length > 0) {
    job = await new Promise((resolve, reject) => {
      let current = job
      let reason = null
      let started = false
      let timer
      const child = fork(worker, [marker, device], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        env: { ...process.env, OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? '1' },
      })
      let stderr = ''
      child.stderr.on('data', (text) => {
        stderr = (stderr + text).slice(-2000)
      })
      const next = () => {
        current ??= queue.length > 0 ? { dir, folder: queue.shift(), skip: [] } : null
        clearTimeout(timer)
        if (current === null) return child.disconnect()
        timer = setTimeout(() => {
          reason = 'the case hangs'
          child.kill('SIGKILL')
        }, PATIENCE)
        child.send(current)
      }
      child.on('message', ({ ready, folder, result }) => {
        started = true
        if (!ready) {
          done(folder, result)
          current = null
        }
        next()
      })
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        clearTimeout(timer)
        if (!started) return reject(new Error(`a worker could not start: ${stderr}`))
        if (current === null) return resolve(null)
        const at = Number(readFileSync(marker, 'utf8') || Number.NaN)
        const problem = `${reason ?? `the process ended with ${signal ?? `exit code ${code}`}`}${stderr ? `: ${stderr.trim().split('\n').at(-1)}` : ''}`
        if (Number.isNaN(at)) return reject(new Error(`a worker ended before its first case: ${stderr}`))
        if (current.skip.length >= MAX_CRASHES || current.skip.some(([i]) => i === at)) {
          done(current.folder, { passed: 0, failed: 1, missing: 0, failures: [{ sample: at, call: '', problem }] })
          return resolve(null)
        }
        resolve({ ...current, skip: [...current.skip, [at, problem]] })
      })
    })
  }
}
