import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { io } from '@flambeau/audio'
import { equal, linspace, loadNpz, type Tensor, tensor, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const fixtures = join(import.meta.dirname, 'fixtures')
const sound = (name: string) => join(fixtures, 'sounds', name)
const expected = loadNpz(join(fixtures, 'io.npz')) as Record<string, Tensor>
const folder = mkdtempSync(join(tmpdir(), 'flambeau-audio-'))

const largest = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item() as number

test.each([
  ['u8', 'PCM_U', 8],
  ['s16', 'PCM_S', 16],
  ['s24', 'PCM_S', 24],
  ['s32', 'PCM_S', 32],
  ['f32', 'PCM_F', 32],
  ['f64', 'PCM_F', 64],
  ['ulaw', 'ULAW', 8],
  ['alaw', 'ALAW', 8],
])('WAV %s reads as in TorchAudio', async (name, encoding, bitsPerSample) => {
  const path = sound(`${name}.wav`)
  expect(await io.info(path)).toEqual({ sampleRate: 8000, numFrames: 400, numChannels: 2, bitsPerSample, encoding })
  const [waveform, sampleRate] = await io.load(path)
  expect([sampleRate, waveform.shape, waveform.dtype]).toEqual([8000, [2, 400], 'float32'])
  expect(largest(waveform, expected[`${name}.wav`])).toBeLessThanOrEqual(bitsPerSample > 24 ? 1e-7 : 0)
  const raw = expected[`${name}.raw`]
  if (raw === undefined) return
  const [unchanged] = await io.load(path, { normalize: false })
  expect(unchanged.dtype).toBe(raw.dtype)
  expect(equal(unchanged, raw)).toBe(true)
})

test.each([
  ['s16.flac', 'FLAC', 16, 0],
  ['s24.flac', 'FLAC', 24, 0],
  ['tone.oga', 'FLAC', 16, 0],
  ['tone.ogg', 'VORBIS', 0, 1e-4],
  ['tone.opus', 'OPUS', 0, 1e-4],
  ['tone.mp3', 'MP3', 0, 1e-4],
])('%s reads as with the own tools of its codec', async (name, encoding, bitsPerSample, tolerance) => {
  const truth = expected[name]
  const [numChannels, numFrames] = truth.shape
  const sampleRate = name.startsWith('s') ? 8000 : name === 'tone.opus' ? 48000 : 16000
  expect(await io.info(sound(name))).toEqual({ sampleRate, numFrames, numChannels, bitsPerSample, encoding })
  const [waveform, rate] = await io.load(sound(name))
  expect([rate, waveform.shape]).toEqual([sampleRate, truth.shape])
  expect(largest(waveform, truth)).toBeLessThanOrEqual(tolerance)
  const [part] = await io.load(sound(name), { frameOffset: 100, numFrames: 50 })
  expect(equal(part, waveform.narrow(1, 100, 50))).toBe(true)
})

test('parts, orders, bytes in memory and URLs', async () => {
  const [whole] = await io.load(sound('s24.wav'))
  const [part] = await io.load(sound('s24.wav'), { frameOffset: 390, numFrames: 100 })
  expect(equal(part, whole.narrow(1, 390, 10))).toBe(true)
  const [last] = await io.load(sound('s24.wav'), { channelsFirst: false })
  expect(equal(last.t(), whole)).toBe(true)
  const [fromBytes] = await io.load(readFileSync(sound('s24.wav')))
  expect(equal(fromBytes, whole)).toBe(true)
  const [none] = await io.load(sound('s16.flac'), { frameOffset: 400 })
  expect(none.shape).toEqual([2, 0])
})

test.each([
  ['PCM_U', 8, 1 / 128],
  ['PCM_S', 16, 1 / 32768],
  ['PCM_S', 24, 1e-6],
  ['PCM_S', 32, 1e-7],
  ['PCM_F', 32, 0],
  ['PCM_F', 64, 0],
  ['ULAW', 8, 0.03],
  ['ALAW', 8, 0.03],
] as const)('what is saved as %s of %i bits is read back', async (encoding, bitsPerSample, tolerance) => {
  const path = join(folder, `${encoding}${bitsPerSample}.wav`)
  // An odd number of bytes, and values that are too loud.
  const waveform = linspace(-1.5, 1.5, 333).reshape([3, 111])
  await io.save(path, waveform, 44100, { encoding, bitsPerSample })
  expect(await io.info(path)).toEqual({ sampleRate: 44100, numFrames: 111, numChannels: 3, bitsPerSample, encoding })
  const [back] = await io.load(path)
  const truth = encoding === 'PCM_F' ? waveform : waveform.clamp(-1, 1)
  expect(largest(back, truth)).toBeLessThanOrEqual(tolerance)
})

test.each(['ULAW', 'ALAW'] as const)(
  '%s codes every sample as well as the reference does, which sees 14 bits of it',
  async (encoding) => {
    const path = join(folder, `ramp-${encoding}.wav`)
    await io.save(path, expected.ramp, 8000, { encoding })
    const [back] = await io.load(path)
    const truth = expected.ramp.to('int64')
    const ours = back.mul(32768).sub(truth).abs()
    const theirs = expected[`ramp.${encoding.toLowerCase()}`].to('int64').sub(truth).abs()
    expect(ours.sub(theirs).max().item()).toBeLessThanOrEqual(0)
  },
)

test('integer waveforms are saved as they are', async () => {
  for (const dtype of ['uint8', 'int16', 'int32'] as const) {
    const path = join(folder, `${dtype}.wav`)
    const waveform = tensor([[0, 1, 100, 127]], { dtype })
    await io.save(path, waveform, 8000)
    const [back] = await io.load(path, { normalize: false })
    expect([back.dtype, back.toArray()]).toEqual([dtype, waveform.toArray()])
  }
})

/** The header of a WAV file with something changed. */
const changed = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = readFileSync(sound('s16.wav'))
  change(bytes)
  return bytes
}

test.each<[string, Buffer, RegExp]>([
  ['empty', Buffer.alloc(0), /expected a sound file .*got an empty file/],
  ['text', Buffer.from('not a sound at all'), /begins with 6e6f74/],
  [
    'a cut WAV',
    readFileSync(sound('s16.wav')).subarray(0, 500),
    /WAV file is truncated: expected 1600 bytes of samples, got/,
  ],
  ['a WAV header alone', readFileSync(sound('s16.wav')).subarray(0, 14), /truncated: it ends before its samples/],
  ['a sample rate of 0', changed((b) => b.writeUInt32LE(0, 24)), /sample rate is 0/],
  ['no channels', changed((b) => b.writeUInt16LE(0, 22)), /has no channels/],
  ['a frame of another size', changed((b) => b.writeUInt16LE(999, 32)), /cannot have 999 bytes/],
  ['an unknown coding', changed((b) => b.writeUInt16LE(2, 20)), /got format 0x2 with 16 bits/],
  ['samples before the header', changed((b) => b.write('fxx ', 12)), /samples come before its header/],
  ['a cut FLAC', readFileSync(sound('s16.flac')).subarray(0, 700), /FLAC stream is (truncated|corrupt)/],
  ['a FLAC header alone', readFileSync(sound('s16.flac')).subarray(0, 20), /FLAC stream is truncated/],
  ['a cut Ogg', readFileSync(sound('tone.ogg')).subarray(0, -30), /Ogg file is truncated/],
  ['an Ogg without its end', readFileSync(sound('tone.opus')).subarray(0, 47), /Ogg file is truncated: no page/],
  ['a cut MP3', readFileSync(sound('tone.mp3')).subarray(0, -30), /MP3 file is truncated/],
  ['an MP3 without its last frame', readFileSync(sound('tone.mp3')).subarray(0, -216), /MP3 file is truncated/],
])('%s is refused', async (_, bytes, message) => {
  await expect(io.load(bytes)).rejects.toThrow(message)
})

test('a file is what it contains, whatever its name says', async () => {
  const path = join(folder, 'mislabelled.wav')
  writeFileSync(path, readFileSync(sound('tone.mp3')))
  expect((await io.info(path)).encoding).toBe('MP3')
})

test('damaged bytes anywhere end in an error or a sound', async () => {
  let state = 1
  const random = (n: number) => {
    state = (state * 48271) % 2147483647
    return state % n
  }
  for (const name of ['s16.flac', 'tone.ogg', 'tone.opus', 'tone.mp3', 's24.wav'])
    for (let i = 0; i < 12; i++) {
      const bytes = readFileSync(sound(name))
      for (let k = 0; k < 4; k++) bytes[random(bytes.length)] = random(256)
      const outcome = await io.load(bytes).then(
        ([waveform]) => waveform.ndim,
        (error: Error) => error.name,
      )
      expect([2, 'FormatError', 'ArgumentError']).toContain(outcome)
    }
})

test('arguments that make no sense are refused', async () => {
  const path = sound('s16.wav')
  await expect(io.load(join(folder, 'absent.wav'))).rejects.toThrow(/there is no file .*absent.wav/)
  await expect(io.load(folder)).rejects.toThrow(/is not a file/)
  await expect(io.load(path, { frameOffset: -1 })).rejects.toThrow(/expected frameOffset/)
  await expect(io.load(path, { frameOffset: 401 })).rejects.toThrow(/frameOffset of at most 400/)
  await expect(io.load(path, { numFrames: 1.5 })).rejects.toThrow(/expected numFrames/)
  await expect(io.load(path, { maxSamples: 100 })).rejects.toThrow(/at most maxSamples 100 samples/)
  await expect(io.load(sound('tone.mp3'), { maxSamples: 100 })).rejects.toThrow(/at most maxSamples 100 samples/)
  const out = join(folder, 'out.wav')
  await expect(io.save(out, zeros([2, 3]), 0)).rejects.toThrow(/expected sampleRate/)
  await expect(io.save(join(folder, 'out.mp3'), zeros([2, 3]), 8000)).rejects.toThrow(/ends in .wav/)
  await expect(io.save(out, zeros([3]), 8000)).rejects.toThrow(/\[channels, frames\], got \[3\]/)
  await expect(io.save(out, zeros([2, 3], { dtype: 'int64' }), 8000)).rejects.toThrow(/got int64/)
  await expect(io.save(out, zeros([2, 3]), 8000, { encoding: 'PCM_S', bitsPerSample: 12 })).rejects.toThrow(
    /expected bitsPerSample 16, 24, 32/,
  )
  await expect(io.save(join(folder, 'no/such/out.wav'), zeros([2, 3]), 8000)).rejects.toThrow(/ENOENT/)
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})
