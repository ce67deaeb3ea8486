// Made by tools/codegen.mjs from native/include/flambeau/micro_ops.def. Do not edit.

/** The code of each instruction of the elementwise evaluator. */
export const MICRO = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
} as const

export type MicroOp = keyof typeof MICRO
