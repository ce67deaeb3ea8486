// Reading tokenizer.json: every value is checked, and a message says where the wrong one is.
import { FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** What JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Deeper nesting of sequences is no tokenizer's, and would end in a stack overflow. */
const DEEPEST = 64

/** An object of a tokenizer.json, with its place in the file. */
export class Config {
  readonly #fields: ReadonlyMap<string, unknown>
  readonly #place: string
  readonly #depth: number

  constructor(value: unknown, place: string, depth = 0) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new FormatError(`${place}: expected an object, got ${describe(value)}`)
    if (depth > DEEPEST) throw new FormatError(`${place}: expected at most ${DEEPEST} levels of nesting`)
    this.#fields = new Map(Object.entries(value))
    this.#place = place
    this.#depth = depth
  }

  /** An error about a member. */
  wrong(name: string, expected: string): FormatError {
    return new FormatError(`${this.at(name)}: expected ${expected}, got ${describe(this.#fields.get(name))}`)
  }

  /** Where a member is. */
  at(name: string): string {
    return `${this.#place}.${name}`
  }

  raw(name: string): unknown {
    return this.#fields.get(name)
  }

  /** Whether a member is missing or null. */
  lacks(name: string): boolean {
    const value = this.#fields.get(name)
    return value === undefined || value === null
  }

  string(name: string, fallback?: string): string {
    const value = this.#fields.get(name)
    if (value === undefined && fallback !== undefined) return fallback
    if (typeof value !== 'string') throw this.wrong(name, 'a string')
    return value
  }

  /** One of a few words. */
  oneOf<T extends string>(name: string, values: readonly T[], fallback?: T): T {
    const value = this.string(name, fallback)
    const found = values.find((word) => word === value)
    if (found === undefined) throw this.wrong(name, `one of ${values.join(', ')}`)
    return found
  }

  stringOrNull(name: string): string | null {
    return this.lacks(name) ? null : this.string(name)
  }

  boolean(name: string, fallback?: boolean): boolean {
    const value = this.#fields.get(name)
    if (value === undefined && fallback !== undefined) return fallback
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false')
    return value
  }

  number(name: string, fallback?: number): number {
    const value = this.#fields.get(name)
    if (value === undefined && fallback !== undefined) return fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong(name, 'a number')
    return value
  }

  integer(name: string, fallback?: number): number {
    const value = this.#fields.get(name)
    if (value === undefined && fallback !== undefined) return fallback
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0x7fffffff)
      throw this.wrong(name, 'an integer from 0 to 2³¹ - 1')
    return value
  }

  list(name: string): readonly unknown[] {
    const value = this.#fields.get(name)
    if (!Array.isArray(value)) throw this.wrong(name, 'an array')
    return value
  }

  /** The objects of an array. */
  configs(name: string): Config[] {
    return this.list(name).map((value, i) => new Config(value, `${this.at(name)}[${i}]`, this.#depth + 1))
  }

  config(name: string): Config {
    return new Config(this.#fields.get(name), this.at(name), this.#depth + 1)
  }

  entries(): IterableIterator<[string, unknown]> {
    return this.#fields.entries()
  }
}

/** A part of a tokenizer by its name in the file's `type`. */
export type Registry<T> = Readonly<Record<string, (config: Config) => T>>

/** Makes the part that `type` names. @throws FormatError for a name that is not known, with those that are */
export function fromRegistry<T>(registry: Registry<T>, config: Config): T {
  const type = config.string('type')
  if (!Object.hasOwn(registry, type)) throw config.wrong('type', `one of ${Object.keys(registry).join(', ')}`)
  return registry[type](config)
}
