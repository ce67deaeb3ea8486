// Values that worker threads make for themselves: neither functions nor data sets can be posted to a thread.
import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ArgumentError, describe } from '../errors.js'

/** An export of a module, by name: what a worker thread imports where it cannot be given a function. */
export interface ModuleExport {
  /** A URL, a path (relative ones from the working directory) or the name of a package. */
  readonly module: string | URL
  /** The name of the export; dots reach into namespaces. Default `'default'`. */
  readonly export?: string
}

/** A data set that each worker makes for itself. */
export interface DatasetModule extends ModuleExport {
  /** What the class or function is called with: anything that structured cloning takes. */
  readonly args?: readonly unknown[]
}

/** A `ModuleExport` as it is posted to a thread. */
export interface ResolvedExport {
  readonly url: string
  readonly export: string
}

export function isModuleExport(value: unknown): value is ModuleExport {
  if (typeof value !== 'object' || value === null || !('module' in value)) return false
  return typeof value.module === 'string' || isUrl(value.module)
}

// By shape: URL objects of another realm are no instances of ours.
const isUrl = (value: unknown): value is URL =>
  typeof value === 'object' && value !== null && 'href' in value && typeof value.href === 'string'

export function resolveExport(operation: string, spec: ModuleExport): ResolvedExport {
  const { module, export: name = 'default' } = spec
  if (typeof name !== 'string')
    throw new ArgumentError(`${operation}: expected the name of an export, got ${describe(name)}`)
  return { url: isUrl(module) ? module.href : resolveModule(operation, module), export: name }
}

function resolveModule(operation: string, module: string): string {
  if (/^(file|data|node):/.test(module)) return module
  if (isAbsolute(module)) return pathToFileURL(module).href
  const from = join(process.cwd(), 'noop.js')
  if (/^\.\.?[\\/]/.test(module)) return new URL(module.replaceAll('\\', '/'), pathToFileURL(from)).href
  try {
    return pathToFileURL(createRequire(from).resolve(module)).href
  } catch {
    throw new ArgumentError(
      `${operation}: expected a URL, a path or a package that ${process.cwd()} can import, got '${module}'; a relative path begins with './'`,
    )
  }
}

/** Imports the export. */
export async function importExport({ url, export: name }: ResolvedExport): Promise<unknown> {
  let value: unknown = await import(url)
  for (const part of name.split('.')) {
    const known = typeof value === 'object' && value !== null ? Object.keys(value) : []
    if (!known.includes(part))
      throw new ArgumentError(`${url} has no export '${name}'; it has ${known.join(', ') || 'none'}`)
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

type Constructor = new (...args: readonly unknown[]) => unknown

function isConstructor(value: (...args: readonly unknown[]) => unknown): boolean {
  try {
    // Object never runs `value` as the new target; this only asks whether it could be one.
    Reflect.construct(Object, [], value)
    return true
  } catch {
    return false
  }
}

/** Makes what `spec` names: a class is constructed, a function called, anything else taken as it is. */
export async function instantiate(spec: ResolvedExport, args: readonly unknown[]): Promise<unknown> {
  const value = await importExport(spec)
  if (typeof value !== 'function') return value
  const callable = value as (...args: readonly unknown[]) => unknown
  return isConstructor(callable) ? new (value as unknown as Constructor)(...args) : await callable(...args)
}
