// What the data sets have in common: a list of sound files, read one at a time.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError, data, FormatError, type Tensor } from '@flambeau/core'
import type { Checksum, Resource } from '@flambeau/core/hub'
import { load } from '../io/index.js'

/** The options of all data sets. */
export interface SoundOptions<X> {
  /** Makes of each waveform, [channels, time], what the data set gives. */
  readonly transform?: data.Transform<Tensor, X>
}

/** A data set of files; a sample is what is in one of them, and what its name says. */
export abstract class SoundDataset<X, Rest extends unknown[]> extends data.Dataset<
  [waveform: X, sampleRate: number, ...rest: Rest]
> {
  readonly #files: readonly string[]
  readonly #transform: data.Transform<Tensor, X> | undefined

  constructor(files: readonly string[], options: SoundOptions<X>) {
    super()
    this.#files = files
    this.#transform = options.transform
  }

  get length(): number {
    return this.#files.length
  }

  /** What the name of a file says. */
  protected abstract describe(file: string): Rest

  #file(index: number): string {
    const file = Number.isInteger(index) ? this.#files.at(index) : undefined
    if (file === undefined)
      throw new ArgumentError(`${this.constructor.name}: expected an index below ${this.length}, got ${String(index)}`)
    return file
  }

  /** A sample without its sound: where the file is, and what its name says. */
  getMetadata(index: number): [path: string, ...rest: Rest] {
    const file = this.#file(index)
    return [file, ...this.describe(file)]
  }

  async get(index: number): Promise<[waveform: X, sampleRate: number, ...rest: Rest]> {
    const file = this.#file(index)
    const [waveform, sampleRate] = await load(file)
    const given = this.#transform === undefined ? (waveform as X) : data.applyTransform(this.#transform, waveform)
    return [given, sampleRate, ...this.describe(file)]
  }
}

export const sha256 = (digest: string): Checksum => ({ algorithm: 'sha256', digest })

/** The archive of a data set. */
export const archive = (url: string, extractTo: string, checksum?: Checksum): Resource => ({
  path: url.slice(url.lastIndexOf('/') + 1),
  url,
  extractTo,
  ...(checksum && { checksum }),
})

/** The first of some folders that is there. */
export function findFolder(name: string, places: readonly string[], hint = `await ${name}.download(root)`): string {
  const found = places.find((place) => existsSync(place) && statSync(place).isDirectory())
  if (found === undefined)
    throw new ArgumentError(
      `${name}: expected the folder ${places.join(' or ')}, which is not there; to download it: ${hint}`,
    )
  return found
}

/** All files below a folder whose names end in `suffix`, sorted. */
export function filesIn(name: string, folder: string, suffix: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(suffix))
    .map((file) => join(folder, file))
    .sort()
  if (files.length === 0) throw new FormatError(`${name}: expected files *${suffix} in ${folder}, got none`)
  return files
}

/** What a pattern finds in the name of a file. */
export function parse(name: string, pattern: RegExp, file: string, example: string): string[] {
  const found = pattern.exec(file.replaceAll('\\', '/'))
  if (found === null) throw new FormatError(`${name}: expected a name like ${example}, got ${file}`)
  return found.slice(1)
}
