// Parts of Node that take milliseconds to load and that most programs never need: each is loaded when it is first asked for.

export const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto')
export const threads = (): typeof import('node:worker_threads') => process.getBuiltinModule('node:worker_threads')
export const v8 = (): typeof import('node:v8') => process.getBuiltinModule('node:v8')
export const vm = (): typeof import('node:vm') => process.getBuiltinModule('node:vm')
export const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib')
