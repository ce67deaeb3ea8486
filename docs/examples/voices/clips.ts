// The prompts of a telephone exchange in five voices (Debian's asterisk-core-sounds-*-wav), as log-mel spectrograms.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { io, transforms } from '@flambeau/audio'
import { Generator, noGrad, randperm, type Tensor } from '@flambeau/core'

const root = '/usr/share/asterisk/sounds'
export const voices = ['en_US_f_Allison', 'es_MX_f_Allison', 'fr_CA_f_June', 'it_IT_m_Carlo', 'ru_RU_f_IvrvoiceRU']
export const sampleRate = 8000
export const mels = 64

export interface Clip {
  /** What is said, such as 'digits/7': the same in every voice. */
  readonly name: string
  readonly voice: number
  /** [mels, frames], about zero. */
  readonly features: Tensor
}

const mel = new transforms.MelSpectrogram({ sampleRate, nFft: 256, hopLength: 128, nMels: mels, fMin: 60 })
const decibels = new transforms.AmplitudeToDB({ topDb: 80 })

/** Whose mean and scale say nothing about the line or the loudness. */
function normalized(waveform: Tensor): Tensor {
  const features = decibels.forward(mel.forward(waveform)).squeeze(0)
  return features.sub(features.mean()).div(20)
}

function files(): { path: string; name: string; voice: number }[] {
  const missing = voices.find((voice) => !existsSync(join(root, voice)))
  if (missing !== undefined)
    throw new Error(
      `${join(root, missing)} is not there. On Debian: apt-get install ${['en', 'es', 'fr', 'it', 'ru'].map((l) => `asterisk-core-sounds-${l}-wav`).join(' ')}`,
    )
  return voices.flatMap((folder, voice) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.wav') && !file.startsWith('silence'))
      .sort()
      .map((file) => ({ path: join(root, folder, file), name: file.replace(/\.wav$/, ''), voice })),
  )
}

/** Some of the prompts to train on, and a fifth that is held out, whoever says them. */
export async function loadClips(prompts = Number.POSITIVE_INFINITY): Promise<{ train: Clip[]; test: Clip[] }> {
  const all = files()
  const names = [...new Set(all.map(({ name }) => name))].sort()
  const order = randperm(names.length, { generator: new Generator().manualSeed(0) }).toArray() as number[]
  const chosen = order.slice(0, prompts).map((i) => names[i])
  const held = new Set(chosen.slice(0, Math.round(chosen.length / 5)))
  const used = new Set(chosen)
  const train: Clip[] = []
  const test: Clip[] = []
  for (const { path, name, voice } of all) {
    if (!used.has(name)) continue
    const [waveform] = await io.load(path)
    // A few are empty.
    if (waveform.shape[1] < sampleRate / 10) continue
    const features = noGrad(() => normalized(waveform))
    ;(held.has(name) ? test : train).push({ name, voice, features })
  }
  return { train, test }
}
