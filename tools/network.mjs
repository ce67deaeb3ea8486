// `npm run network`: two network namespaces as two machines train together; one is cut off and comes back. As root, with
// iproute2. The machines' processes must name each other within their timeout, and the launchers end what one process
// would have reached, with nothing lost.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../packages/core/dist/bundle/cli.js', import.meta.url))
const script = fileURLToPath(new URL('network/train.mjs', import.meta.url))
const STEPS = 60
const PORT = 29_400
const name = (node) => `flambeau-${process.pid}-${node}`
const link = (node) => `fl${process.pid % 100000}n${node}`

function ip(...args) {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`)
}

function connect() {
  for (const node of [0, 1]) ip('netns', 'add', name(node))
  ip('link', 'add', link(0), 'netns', name(0), 'type', 'veth', 'peer', 'name', link(1), 'netns', name(1))
  for (const node of [0, 1]) {
    ip('-n', name(node), 'addr', 'add', `10.77.0.${node + 1}/24`, 'dev', link(node))
    ip('-n', name(node), 'link', 'set', link(node), 'up')
    ip('-n', name(node), 'link', 'set', 'lo', 'up')
  }
}

function machine(node, folder) {
  const options = ['--nnodes', '2', '--node-rank', String(node), '--rdzv', `10.77.0.1:${PORT}`, '--max-restarts', '5']
  const child = spawn(
    'ip',
    ['netns', 'exec', name(node), process.execPath, program, 'run', ...options, script, folder, String(STEPS)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let log = ''
  for (const from of [child.stdout, child.stderr])
    from.on('data', (chunk) => {
      log += chunk
      process.stdout.write(
        String(chunk)
          .replace(/^/gm, `machine ${node}: `)
          .replace(/machine \d: $/, ''),
      )
    })
  return { child, log: () => log, done: new Promise((resolve) => child.on('close', resolve)) }
}

const steps = (folder) => {
  try {
    return readFileSync(join(folder, 'steps.txt'), 'utf8').trim().split('\n').map(Number)
  } catch {
    return []
  }
}

function check(ok, what) {
  console.log(`${ok ? '✓' : '✗'} ${what}`)
  if (!ok) process.exitCode = 1
}

async function reached(folder, step) {
  for (let i = 0; i < 600 && (steps(folder).at(-1) ?? 0) < step; i++) await setTimeout(100)
}

const weights = (log) => /weights (.*)/.exec(log)?.[1]
const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'flambeau-network-')))
try {
  connect()
  const whole = [0, 1].map((node) => machine(node, folders[0]))
  check(
    (await Promise.all(whole.map(({ done }) => done))).every((code) => code === 0),
    'two machines train together',
  )
  const cut = [0, 1].map((node) => machine(node, folders[1]))
  await reached(folders[1], 10)
  ip('-n', name(1), 'link', 'set', link(1), 'down')
  console.log('▸ machine 1 is cut off')
  await setTimeout(12_000)
  ip('-n', name(1), 'link', 'set', link(1), 'up')
  console.log('▸ machine 1 is back')
  const codes = await Promise.all(cut.map(({ done }) => done))
  check(
    codes.every((code) => code === 0),
    `both machines end well (${codes.join(', ')})`,
  )
  check(/DistributedError.*rank 1\b/.test(cut[0].log()), 'machine 0 named rank 1 within its timeout')
  check(/DistributedError.*(rank 0\b|store)/.test(cut[1].log()), 'machine 1 named rank 0, or the store that it holds')
  check(/restart 1 of 5/.test(cut[0].log()) && /restart \d of 5/.test(cut[1].log()), 'both began anew')
  check(weights(cut[0].log()) === weights(whole[0].log()), 'the weights are those of the run that was not cut off')
  const seen = steps(folders[1])
  check(new Set(seen).size === STEPS && seen.at(-1) === STEPS, `${STEPS} steps, of which none is missing`)
} finally {
  for (const node of [0, 1]) spawnSync('ip', ['netns', 'del', name(node)])
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
