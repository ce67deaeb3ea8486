import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { FormatError, type Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { oneOf } from '../check.js'
import { archive, filesIn, findFolder, parse, SoundDataset, type SoundOptions, sha256 } from './sounds.js'

/** The versions of Speech Commands. */
export type SpeechCommandsVersion = 'speech_commands_v0.01' | 'speech_commands_v0.02'

const CHECKSUMS: Readonly<Record<SpeechCommandsVersion, string>> = {
  'speech_commands_v0.01': '743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d',
  'speech_commands_v0.02': 'af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58',
}
const VERSIONS = Object.keys(CHECKSUMS) as SpeechCommandsVersion[]

/** The options of `SPEECHCOMMANDS`. */
export interface SpeechCommandsOptions<X = Tensor> extends SoundOptions<X> {
  /** Default 'speech_commands_v0.02'. */
  readonly url?: SpeechCommandsVersion
  /** Which part; null, the default, is all of it. */
  readonly subset?: 'training' | 'validation' | 'testing' | null
}

/**
 * Single spoken words ([Warden, 2018](https://arxiv.org/abs/1804.03209)). A sample is the waveform, its sample rate, the
 * word, who speaks, and which of that speaker's attempts it is.
 *
 * Files: `SpeechCommands/speech_commands_v0.02/WORD/SPEAKER_nohash_NUMBER.wav`, `validation_list.txt`, `testing_list.txt`.
 *
 * @throws ArgumentError where the folder is missing
 */
export class SPEECHCOMMANDS<X = Tensor> extends SoundDataset<
  X,
  [label: string, speakerId: string, utteranceNumber: number]
> {
  static readonly resources: readonly Resource[] = VERSIONS.map((version) =>
    archive(
      `http://download.tensorflow.org/data/${version}.tar.gz`,
      `SpeechCommands/${version}`,
      sha256(CHECKSUMS[version]),
    ),
  )

  /** @param root the folder that SpeechCommands is in */
  constructor(root: string, options: SpeechCommandsOptions<X> = {}) {
    const { url = 'speech_commands_v0.02', subset = null } = options
    oneOf('SPEECHCOMMANDS', 'url', url, VERSIONS)
    const folder = findFolder('SPEECHCOMMANDS', [join(root, 'SpeechCommands', url)])
    super(chooseFiles(folder, subset), options)
  }

  /** Downloads what is not there. */
  static download(root: string, options: FetchOptions & Pick<SpeechCommandsOptions, 'url'> = {}): Promise<void> {
    const { url = 'speech_commands_v0.02', ...rest } = options
    const version = VERSIONS.indexOf(oneOf('SPEECHCOMMANDS', 'url', url, VERSIONS))
    return fetchResources('SPEECHCOMMANDS', root, [SPEECHCOMMANDS.resources[version]], rest)
  }

  protected override describe(file: string): [string, string, number] {
    const pattern = /([^/]+)\/([^/]+?)_nohash_(\d+)\.wav$/
    const [label, speaker, number] = parse('SPEECHCOMMANDS', pattern, file, 'yes/0a7c2a8d_nohash_0.wav')
    return [label, speaker, Number(number)]
  }
}

function chooseFiles(folder: string, subset: SpeechCommandsOptions['subset']): string[] {
  if (subset !== null) oneOf('SPEECHCOMMANDS', 'subset', subset, ['training', 'validation', 'testing'])
  const all = () =>
    filesIn('SPEECHCOMMANDS', folder, '.wav').filter(
      (file) => file.includes('_nohash_') && !file.includes('_background_noise_'),
    )
  if (subset === 'validation' || subset === 'testing')
    return listed(folder, `${subset}_list.txt`).map((file) => join(folder, file))
  if (subset === null) return all()
  const others = new Set([...listed(folder, 'validation_list.txt'), ...listed(folder, 'testing_list.txt')])
  return all().filter((file) => !others.has(relative(folder, file).replaceAll('\\', '/')))
}

function listed(folder: string, name: string): string[] {
  const path = join(folder, name)
  if (!existsSync(path)) throw new FormatError(`SPEECHCOMMANDS: expected the list ${path}, which is not there`)
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
