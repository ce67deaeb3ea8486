export { type BackwardOptions, backward, type GradOptions, grad } from './autograd/engine.js'
export type { HookHandle } from './autograd/hooks.js'
export * as autograd from './autograd/index.js'
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './autograd/mode.js'
export { type Compiled, compile, type Explanation } from './compile/index.js'
export * as data from './data/index.js'
export {
  ArgumentError,
  AutogradError,
  DeviceError,
  DisposedError,
  DistributedError,
  DownloadError,
  DTypeError,
  FlambeauError,
  FormatError,
  IndexError,
  LinAlgError,
  NativeError,
  OutOfMemoryError,
  ShapeError,
  WorkerError,
} from './errors.js'
export * from './files/index.js'
export * as nn from './nn/index.js'
export * from './ops/index.js'
export * as optim from './optim/index.js'
export { runAsync } from './tensor/async.js'
export * as cuda from './tensor/cuda.js'
export { type Device, getDefaultDevice, setDefaultDevice } from './tensor/device.js'
export { type DType, getDefaultDtype, promoteTypes, setDefaultDtype } from './tensor/dtype.js'
export { type FloatInfo, finfo, type IntInfo, iinfo } from './tensor/dtypeInfo.js'
export {
  collect,
  emptyCache,
  getNumThreads,
  keep,
  type MemoryUse,
  memory,
  setNumThreads,
  synchronize,
  tidy,
} from './tensor/memory.js'
export { Tensor } from './tensor/tensor.js'
export { checkpoint } from './utils/checkpoint.js'
export { type GradcheckOptions, gradcheck, gradgradcheck } from './utils/gradcheck.js'
