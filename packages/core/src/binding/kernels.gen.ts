// Made by tools/codegen.mjs from native/include/flambeau/kernels.def. Do not edit.
import { begin, invoke, writeBoolean, writeNumber, writeNumbers, writeOptionalTensor, writeScalar, writeScalars, writeTensor, writeTensors, type Scalar, type TensorArg } from './call.js'

export function elementwise(outs: readonly TensorArg[], ins: readonly TensorArg[], constants: readonly Scalar[], code: readonly number[], results: readonly number[], compute: number): void {
  if (!begin(outs[0])) return
  writeTensors(outs)
  writeTensors(ins)
  writeScalars(constants)
  writeNumbers(code)
  writeNumbers(results)
  writeNumber(compute)
  invoke(0, 'elementwise')
}

export function copy(out: TensorArg, input: TensorArg): void {
  if (!begin(out)) return
  writeTensor(out)
  writeTensor(input)
  invoke(1, 'copy')
}

export function fill(out: TensorArg, value: Scalar): void {
  if (!begin(out)) return
  writeTensor(out)
  writeScalar(value)
  invoke(2, 'fill')
}

export function reduce(out: TensorArg, input: TensorArg, op: number, param: number): void {
  if (!begin(out)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(op)
  writeNumber(param)
  invoke(3, 'reduce')
}

export function variance(out: TensorArg, mean: TensorArg | null, input: TensorArg, correction: number, root: boolean): void {
  if (!begin(out)) return
  writeTensor(out)
  writeOptionalTensor(mean)
  writeTensor(input)
  writeNumber(correction)
  writeBoolean(root)
  invoke(4, 'variance')
}
