// Signals that come while oneDNN computes: a Node of its own is sent as many as go.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from '@jest/globals'

const program = `
import { F, randn, setNumThreads } from ${JSON.stringify(new URL('../dist/bundle/index.js', import.meta.url).href)}
process.on('SIGUSR2', () => {})
setNumThreads(2)
const [a, b, c, d] = [randn([16, 512]), randn([10, 512]).t(), randn([32, 512]), randn([512, 512])]
const [x, w] = [randn([2, 60, 9, 9]), randn([7, 60, 3, 3])]
const work = [() => a.matmul(b), () => c.matmul(d), () => d.matmul(a.at(0)), () => F.conv2d(x, w)]
const expected = work.map((compute) => compute())
console.log('ready')
let wrong = 0
for (const start = performance.now(); performance.now() - start < 500; )
  for (const [i, compute] of work.entries()) if (!compute().equal(expected[i])) wrong++
console.log(wrong)
process.stdin.resume()
`

test('signals do not harm what is being computed', async () => {
  if (process.platform === 'win32') return
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = once(child, 'exit')
  const lines: string[] = []
  let sent = 0
  const send = () => {
    if (lines.length !== 1 || child.exitCode !== null || child.signalCode !== null) return
    for (let i = 0; i < 20; i++) if (child.kill('SIGUSR2')) sent++
    setImmediate(send)
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (lines.length === 1) send()
    else child.stdin.end()
  })
  expect(await ended).toEqual([0, null])
  expect(lines).toEqual(['ready', '0'])
  expect(sent).toBeGreaterThan(100)
})
