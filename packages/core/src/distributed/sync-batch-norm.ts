// What `nn.SyncBatchNorm` exchanges statistics by.
import { provideExchange } from '../nn/sync-batch-norm.js'
import { allGatherIntoTensor, allReduce } from './collectives.js'
import { groupFor, isInitialized } from './process-group.js'

const NAME = 'SyncBatchNorm'

provideExchange({
  groupFor: (group) => (isInitialized() ? groupFor(NAME, group) : null),
  allGatherIntoTensor: (output, input, group) => allGatherIntoTensor(output, input, { group: groupFor(NAME, group) }),
  allReduce: (tensor, group) => allReduce(tensor, { group: groupFor(NAME, group) }),
})
