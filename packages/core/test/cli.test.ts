// The command as a process of its own.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load, loadNpz, loadSafetensors, ones, openNpz, save, type Tensor, zeros } from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'

const program = fileURLToPath(new URL('../dist/bundle/cli.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'flambeau-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/files/${name}`, import.meta.url))

function flambeau(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return { status, stdout, stderr }
}

test('convert, there and back', () => {
  copyFileSync(fixture('torch-training.pt'), join(folder, 'run.pt'))
  const { model } = load<{ model: Record<string, Tensor> }>(join(folder, 'run.pt'))
  const values = (tensors: Record<string, Tensor>): unknown =>
    Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, [t.dtype, t.toArray()]]))
  const refused = flambeau('convert', 'run.pt', 'model.safetensors')
  expect([refused.status, refused.stderr]).toEqual([
    1,
    'flambeau: run.pt does not hold tensors alone; choose a part of it with --key: model, optimizer, after\n',
  ])
  const first = flambeau('convert', 'run.pt', 'model.safetensors', '--key', 'model')
  expect(first).toEqual({
    status: 0,
    stdout: `${Object.keys(model).length} tensors: run.pt (PyTorch) → model.safetensors (safetensors)\n`,
    stderr: '',
  })
  expect(values(loadSafetensors(join(folder, 'model.safetensors')))).toEqual(values(model))
  expect(flambeau('convert', 'model.safetensors', 'model.npz').status).toBe(0)
  expect(values(loadNpz(join(folder, 'model.npz')))).toEqual(values(model))
  expect(flambeau('convert', 'model.npz', 'again.pt').status).toBe(0)
  expect(values(load(join(folder, 'again.pt')))).toEqual(values(model))
})

test('convert keeps what is there, unless it is told not to', () => {
  save(join(folder, 'a.pt'), { w: ones([2]) })
  save(join(folder, 'b.pt'), { w: zeros([2]) })
  expect(flambeau('convert', 'a.pt', 'b.pt')).toMatchObject({
    status: 1,
    stderr: 'flambeau: b.pt is there already; --force replaces it\n',
  })
  expect(load<{ w: Tensor }>(join(folder, 'b.pt')).w.toArray()).toEqual([0, 0])
  expect(flambeau('convert', 'a.pt', 'b.pt', '--force').status).toBe(0)
  expect(load<{ w: Tensor }>(join(folder, 'b.pt')).w.toArray()).toEqual([1, 1])
  expect(flambeau('convert', 'a.pt', 'w.npy').stdout).toContain('1 tensors: a.pt (PyTorch) → w.npy (NumPy array)')
})

test('inspect lists names, dtypes, shapes and sizes', () => {
  const base = ones([3, 4])
  save(join(folder, 'x.pt'), { model: { weight: base, row: base.select(0, 1) }, epoch: 3, 'bad\u001b[2Jname': 'x' })
  const { status, stdout } = flambeau('inspect', 'x.pt')
  expect(status).toBe(0)
  expect(stdout.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
    'name | dtype | shape or value | size',
    'model.weight | float32 | [3, 4] | 48 B | shares memory 0',
    'model.row | float32 | [4] | 16 B | shares memory 0',
    'epoch | 3',
    "bad·[2Jname | 'x'",
    '',
    '2 tensors, 16 elements, 64 B',
    '',
  ])
  expect(JSON.parse(flambeau('inspect', 'x.pt', '--json').stdout)[0]).toEqual({
    name: 'model.weight',
    dtype: 'float32',
    shape: [3, 4],
    nbytes: 48,
  })
})

test('inspect reads every format', () => {
  expect(flambeau('inspect', fixture('all-dtypes.safetensors')).stdout).toContain('__metadata__.format')
  expect(flambeau('inspect', fixture('torch-legacy.pt')).stdout).toContain('torch.complex128')
  save(join(folder, 'y.pt'), { a: ones([2, 2]) })
  flambeau('convert', 'y.pt', 'y.npz')
  expect(flambeau('inspect', 'y.npz').stdout).toMatch(/a +float32 +\[2, 2\] +16 B/)
  const file = openNpz(join(folder, 'y.npz'))
  expect(file.info('a')).toEqual({ dtype: 'float32', shape: [2, 2], nbytes: 16 })
  expect(() => file.info('b')).toThrow("has no array 'b'")
  file.close()
})

test('a hostile file is a message, not a stack, and nothing of it runs', () => {
  const evil = Buffer.from('\x80\x02cos\nsystem\nX\x0a\0\0\0touch evil\x85R.', 'latin1')
  writeFileSync(join(folder, 'evil.pt'), evil)
  const { status, stderr } = flambeau('convert', 'evil.pt', 'evil.safetensors')
  expect([status, stderr.split('\n').length]).toEqual([1, 2])
  expect(stderr).toContain('asks for os.system, which is not on the list')
  expect(existsSync(join(folder, 'evil')) || existsSync(join(folder, 'evil.safetensors'))).toBe(false)
})

test.each<[string[], string]>([
  [['frobnicate'], "expected inspect, convert or run, got 'frobnicate'"],
  [['inspect'], 'inspect: expected FILE, got 0 names'],
  [['convert', 'a.pt'], 'convert: expected FROM and TO, got 1 names'],
  [['inspect', 'missing.pt'], 'ENOENT'],
  [['inspect', 'x.txt'], "expected a file .safetensors, .pt, .pth, .bin, .ckpt, .npz or .npy, got 'x.txt'"],
  [['inspect', 'x.pt', '--force'], 'inspect has no option --force'],
  [['inspect', 'x.pt', '--nonsense'], "Unknown option '--nonsense'"],
  [['convert', 'x.pt', 'z.safetensors', '--key', 'model.nothing'], "x.pt has no 'model.nothing'"],
])('%p is refused', (args, message) => {
  const { status, stdout, stderr } = flambeau(...args)
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toContain(`flambeau: `)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('    at ')
})

test('help and version', () => {
  expect(flambeau().stdout).toContain('flambeau convert FROM TO')
  expect(flambeau('--help').stdout).toContain('flambeau inspect FILE')
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(flambeau('--version').stdout).toBe(`${version}\n`)
})
