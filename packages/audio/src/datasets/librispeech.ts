import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FormatError, type Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { oneOf } from '../check.js'
import { archive, filesIn, findFolder, parse, SoundDataset, type SoundOptions, sha256 } from './sounds.js'

const CHECKSUMS = {
  'dev-clean': '76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3',
  'dev-other': '12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365',
  'test-clean': '39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23',
  'test-other': 'd09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29',
  'train-clean-100': 'd4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2',
  'train-clean-360': '146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf',
  'train-other-500': 'ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2',
} as const

/** The parts of LibriSpeech. */
export type LibriSpeechPart = keyof typeof CHECKSUMS

const PARTS = Object.keys(CHECKSUMS) as LibriSpeechPart[]

/** The options of `LIBRISPEECH`. */
export interface LibriSpeechOptions<X = Tensor> extends SoundOptions<X> {
  /** Which part. Default 'train-clean-100'. */
  readonly url?: LibriSpeechPart
}

/**
 * Books read aloud ([Panayotov et al., 2015](https://doi.org/10.1109/ICASSP.2015.7178964)). A sample is the waveform,
 * its sample rate, what is said, and the numbers of speaker, chapter and utterance.
 *
 * Files: `LibriSpeech/PART/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac`, and `SPEAKER-CHAPTER.trans.txt` beside them.
 *
 * @throws ArgumentError where the folder is missing
 */
export class LIBRISPEECH<X = Tensor> extends SoundDataset<
  X,
  [transcript: string, speakerId: number, chapterId: number, utteranceId: number]
> {
  static readonly resources: readonly Resource[] = PARTS.map((part) =>
    archive(`http://www.openslr.org/resources/12/${part}.tar.gz`, `LibriSpeech.${part}`, sha256(CHECKSUMS[part])),
  )
  readonly #transcripts = new Map<string, ReadonlyMap<string, string>>()

  /** @param root the folder that LibriSpeech is in */
  constructor(root: string, options: LibriSpeechOptions<X> = {}) {
    const { url = 'train-clean-100' } = options
    oneOf('LIBRISPEECH', 'url', url, PARTS)
    const hint = `await LIBRISPEECH.download(root, { url: '${url}' })`
    const folder = findFolder('LIBRISPEECH', [join(root, 'LibriSpeech', url)], hint)
    super(filesIn('LIBRISPEECH', folder, '.flac'), options)
  }

  /** Downloads a part where it is not there. */
  static async download(root: string, options: FetchOptions & Pick<LibriSpeechOptions, 'url'> = {}): Promise<void> {
    const { url = 'train-clean-100', ...rest } = options
    const part = PARTS.indexOf(oneOf('LIBRISPEECH', 'url', url, PARTS))
    const folder = join(root, 'LibriSpeech', url)
    if (existsSync(folder)) return
    const resource = LIBRISPEECH.resources[part]
    await fetchResources('LIBRISPEECH', root, [resource], rest)
    // All archives have a folder LibriSpeech, with their part in it.
    const unpacked = join(root, resource.extractTo ?? '')
    await mkdir(dirname(folder), { recursive: true })
    await rename(join(unpacked, 'LibriSpeech', url), folder)
    await rm(unpacked, { recursive: true })
  }

  protected override describe(file: string): [string, number, number, number] {
    const pattern = /(\d+)-(\d+)-(\d+)\.flac$/
    const numbers = parse('LIBRISPEECH', pattern, file, '84/121123/84-121123-0000.flac')
    const [speaker, chapter, utterance] = numbers
    const list = join(dirname(file), `${speaker}-${chapter}.trans.txt`)
    const transcript = this.#transcript(list).get(numbers.join('-'))
    if (transcript === undefined) throw new FormatError(`LIBRISPEECH: ${list} does not say what is said in ${file}`)
    return [transcript, Number(speaker), Number(chapter), Number(utterance)]
  }

  #transcript(list: string): ReadonlyMap<string, string> {
    const known = this.#transcripts.get(list)
    if (known !== undefined) return known
    if (!existsSync(list)) throw new FormatError(`LIBRISPEECH: expected the transcripts ${list}, which are not there`)
    const lines = readFileSync(list, 'utf8').split('\n')
    const texts = new Map(lines.map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1).trim()]))
    this.#transcripts.set(list, texts)
    return texts
  }
}
