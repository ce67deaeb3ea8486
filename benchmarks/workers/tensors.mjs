// A synchronous loop that makes tensors of 4 MB and keeps none; prints the peak of resident memory in bytes.
import { zeros } from '@flambeau/core'

const count = Number(process.argv[2])
for (let i = 0; i < count; i++) zeros([1 << 20])
console.log(process.resourceUsage().maxRSS * 1024)
