// Loading by worker threads: they read ahead, and hand the batches over without a copy.
import { data, type Tensor } from '@flambeau/core'

const loader = new data.DataLoader<{ number: Tensor; prime: Tensor }>(
  { module: new URL('./workers/primes.js', import.meta.url), export: 'Primes', args: [10_000] },
  { batchSize: 500, shuffle: true, numWorkers: 2 },
)

let primes = 0
for await (const batch of loader) primes += batch.prime.sum().item()
console.log(`${primes} of the numbers below 10,000 are prime`)
if (primes !== 1229) throw new Error('there are 1229 primes below 10,000')
