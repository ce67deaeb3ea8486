// Data sets' files and published weights, from a server on loopback.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError, DownloadError, FormatError, nn, save, saveSafetensors } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import * as tar from 'tar'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-resources-'))
const files: Record<string, Buffer> = {}
const asked: string[] = []
const server = createServer((request, response) => {
  const name = (request.url ?? '').slice(1)
  asked.push(name)
  response.writeHead(name in files ? 200 : 404).end(files[name])
})
let base = ''
let root = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = join(folder, 'source')
  mkdirSync(join(source, 'birds/train'), { recursive: true })
  writeFileSync(join(source, 'birds/train/one.txt'), 'a robin')
  await tar.create({ file: join(folder, 'birds.tar.gz'), cwd: source, gzip: true }, ['birds'])
  files['birds.tar.gz'] = readFileSync(join(folder, 'birds.tar.gz'))
  files['labels.txt'] = Buffer.from('robin\nwren\n')
})
beforeEach(() => {
  asked.length = 0
  root = mkdtempSync(join(folder, 'root-'))
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

const md5 = (bytes: Buffer): hub.Checksum => ({
  algorithm: 'md5',
  digest: createHash('md5').update(bytes).digest('hex'),
})
const labels = (): hub.Resource => ({
  path: 'birds-labels/labels.txt',
  url: `${base}/labels.txt`,
  checksum: md5(files['labels.txt']),
})
const archive = (): hub.Resource => ({
  path: 'birds.tar.gz',
  url: `${base}/birds.tar.gz`,
  checksum: md5(files['birds.tar.gz']),
  extractTo: 'data/birds',
})

test('files arrive checked, archives unpacked, and neither is fetched again', async () => {
  await hub.fetchResources('Birds', root, [labels(), archive()])
  expect(readFileSync(join(root, 'birds-labels/labels.txt'), 'utf8')).toBe('robin\nwren\n')
  expect(readFileSync(join(root, 'data/birds/train/one.txt'), 'utf8')).toBe('a robin')
  expect(readdirSync(root).sort()).toEqual(['birds-labels', 'data'])
  await hub.fetchResources('Birds', root, [labels(), archive()])
  expect(asked).toEqual(['labels.txt', 'birds.tar.gz'])
})

test('mirrors are tried in their order', async () => {
  const url = [`${base}/nowhere/labels.txt`, `${base}/labels.txt`]
  await hub.fetchResources('Birds', root, [{ ...labels(), url }], { mirrors: [`${base}/mirror/`] })
  expect(asked).toEqual(['mirror/labels.txt', 'nowhere/labels.txt', 'labels.txt'])
  const none = hub.fetchResources('Birds', root, [{ ...labels(), path: 'x.txt', url: url.map((u) => `${u}.gone`) }])
  await expect(none).rejects.toThrow(/could not download Birds: x\.txt from any of 2 addresses:\n.*404[\s\S]*404/)
})

test('what is wrong leaves nothing behind', async () => {
  const wrong = { ...md5(Buffer.from('')), digest: '0'.repeat(32) }
  const fetching = hub.fetchResources('Birds', root, [{ ...archive(), checksum: wrong }])
  await expect(fetching).rejects.toThrow(DownloadError)
  files['broken.tar.gz'] = files['birds.tar.gz'].subarray(0, 60)
  const broken = { ...archive(), url: `${base}/broken.tar.gz`, checksum: undefined }
  await expect(hub.fetchResources('Birds', root, [broken])).rejects.toThrow(FormatError)
  expect(existsSync(join(root, 'data/birds'))).toBe(false)
  expect(readdirSync(root)).toEqual(['data'])
  await expect(hub.fetchResources('Birds', root, [{ ...labels(), path: '../out.txt' }])).rejects.toThrow(FormatError)
  await expect(hub.fetchResources('Birds', '', [labels()])).rejects.toThrow(ArgumentError)
  await expect(hub.fetchResources('Birds', root, [{ ...labels(), url: [] }])).rejects.toThrow(/an address/)
})

describe('registry', () => {
  const registry = new hub.ModelRegistry<nn.Module, { classes?: number }>('birds')
  const build = ({ classes = 2 }: { classes?: number } = {}) => new nn.Linear(3, classes)
  const published = (name: string, sha256: string) => ({ url: `${base}/${name}`, sha256 })

  test('models have names', () => {
    registry.register('plain', { build })
    expect(() => registry.register('plain', { build })).toThrow(/'plain' already/)
    expect(registry.list()).toEqual(['plain'])
    expect(registry.list(/^x/)).toEqual([])
    expect(() => registry.get('plane')).toThrow(/expected one of plain of birds, got 'plane'/)
    expect(registry.get('plain', { classes: 7 }).parameters()[0].shape).toEqual([7, 3])
  })

  test('weights are downloaded once, by name, or read from a file', async () => {
    const trained = build()
    const file = join(root, 'trained.pth')
    save(file, { state_dict: trained.stateDict(), epoch: 3 })
    files['trained-1.pth'] = readFileSync(file)
    const digest = createHash('sha256').update(files['trained-1.pth']).digest('hex').slice(0, 8)
    registry.register('trained', { build, weights: { V1: published('trained-1.pth', digest) } })
    const cacheDir = join(root, 'cache')
    const saved = join(root, 'same.safetensors')
    saveSafetensors(saved, trained.stateDict())
    for (const weights of ['DEFAULT', 'V1', file, saved]) {
      const model = await registry.load('trained', { weights, cacheDir })
      expect(model.parameters()[0].toArray()).toEqual(trained.parameters()[0].toArray())
    }
    expect(asked).toEqual(['trained-1.pth'])
    await expect(registry.load('trained', { weights: 'V2', cacheDir })).rejects.toThrow(/'V1', a file .*got 'V2'/)
    await expect(registry.load('trained', { weights: file, options: { classes: 9 } })).rejects.toThrow(/size mismatch/)
  })

  test('weights with another checksum are refused', async () => {
    registry.register('odd', { build, weights: { V1: published('labels.txt', 'ffffffff') } })
    await expect(registry.load('odd', { cacheDir: root })).rejects.toThrow(/SHA-256 that begins with ffffffff/)
    registry.register('text', { build, weights: { V1: { url: `${base}/labels.txt` } } })
    await expect(registry.load('text', { cacheDir: root })).rejects.toThrow(FormatError)
  })
})
