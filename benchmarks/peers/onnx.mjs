// onnxruntime-node, for inference of the digits network: the file with our weights, written field by field as ONNX has them in
// protocol buffers, and its run.
import { readWeights, sample } from './weights.mjs'

function varint(n) {
  const bytes = []
  for (let rest = BigInt.asUintN(64, BigInt(n)); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n) | 128)
  }
}
const [VARINT, BYTES] = [0, 2]
const number = (field, n) => Buffer.concat([varint((field << 3) | VARINT), varint(n)])
const bytes = (field, content) => {
  const body = Buffer.from(content)
  return Buffer.concat([varint((field << 3) | BYTES), varint(body.length), body])
}
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))

/** AttributeProto: name 1, i 3, ints 8, type 20 (2 an integer, 7 a list of them). */
const attribute = (name, value) =>
  message(
    5,
    bytes(1, name),
    ...(Array.isArray(value) ? value.map((v) => number(8, v)) : [number(3, value)]),
    number(20, Array.isArray(value) ? 7 : 2),
  )
/** NodeProto, field 1 of the graph: inputs 1, outputs 2, op_type 4. */
const node = (op, inputs, output, attributes = {}) =>
  message(
    1,
    ...inputs.map((name) => bytes(1, name)),
    bytes(2, output),
    bytes(4, op),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  )
/** TensorProto, field 5 of the graph: dims 1, data_type 2 (1 is float), name 8, raw_data 9. */
const initializer = (name, { shape, data }) =>
  message(
    5,
    ...shape.map((n) => number(1, n)),
    number(2, 1),
    bytes(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  )
/** ValueInfoProto: name 1, type 2, in which a tensor (1) has elem_type 1 and a shape 2 of dims 1 with values 1. */
const valueInfo = (field, name, shape) =>
  message(
    field,
    bytes(1, name),
    message(2, message(1, number(1, 1), message(2, ...shape.map((n) => message(1, number(1, n)))))),
  )

/** The digits network in evaluation, where dropout does nothing. */
export function digitsOnnx(weights) {
  const graph = [
    node('Conv', ['x', '0.weight', '0.bias'], 'a', { kernel_shape: [3, 3] }),
    node('Relu', ['a'], 'b'),
    node('Conv', ['b', '2.weight', '2.bias'], 'c', { kernel_shape: [3, 3] }),
    node('Relu', ['c'], 'd'),
    node('MaxPool', ['d'], 'e', { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Flatten', ['e'], 'f'),
    node('Gemm', ['f', '7.weight', '7.bias'], 'g', { transB: 1 }),
    node('Relu', ['g'], 'h'),
    node('Gemm', ['h', '10.weight', '10.bias'], 'logits', { transB: 1 }),
    bytes(2, 'digits'),
    ...Object.entries(weights).map(([name, tensor]) => initializer(name, tensor)),
    valueInfo(11, 'x', [64, 1, 28, 28]),
    valueInfo(12, 'logits', [64, 10]),
  ]
  // ModelProto: ir_version 1, graph 7, opset_import 8 (version 2).
  return Buffer.concat([number(1, 8), message(7, ...graph), message(8, number(2, 17))])
}

export async function prepare(load, _name, file) {
  const loaded = await load('onnxruntime-node')
  const { InferenceSession, Tensor } = loaded.default ?? loaded
  const session = await InferenceSession.create(`${file}.onnx`)
  const { x } = readWeights(file)
  const feeds = { x: new Tensor('float32', x.data, x.shape) }
  const step = () => session.run(feeds)
  return {
    async check() {
      const { logits } = await step()
      return { logits: sample(logits.dims, logits.data) }
    },
    step,
  }
}
