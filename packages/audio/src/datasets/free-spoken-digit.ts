import { join } from 'node:path'
import { FormatError, type Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { oneOf } from '../check.js'
import { archive, filesIn, findFolder, parse, SoundDataset, type SoundOptions } from './sounds.js'

const FOLDER = 'free-spoken-digit-dataset-1.0.10'
const PATTERN = /(\d)_([^/_]+)_(\d+)\.wav$/

/** The options of `FreeSpokenDigit`. */
export interface FreeSpokenDigitOptions<X = Tensor> extends SoundOptions<X> {
  /** Which part: recordings 0 to 4 of each speaker and digit are to test on. null, the default, is all. */
  readonly subset?: 'training' | 'testing' | null
}

/**
 * Digits spoken by six people (https://github.com/Jakobovski/free-spoken-digit-dataset). A sample is the waveform, its
 * sample rate, the digit, who speaks, and which of that speaker's recordings it is.
 *
 * Files: `recordings/7_jackson_32.wav`, in `root` or in a folder of the data set's name in it.
 *
 * @throws ArgumentError where the folder is missing
 */
export class FreeSpokenDigit<X = Tensor> extends SoundDataset<X, [digit: number, speaker: string, index: number]> {
  static readonly resources: readonly Resource[] = [
    archive('https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz', FOLDER),
  ]

  constructor(root: string, options: FreeSpokenDigitOptions<X> = {}) {
    const { subset = null } = options
    if (subset !== null) oneOf('FreeSpokenDigit', 'subset', subset, ['training', 'testing'])
    const places = ['', 'free-spoken-digit-dataset', FOLDER].map((place) => join(root, place, 'recordings'))
    const files = filesIn('FreeSpokenDigit', findFolder('FreeSpokenDigit', places), '.wav')
    super(subset === null ? files : files.filter((file) => isTest(file) === (subset === 'testing')), options)
    if (this.length === 0)
      throw new FormatError(`FreeSpokenDigit: expected recordings for ${subset} in ${root}, got none`)
  }

  /** Downloads what is not there. */
  static download(root: string, options: FetchOptions = {}): Promise<void> {
    return fetchResources('FreeSpokenDigit', root, FreeSpokenDigit.resources, options)
  }

  protected override describe(file: string): [number, string, number] {
    const [digit, speaker, index] = parse('FreeSpokenDigit', PATTERN, file, '7_jackson_32.wav')
    return [Number(digit), speaker, Number(index)]
  }
}

const isTest = (file: string): boolean => Number(parse('FreeSpokenDigit', PATTERN, file, '7_jackson_32.wav')[2]) < 5
