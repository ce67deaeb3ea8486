// Makes the declarations that both sides of the binding share, from native/include/flambeau/kernels/*.def (a file a family of
// kernels, named after its .cpp in src/cpu) and micro_ops.def. A line of a family's file is a kernel:
//   name(argument: kind, ...)           results first; the kinds are those of KINDS below, `?` may be absent
//   name(argument: kind, ...) layouts   takes blocked tensors (src/cpu/layouts.h); the host gives all others strided ones
//   name(argument: kind, ...) complex32 takes tensors of complex32, which all other kernels are never given; may follow layouts
//   node tools/codegen.mjs           writes the files
//   node tools/codegen.mjs --check   exits 1 when one is not current
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const include = join(root, 'native/include/flambeau')
const binding = join(root, 'packages/core/src/binding')
const banner = (source) => `// Made by tools/codegen.mjs from native/include/flambeau/${source}. Do not edit.\n`

const lines = (file) =>
  readFileSync(join(include, file), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean)

/** One row a kind of argument: its C++ type and reader, its TypeScript type and writer. */
const KINDS = {
  Tensor: { cpp: 'TensorView', read: 'tensor', ts: 'TensorArg', write: 'writeTensor' },
  'Tensor?': { cpp: 'TensorView', read: 'tensor', ts: 'TensorArg | null', write: 'writeOptionalTensor' },
  'Tensor[]': { cpp: 'TensorList', read: 'tensors', ts: 'readonly TensorArg[]', write: 'writeTensors' },
  int: { cpp: 'int64_t', read: 'integer', ts: 'number', write: 'writeNumber' },
  'int[]': { cpp: 'IntList', read: 'integers', ts: 'readonly number[]', write: 'writeNumbers' },
  float: { cpp: 'double', read: 'real', ts: 'number', write: 'writeNumber' },
  'float[]': { cpp: 'FloatList', read: 'reals', ts: 'readonly number[]', write: 'writeNumbers' },
  bool: { cpp: 'bool', read: 'boolean', ts: 'boolean', write: 'writeBoolean' },
  Scalar: { cpp: 'Scalar', read: 'scalar', ts: 'Scalar', write: 'writeScalar' },
  'Scalar[]': { cpp: 'ScalarList', read: 'scalars', ts: 'readonly Scalar[]', write: 'writeScalars' },
  dtype: { cpp: 'DType', read: 'dtype', ts: 'number', write: 'writeNumber' },
}

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase())
const pascal = (name) => camel(`_${name}`)

/** The families, by name: [{ family, kernels: [{ name, args, layouts, complex32 }] }]. */
function parseFamilies() {
  const files = readdirSync(join(include, 'kernels')).filter((file) => file.endsWith('.def'))
  return files.sort().map((file) => ({
    family: basename(file, '.def'),
    kernels: lines(`kernels/${file}`).map((line) => {
      const match = /^(\w+)\((.*)\)( layouts)?( complex32)?$/.exec(line)
      if (!match) throw new Error(`${file}: cannot read '${line}'`)
      const args = match[2].split(',').map((arg) => {
        const [name, kind] = arg.split(':').map((s) => s.trim())
        if (!KINDS[kind]) throw new Error(`${file}: ${match[1]}: unknown kind '${kind}' of '${name}'`)
        return { name, kind, ...KINDS[kind] }
      })
      return { name: match[1], args, layouts: match[3] !== undefined, complex32: match[4] !== undefined }
    }),
  }))
}

/** The argument structs of a family and its kernels on the CPU. */
function familyHeader({ family, kernels }) {
  const structs = kernels
    .map((k) => `struct ${pascal(k.name)}Args {\n${k.args.map((a) => `  ${a.cpp} ${a.name};`).join('\n')}\n};`)
    .join('\n\n')
  const decls = kernels.map((k) => `Status ${k.name}(${pascal(k.name)}Args& args);`).join('\n')
  return `${banner(`kernels/${family}.def`)}#pragma once
#include "flambeau/call.h"

namespace flambeau {

${structs}

// Defined in src/cpu/${family}.cpp.
namespace cpu {
${decls}
}  // namespace cpu

}  // namespace flambeau
`
}

/** Of all declarations: an addon and a host with another one do not understand each other. */
function fingerprint(families, ops) {
  const text = JSON.stringify([families.map(({ kernels }) => kernels.map(({ name, args }) => [name, args])), ops])
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** The table of all families, and the way from a call's words to a kernel. */
function tableHeader(families, mark) {
  const kernels = families.flatMap((f) => f.kernels)
  const table = kernels.map((k) => `  Status (*${k.name})(${pascal(k.name)}Args&) = nullptr;`).join('\n')
  const cases = kernels
    .map((k) => {
      const reads = k.args.map((a) => `reader.${a.read}()`).join(', ')
      return `    case Kernel::${k.name}: {
      if (!table.${k.name}) return {StatusCode::no_kernel};
      ${pascal(k.name)}Args args{${reads}};
      return table.${k.name}(args);
    }`
    })
    .join('\n')
  return `${banner('kernels/*.def')}#pragma once
${families.map((f) => `#include "flambeau/kernels/${f.family}.gen.h"`).join('\n')}

namespace flambeau {

// The host loads this library only where it was generated together with it.
inline constexpr const char* kFingerprint = "${mark}";

enum class Kernel : int {
${kernels.map((k) => `  ${k.name},`).join('\n')}
  count
};

// An empty slot means that the backend has no such kernel.
struct KernelTable {
${table}
};

namespace cpu {
inline constexpr KernelTable kTable{
${kernels.map((k) => `    ${k.name},`).join('\n')}
};
}  // namespace cpu

// Decodes a call's words and runs the kernel.
inline Status invoke(const KernelTable& table, int kernel, const double* words, Storage* const* storages) {
  CallReader reader(words, storages);
  switch (static_cast<Kernel>(kernel)) {
${cases}
    case Kernel::count: break;
  }
  return {StatusCode::no_kernel};
}

}  // namespace flambeau
`
}

function kernelsTs(families) {
  const kernels = families.flatMap((f) => f.kernels)
  const used = new Set(kernels.flatMap((k) => k.args.map((a) => a.write)))
  const needsScalar = kernels.some((k) => k.args.some((a) => a.kind.startsWith('Scalar')))
  const functions = kernels
    .map((k, id) => {
      const params = k.args.map((a) => `${camel(a.name)}: ${a.ts}`).join(', ')
      const first = k.args[0]
      const device = first.kind === 'Tensor[]' ? `${camel(first.name)}[0]` : camel(first.name)
      const body = k.args.map((a) => `  ${a.write}(${camel(a.name)})`).join('\n')
      return `export function ${camel(k.name)}(${params}): void {
  if (!begin(${device}, ${k.layouts}, ${k.complex32})) return
${body}
  invoke(${id}, '${k.name}')
}`
    })
    .join('\n\n')
  const imports = [...used, 'begin', 'invoke'].sort()
  const types = ['TensorArg', ...(needsScalar ? ['Scalar'] : [])].sort().map((t) => `type ${t}`)
  return `${banner('kernels/*.def')}import { ${[...imports, ...types].join(', ')} } from './call.js'

${functions}
`
}

function parseMicroOps() {
  return lines('micro_ops.def').map((line) => {
    const [name, arity, types] = line.split(/\s+/)
    return { name, arity: Number(arity), types }
  })
}

function microHeader(ops) {
  const macro = (letter) =>
    ops
      .filter((op) => op.types.includes(letter))
      .map((op) => `  X(${op.name}, ${op.arity})`)
      .join(' \\\n')
  const kinds = [
    ['FLOAT', 'f'],
    ['INT', 'i'],
    ['COMPLEX', 'c'],
  ]
  const lists = (prefix, transform) =>
    kinds.map(([kind, letter]) => `#define FLAMBEAU_${prefix}_${kind}(X) \\\n${macro(transform(letter))}\n`).join('\n')
  return `${banner('micro_ops.def')}#pragma once

namespace flambeau {

enum class MicroOp : int {
${ops.map((op) => `  ${op.name}_,`).join('\n')}
  count
};
inline constexpr int kNumMicroOps = static_cast<int>(MicroOp::count);
inline constexpr int kMicroArity[] = {${ops.map((op) => op.arity).join(', ')}};

}  // namespace flambeau

// X(name, arity) for each micro-op that real floating-point, integer and complex compute types have, compiled for each ISA.
${lists('MICRO_OPS', (letter) => letter)}
// The same for those that are compiled once.
${lists('SCALAR_MICRO_OPS', (letter) => letter.toUpperCase())}`
}

function microTs(ops) {
  return `${banner('micro_ops.def')}
/** The code of each instruction of the elementwise evaluator. */
export const MICRO = {
${ops.map((op, i) => `  ${camel(op.name)}: ${i},`).join('\n')}
} as const

export type MicroOp = keyof typeof MICRO

/** How many operands each instruction has, by its code. */
export const MICRO_ARITY: readonly number[] = [${ops.map((op) => op.arity).join(', ')}]

/** Which compute types each instruction has, by its code: f floating-point, i integer, c complex. */
export const MICRO_TYPES: readonly string[] = [${ops.map((op) => `'${op.types.toLowerCase()}'`).join(', ')}]
`
}

const families = parseFamilies()
const micro = parseMicroOps()
const outputs = {
  ...Object.fromEntries(families.map((f) => [join(include, 'kernels', `${f.family}.gen.h`), familyHeader(f)])),
  [join(include, 'kernels.gen.h')]: tableHeader(families, fingerprint(families, micro)),
  [join(include, 'micro_ops.gen.h')]: microHeader(micro),
  [join(binding, 'fingerprint.gen.ts')]: `${banner('*.def')}/** What the addon must have been generated with. */
export const FINGERPRINT = '${fingerprint(families, micro)}'
`,
  [join(binding, 'kernels.gen.ts')]: kernelsTs(families),
  [join(binding, 'micro.gen.ts')]: microTs(micro),
  [join(binding, 'kernelNames.gen.ts')]: `${banner('kernels/*.def')}/** The kernels by their numbers. */
export const KERNEL_NAMES: readonly string[] = [
${families.flatMap((f) => f.kernels.map((k) => `  '${k.name}',`)).join('\n')}
]
`,
}

const check = process.argv.includes('--check')
let stale = 0
for (const [file, text] of Object.entries(outputs)) {
  const current = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (current === text) continue
  if (check) {
    console.error(`${file.slice(root.length + 1)} is not current: run node tools/codegen.mjs`)
    stale++
  } else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
if (stale > 0) process.exit(1)
