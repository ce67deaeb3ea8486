// The hub against a server on loopback that behaves as the real one does, and as it should not.
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ArgumentError, FormatError, ones, save, saveSafetensors, type Tensor, zeros } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-hub-'))
const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/** What a test changes about the server. */
interface Behaviour {
  files: Record<string, Buffer>
  /** Served as large files are: from another host, named by their SHA-256. */
  large: Set<string>
  /** Connections of large files that are cut after so many bytes each; then they are whole. */
  cuts: number[]
  token: string | null
  /** Sent in place of the file's own. */
  etag: string | null
  commit: string
  siblings: unknown
  contents: Buffer | null
  small: Buffer | null
  ranges: boolean
  stall: boolean
}

let server: Server
let storage: Server
let behaviour: Behaviour
let requests: { method: string; url: string; range?: string; authorization?: string; host: string }[]
let cacheDir: string
let endpoint: string

const addressOf = (s: Server): string => `http://127.0.0.1:${(s.address() as AddressInfo).port}`
const listen = (handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> =>
  new Promise((resolve) => {
    const s = createServer(handler)
    s.listen(0, '127.0.0.1', () => resolve(s))
  })

function note(request: IncomingMessage, host: string): void {
  const { method = '', url = '', headers } = request
  const { range, authorization } = headers
  requests.push({ method, url, host, ...(range && { range }), ...(authorization && { authorization }) })
}

/** The hub itself: what is in a repository, and where its files are. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  note(request, 'hub')
  const url = decodeURIComponent(request.url ?? '')
  const { files, large, token, etag, commit, siblings } = behaviour
  const fail = (status: number, message?: string): void => {
    response.writeHead(status, message === undefined ? {} : { 'x-error-message': message })
    response.end()
  }
  if (token !== null && request.headers.authorization !== `Bearer ${token}`) {
    fail(401, 'Invalid credentials')
    return
  }
  const revision = /^\/api\/models\/org\/net\/revision\/(.+)$/.exec(url)?.[1]
  if (revision !== undefined) {
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        sha: /^[0-9a-f]{40}$/.test(revision) ? revision : commit,
        siblings: siblings ?? Object.keys(files).map((rfilename) => ({ rfilename })),
      }),
    )
    return
  }
  const file = /^\/org\/net\/resolve\/[^/]+\/(.+)$/.exec(url)?.[1]
  const bytes = file === undefined ? undefined : files[file]
  if (file === undefined || bytes === undefined) {
    fail(404, 'Entry not found')
    return
  }
  response.setHeader('x-repo-commit', commit)
  if (large.has(file)) {
    response.writeHead(302, {
      location: `${addressOf(storage)}/${file}?signature=x`,
      'x-linked-etag': `"${etag ?? sha256(bytes)}"`,
      'x-linked-size': bytes.length,
    })
    response.end()
    return
  }
  response.setHeader('etag', `"${etag ?? gitHash(bytes)}"`)
  response.setHeader('content-length', bytes.length)
  response.end(request.method === 'HEAD' ? undefined : (behaviour.small ?? bytes))
}

/** Where large files are. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  note(request, 'storage')
  const file = (request.url ?? '').slice(1).split('?')[0]
  const bytes = behaviour.contents ?? behaviour.files[file]
  const from = behaviour.ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0
  const part = bytes.subarray(from)
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': part.length,
    etag: '"storage"',
    ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  })
  if (behaviour.stall) {
    response.write(part.subarray(0, 10))
    return
  }
  const cut = behaviour.cuts.shift()
  if (cut === undefined) response.end(part)
  else response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 20))
}

beforeAll(async () => {
  server = await listen(answer)
  storage = await listen(serve)
  endpoint = addressOf(server)
})
afterAll(() => {
  for (const s of [server, storage]) {
    s.closeAllConnections()
    s.close()
  }
  rmSync(folder, { recursive: true })
})

const weights = (): Buffer => {
  const path = join(folder, 'made.safetensors')
  saveSafetensors(path, { weight: ones([300, 100]), bias: zeros([300]) })
  return readFileSync(path)
}
const config = Buffer.from('{ "hidden": 300 }')
let count = 0

beforeEach(() => {
  requests = []
  cacheDir = join(folder, `cache-${count++}`)
  behaviour = {
    files: { 'config.json': config, 'model.safetensors': weights(), 'README.md': Buffer.from('# net') },
    large: new Set(['model.safetensors']),
    cuts: [],
    token: null,
    etag: null,
    commit: COMMIT,
    siblings: undefined,
    contents: null,
    small: null,
    ranges: true,
    stall: false,
  }
})

const options = (more: hub.LoadModelOptions = {}): hub.LoadModelOptions => ({
  endpoint,
  cacheDir,
  token: false,
  ...more,
})
const blobs = (): string[] => {
  const path = join(cacheDir, 'models--org--net/blobs')
  return existsSync(path) ? readdirSync(path).sort() : []
}
const gets = (): string[] =>
  requests.filter(({ method, host }) => method === 'GET' && host === 'storage').map(({ range = '' }) => range)

test('a model is downloaded into the layout of the Hugging Face cache', async () => {
  const { config: read, stateDict, folder: at } = await hub.load('org/net', options())
  expect(read).toEqual({ hidden: 300 })
  expect([stateDict.weight.shape, stateDict.weight.sum().item()]).toEqual([[300, 100], 30000])
  const root = join(cacheDir, 'models--org--net')
  expect(at).toBe(join(root, 'snapshots', COMMIT))
  expect(readFileSync(join(root, 'refs/main'), 'utf8')).toBe(COMMIT)
  const names = [gitHash(config), sha256(behaviour.files['model.safetensors'])]
  expect(blobs()).toEqual([...names].sort())
  expect(readlinkSync(join(at, 'model.safetensors'))).toBe(join('../../blobs', names[1]))
  expect(lstatSync(join(at, 'config.json')).isSymbolicLink()).toBe(true)
  // What is not needed is not fetched.
  expect(existsSync(join(at, 'README.md'))).toBe(false)
})

test('what is cached is not downloaded again, and is enough without a network', async () => {
  await hub.load('org/net', options())
  const before = gets().length
  await hub.load('org/net', options())
  expect(gets().length).toBe(before)
  const unreachable = { endpoint: 'http://127.0.0.1:9' }
  for (const more of [{ localFilesOnly: true }, unreachable, { ...unreachable, revision: COMMIT }])
    expect((await hub.load('org/net', options(more))).stateDict.bias.shape).toEqual([300])
  expect(await hub.downloadFile('org/net', 'config.json', options(unreachable))).toMatch(/config\.json$/)
  expect(hub.cachedSnapshot('org/net', options())).not.toBeNull()
  await expect(hub.load('org/other', options({ localFilesOnly: true }))).rejects.toThrow('is not in the cache')
  await expect(hub.load('org/other', options(unreachable))).rejects.toThrow('could not reach http://127.0.0.1:9')
})

test('a new commit brings its own files, and keeps what did not change', async () => {
  await hub.load('org/net', options())
  behaviour.commit = COMMIT.replace('0', '1')
  behaviour.files['config.json'] = Buffer.from('{ "hidden": 7 }')
  requests = []
  expect((await hub.load('org/net', options())).config).toEqual({ hidden: 7 })
  expect(gets()).toEqual([])
  expect((await hub.load('org/net', options({ revision: COMMIT }))).config).toEqual({ hidden: 300 })
})

test('a connection that is cut is resumed where it was', async () => {
  const size = behaviour.files['model.safetensors'].length
  behaviour.cuts = [50_000, 40_000]
  const seen: hub.Progress[] = []
  const { stateDict } = await hub.load('org/net', options({ onProgress: (progress) => seen.push(progress) }))
  expect(stateDict.weight.sum().item()).toBe(30000)
  const ranges = gets()
  expect(ranges.length).toBe(3)
  expect(ranges[0]).toBe('')
  expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range))).toBe(true)
  const received = seen.filter(({ file }) => file === 'org/net/model.safetensors')
  expect(received.at(-1)).toEqual({ file: 'org/net/model.safetensors', received: size, total: size })
  expect(
    received.every(({ total }, i) => total === size && (i === 0 || received[i].received >= received[i - 1].received)),
  ).toBe(true)
})

test('a later call goes on from what an earlier one left, and checks it', async () => {
  behaviour.cuts = [60_000]
  await expect(hub.load('org/net', options({ retries: 0 }))).rejects.toThrow(hub.DownloadError)
  const partial = blobs().filter((name) => name.endsWith('.incomplete'))
  expect(partial.length).toBe(1)
  expect(blobs().some((name) => name.endsWith('.lock'))).toBe(false)
  expect(existsSync(join(cacheDir, 'models--org--net/snapshots', COMMIT, 'model.safetensors'))).toBe(false)
  requests = []
  await hub.load('org/net', options())
  expect(gets()).toEqual(['bytes=60000-'])
  // Left by something else: the checksum says so, and it is fetched anew.
  const blob = join(cacheDir, 'models--org--net/blobs', sha256(behaviour.files['model.safetensors']))
  rmSync(join(cacheDir, 'models--org--net/snapshots'), { recursive: true })
  rmSync(blob)
  writeFileSync(`${blob}.incomplete`, Buffer.alloc(70_000))
  requests = []
  expect((await hub.load('org/net', options())).stateDict.weight.sum().item()).toBe(30000)
  expect(gets()).toEqual(['bytes=70000-', ''])
})

test('a server without ranges sends it all again', async () => {
  behaviour.cuts = [50_000]
  behaviour.ranges = false
  expect((await hub.load('org/net', options())).stateDict.bias.shape).toEqual([300])
  expect(gets().length).toBe(2)
})

test('a wrong checksum is an error, and leaves nothing', async () => {
  const right = behaviour.files['model.safetensors']
  behaviour.contents = Buffer.from(right).fill(7, 1000, 1001)
  await expect(hub.load('org/net', options())).rejects.toThrow(
    `the checksum is wrong: expected sha256 ${sha256(right)}`,
  )
  expect(blobs()).toEqual([gitHash(config)])
  expect(existsSync(join(cacheDir, 'models--org--net/snapshots', COMMIT, 'model.safetensors'))).toBe(false)
  // Small files are named by git's hash.
  behaviour.small = Buffer.from('{ "hidden": 301 }')
  rmSync(cacheDir, { recursive: true })
  await expect(hub.downloadFile('org/net', 'config.json', options())).rejects.toThrow('expected sha1')
})

test('a file of another size than announced is refused', async () => {
  behaviour.contents = Buffer.alloc(behaviour.files['model.safetensors'].length + 1)
  await expect(hub.load('org/net', options())).rejects.toThrow(/expected \d+ bytes, the server has \d+/)
})

test('tokens go to the hub alone', async () => {
  behaviour.token = 'hf_secret'
  await expect(hub.load('org/net', options())).rejects.toThrow(
    '401 (not authorized): it needs a token, or the token is wrong',
  )
  await expect(hub.load('org/net', options({ token: 'wrong' }))).rejects.toMatchObject({ status: 401 })
  requests = []
  await hub.load('org/net', options({ token: 'hf_secret' }))
  expect(
    requests.filter(({ host }) => host === 'hub').every(({ authorization }) => authorization === 'Bearer hf_secret'),
  ).toBe(true)
  expect(requests.filter(({ host }) => host === 'storage').map(({ authorization }) => authorization)).toEqual([
    undefined,
  ])
})

test('tokens, endpoints and caches come from the environment', async () => {
  behaviour.token = 'hf_stored'
  const home = join(folder, 'home')
  mkdirSync(home)
  writeFileSync(join(home, 'token'), 'hf_stored\n')
  const before = { ...process.env }
  try {
    Object.assign(process.env, { HF_HOME: home, HF_ENDPOINT: `${endpoint}/`, HF_TOKEN: '', HF_HUB_CACHE: '' })
    expect((await hub.load('org/net')).folder).toBe(join(home, 'hub/models--org--net/snapshots', COMMIT))
    behaviour.token = 'hf_named'
    process.env.HF_TOKEN = 'hf_named'
    process.env.HF_HUB_CACHE = join(home, 'elsewhere')
    expect((await hub.load('org/net')).folder).toMatch(join(home, 'elsewhere'))
    process.env.HF_HUB_OFFLINE = '1'
    requests = []
    await hub.load('org/net')
    expect(requests).toEqual([])
  } finally {
    process.env = before
  }
})

test('what is not there', async () => {
  await expect(hub.load('org/missing', options())).rejects.toMatchObject({ name: 'DownloadError', status: 404 })
  await expect(hub.downloadFile('org/net', 'missing.txt', options())).rejects.toThrow(
    '404 (not found): Entry not found',
  )
  behaviour.files = { 'config.json': config }
  await expect(hub.load('org/net', options())).rejects.toThrow(
    'org/net has no weights: expected one of model.safetensors',
  )
})

test.each(['../evil.json', '/etc/evil.json', 'a/../../evil.json', 'a\\..\\evil.json', 'C:/evil.json', 'a//b', '.', ''])(
  'a repository that names %p is refused',
  async (rfilename) => {
    behaviour.siblings = [{ rfilename: 'model.safetensors' }, { rfilename }]
    await expect(hub.downloadSnapshot('org/net', options())).rejects.toThrow(FormatError)
    await expect(hub.downloadFile('org/net', rfilename, options())).rejects.toThrow(FormatError)
    expect(existsSync(cacheDir)).toBe(false)
  },
)

test.each([
  ['an etag that is a path', { etag: '../../evil' }],
  ['an etag that is hidden', { etag: '.bashrc' }],
  ['a commit that is a path', { commit: '../../../evil' }],
])('a server that gives %s is refused', async (_, change) => {
  Object.assign(behaviour, change)
  await expect(hub.downloadFile('org/net', 'config.json', options())).rejects.toThrow('does not say its version')
  expect(existsSync(cacheDir)).toBe(false)
})

test.each(['../x', 'a/b/c', 'a b', '', '-a', 'a..b'])('%p is no repository', async (repo) => {
  await expect(hub.downloadFile(repo, 'x', options())).rejects.toThrow(ArgumentError)
})

test('a server that says nothing more is given up, and a signal ends it at once', async () => {
  behaviour.stall = true
  await expect(hub.load('org/net', options({ timeout: 100, retries: 0 }))).rejects.toThrow('no data for 100 ms')
  const controller = new AbortController()
  const stopped = hub.load('org/net', options({ signal: controller.signal }))
  setTimeout(() => controller.abort(new Error('enough')), 100)
  await expect(stopped).rejects.toThrow('enough')
})

test('two downloads of one file at once are both whole', async () => {
  const both = await Promise.all([hub.load('org/net', options()), hub.load('org/net', options())])
  for (const { stateDict } of both) expect(stateDict.weight.sum().item()).toBe(30000)
  expect(blobs().length).toBe(2)
})

test('shards, of both formats', async () => {
  const path = join(folder, 'sharded', 'model.safetensors')
  mkdirSync(join(folder, 'sharded'))
  saveSafetensors(path, { a: ones([100]), b: zeros([100]) }, { maxShardSize: 500 })
  save(join(folder, 'sharded', 'one.bin'), { a: ones([3]) })
  save(join(folder, 'sharded', 'two.bin'), { b: zeros([2]) })
  const index = JSON.stringify({ weight_map: { a: 'one.bin', b: 'two.bin' } })
  writeFileSync(join(folder, 'sharded', 'pytorch_model.bin.index.json'), index)
  const shards = readdirSync(join(folder, 'sharded'))
  behaviour.files = Object.fromEntries(shards.map((name) => [name, readFileSync(join(folder, 'sharded', name))]))
  behaviour.large = new Set(shards.filter((name) => !name.endsWith('.json')))
  const shapes = (state: Record<string, Tensor>): unknown =>
    Object.fromEntries(Object.entries(state).map(([k, t]) => [k, t.shape]))
  expect(shapes((await hub.load('org/net', options())).stateDict)).toEqual({ a: [100], b: [100] })
  const bin = await hub.load('org/net', options({ weights: 'pytorch_model.bin.index.json' }))
  expect(shapes(bin.stateDict)).toEqual({ a: [3], b: [2] })
  expect(shapes((await hub.load(join(folder, 'sharded'))).stateDict)).toEqual({ a: [100], b: [100] })
  behaviour.files['pytorch_model.bin.index.json'] = Buffer.from('{ "weight_map": { "a": "../one.bin" } }')
  const evil = options({ weights: 'pytorch_model.bin.index.json', cacheDir: join(folder, 'evil') })
  await expect(hub.load('org/net', evil)).rejects.toThrow('expected the name of a file beside the index')
})

test('local folders', async () => {
  const local = join(folder, 'local')
  mkdirSync(local)
  await expect(hub.load(local)).rejects.toThrow('has no weights')
  save(join(local, 'pytorch_model.bin'), { w: ones([2]) })
  const { config: none, stateDict } = await hub.load(local)
  expect([none, stateDict.w.toArray()]).toEqual([null, [1, 1]])
  save(join(local, 'pytorch_model.bin'), { w: ones([2]), epoch: 3 })
  await expect(hub.load(local)).rejects.toThrow('expected tensors by name')
  await expect(hub.load('./not-there')).rejects.toThrow('the folder ./not-there does not exist')
  await expect(hub.load(7 as never)).rejects.toThrow('expected a folder or a repository, got 7')
})

test('download alone: any url, any checksum', async () => {
  const path = join(folder, 'plain', 'file.bin')
  const bytes = behaviour.files['model.safetensors']
  const url = `${addressOf(storage)}/model.safetensors`
  const checksum = { algorithm: 'md5', digest: createHash('md5').update(bytes).digest('hex') } as const
  await hub.download(url, path, { checksum, size: bytes.length })
  expect(readFileSync(path).equals(bytes)).toBe(true)
  // Without a checksum nothing is left to go on from.
  behaviour.cuts = [1000]
  await expect(hub.download(url, `${path}2`, { retries: 0 })).rejects.toThrow('the connection failed: ')
  expect(readdirSync(join(folder, 'plain'))).toEqual(['file.bin'])
  await expect(hub.download(url, path, { checksum: { algorithm: 'md5', digest: 'xyz' } })).rejects.toThrow(
    ArgumentError,
  )
})

test('a real file of PyTorch arrives bit for bit', async () => {
  const fixture = readFileSync(fileURLToPath(new URL('fixtures/files/torch-values.pt', import.meta.url)))
  behaviour.files = { 'a folder/värde.pt': fixture }
  const path = await hub.downloadFile('org/net', 'a folder/värde.pt', options())
  expect(readFileSync(path).equals(fixture)).toBe(true)
})
