import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, createReadStream, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { datasets, io } from '@flambeau/audio'
import { data, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const sounds = join(import.meta.dirname, 'fixtures/sounds')
const newFolder = () => mkdtempSync(join(tmpdir(), 'flambeau-audio-'))

/** Files in the official layouts. */
async function wav(path: string, frames: number): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  await io.save(path, zeros([1, frames]), 8000, { encoding: 'PCM_S' })
}

test('SPEECHCOMMANDS', async () => {
  const root = newFolder()
  const folder = join(root, 'SpeechCommands/speech_commands_v0.02')
  const files = ['yes/aa_nohash_0.wav', 'yes/bb_nohash_1.wav', 'no/aa_nohash_2.wav', 'no/cc_nohash_0.wav']
  for (const [i, file] of files.entries()) await wav(join(folder, file), i + 10)
  await wav(join(folder, '_background_noise_/pink.wav'), 3)
  expect(() => new datasets.SPEECHCOMMANDS(root, { subset: 'training' })).toThrow(
    /validation_list.txt, which is not there/,
  )
  writeFileSync(join(folder, 'validation_list.txt'), 'yes/bb_nohash_1.wav\n')
  writeFileSync(join(folder, 'testing_list.txt'), 'no/cc_nohash_0.wav\n')
  const all = new datasets.SPEECHCOMMANDS(root)
  expect(Array.from({ length: all.length }, (_, i) => all.getMetadata(i).slice(1))).toEqual([
    ['no', 'aa', 2],
    ['no', 'cc', 0],
    ['yes', 'aa', 0],
    ['yes', 'bb', 1],
  ])
  const lengthOf = (subset: 'training' | 'validation' | 'testing') =>
    new datasets.SPEECHCOMMANDS(root, { subset }).length
  expect([lengthOf('training'), lengthOf('validation'), lengthOf('testing')]).toEqual([2, 1, 1])
  const shapes = new datasets.SPEECHCOMMANDS(root, { subset: 'testing', transform: (wave) => wave.shape[1] })
  expect(await shapes.get(0)).toEqual([13, 8000, 'no', 'cc', 0])
  await expect(shapes.get(1)).rejects.toThrow(/index below 1, got 1/)
  expect(() => new datasets.SPEECHCOMMANDS(newFolder())).toThrow(/await SPEECHCOMMANDS.download\(root\)/)
})

test('LIBRISPEECH', async () => {
  const root = newFolder()
  const chapter = join(root, 'LibriSpeech/dev-clean/84/121123')
  mkdirSync(chapter, { recursive: true })
  for (const utterance of ['0000', '0001'])
    copyFileSync(join(sounds, 's16.flac'), join(chapter, `84-121123-${utterance}.flac`))
  writeFileSync(join(chapter, '84-121123.trans.txt'), '84-121123-0000 GO DO YOU HEAR\n')
  const set = new datasets.LIBRISPEECH(root, { url: 'dev-clean' })
  const [waveform, ...rest] = await set.get(0)
  expect([waveform.shape, rest]).toEqual([
    [2, 400],
    [8000, 'GO DO YOU HEAR', 84, 121123, 0],
  ])
  await expect(set.get(1)).rejects.toThrow(/does not say what is said in .*0001.flac/)
  expect(() => new datasets.LIBRISPEECH(root)).toThrow(/LIBRISPEECH.download\(root, \{ url: 'train-clean-100' \}\)/)
})

test('YESNO in a loader', async () => {
  const root = newFolder()
  for (const name of ['0_0_1_1_0_1_0_1', '1_1_1_1_0_0_0_0']) await wav(join(root, `waves_yesno/${name}.wav`), 20)
  const loader = new data.DataLoader(new datasets.YESNO(root), { batchSize: 2 })
  for await (const [waveforms, rates, labels] of loader) {
    expect([waveforms.shape, rates.toArray(), labels.length]).toEqual([[2, 1, 20], [8000, 8000], 8])
    expect(labels[2].toArray()).toEqual([1, 1])
  }
  await wav(join(root, 'waves_yesno/maybe.wav'), 20)
  const set = new datasets.YESNO(root)
  await expect(set.get(2)).rejects.toThrow(/a name like 0_0_1_0_1_0_1_1.wav, got .*maybe.wav/)
})

test('FreeSpokenDigit', async () => {
  const root = newFolder()
  for (const name of ['7_jackson_4', '7_jackson_5', '3_theo_49']) await wav(join(root, `recordings/${name}.wav`), 20)
  const set = new datasets.FreeSpokenDigit(root, { subset: 'training' })
  expect([set.getMetadata(0).slice(1), set.length]).toEqual([[3, 'theo', 49], 2])
  expect(new datasets.FreeSpokenDigit(root, { subset: 'testing' }).getMetadata(0).slice(1)).toEqual([7, 'jackson', 4])
})

test('downloads come from a server and lie where they belong', async () => {
  const source = newFolder()
  await wav(join(source, 'free-spoken-digit-dataset-1.0.10/recordings/1_lucas_7.wav'), 30)
  copyFileSync(join(sounds, 's16.flac'), join(source, 'x.flac'))
  const archive = join(source, 'v1.0.10.tar.gz')
  execFileSync('tar', ['-czf', archive, '-C', source, 'free-spoken-digit-dataset-1.0.10'])
  const server = createServer((request, response) => {
    if (request.url?.endsWith('.tar.gz')) createReadStream(archive).pipe(response)
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const root = newFolder()
    await datasets.FreeSpokenDigit.download(root, { mirrors: [mirror] })
    const [waveform, , digit, speaker] = await new datasets.FreeSpokenDigit(root).get(0)
    expect([waveform.shape, digit, speaker]).toEqual([[1, 30], 1, 'lucas'])
  } finally {
    server.close()
  }
})
