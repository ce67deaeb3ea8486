// `@flambeau/core/distributed`: several processes that train one model.
import './sync-batch-norm.js'

export { GradBucket } from './bucket.js'
export {
  allGather,
  allGatherIntoTensor,
  allReduce,
  allToAll,
  allToAllSingle,
  barrier,
  broadcast,
  gather,
  monitoredBarrier,
  type ReduceOptions,
  reduce,
  reduceScatter,
  reduceScatterTensor,
  scatter,
} from './collectives.js'
export {
  allreduceHook,
  bf16CompressHook,
  type CommHook,
  fp16CompressHook,
  type PendingGradients,
} from './comm-hooks.js'
export { type DataParallelOptions, DistributedDataParallel, type JoinOptions } from './data-parallel.js'
export { batchIsendIrecv, irecv, isend, type MessageOptions, P2POp, recv, send } from './messages.js'
export {
  allGatherObject,
  broadcastObjectList,
  gatherObject,
  type ObjectOptions,
  recvObjectList,
  scatterObjectList,
  sendObjectList,
} from './objects.js'
export { type PowerSGDOptions, PowerSGDState, powerSGDHook } from './power-sgd.js'
export {
  type Backend,
  destroyProcessGroup,
  getBackend,
  getDefaultStore,
  getGlobalRank,
  getGroupRank,
  getNodeLocalRank,
  getProcessGroupRanks,
  getRank,
  getWorldSize,
  type InitOptions,
  initProcessGroup,
  isAvailable,
  isGlooAvailable,
  isInitialized,
  isLaunched,
  isMpiAvailable,
  isNcclAvailable,
  newGroup,
  ProcessGroup,
} from './process-group.js'
export { type AsyncOptions, type CollectiveOptions, ReduceOp } from './request.js'
export { DistributedSampler, type DistributedSamplerOptions } from './sampler.js'
export { FileStore, PrefixStore, Store, type StoreValue, TCPStore, type TCPStoreOptions } from './stores.js'
export { Work } from './work.js'
export { type OptimizerClass, type ZeroOptions, ZeroRedundancyOptimizer } from './zero.js'
