import { join } from 'node:path'
import type { Tensor } from '@flambeau/core'
import { type FetchOptions, fetchResources, type Resource } from '@flambeau/core/hub'
import { archive, filesIn, findFolder, parse, SoundDataset, type SoundOptions, sha256 } from './sounds.js'

/**
 * Sixty recordings of one person who says yes or no eight times, in Hebrew (http://www.openslr.org/1/). A sample is the
 * waveform, its sample rate, and the eight words: 1 is yes, 0 is no.
 *
 * Files: `waves_yesno/0_0_1_0_1_0_1_1.wav`.
 *
 * @throws ArgumentError where the folder is missing
 */
export class YESNO<X = Tensor> extends SoundDataset<X, [labels: number[]]> {
  static readonly resources: readonly Resource[] = [
    archive(
      'http://www.openslr.org/resources/1/waves_yesno.tar.gz',
      'waves_yesno',
      sha256('c3f49e0cca421f96b75b41640749167b52118f232498667ca7a5f9416aef8e73'),
    ),
  ]

  /** @param root the folder that waves_yesno is in */
  constructor(root: string, options: SoundOptions<X> = {}) {
    super(filesIn('YESNO', findFolder('YESNO', [join(root, 'waves_yesno')]), '.wav'), options)
  }

  /** Downloads what is not there. */
  static download(root: string, options: FetchOptions = {}): Promise<void> {
    return fetchResources('YESNO', root, YESNO.resources, options)
  }

  protected override describe(file: string): [number[]] {
    const [words] = parse('YESNO', /((?:[01]_)*[01])\.wav$/, file, '0_0_1_0_1_0_1_1.wav')
    return [words.split('_').map(Number)]
  }
}
