// What each machine trains: every step is saved, and a later process goes on from the last one.
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { F, load, manualSeed, nn, optim, randn, save } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'

const [folder, steps] = process.argv.slice(2)
const rank = Number(process.env.RANK)
const path = `${folder}/checkpoint.pt`
distributed.initProcessGroup({ timeout: 60_000 })
// The machines have one disk here, and two elsewhere: rank 0 says what it has.
const list = [rank === 0 && existsSync(path) ? load(path) : null]
distributed.broadcastObjectList(list)
const [state] = list
manualSeed(1)
// Machines may take their time to come, but not in a step.
const group = distributed.newGroup(null, { timeout: 3000 })
const model = new distributed.DistributedDataParallel(new nn.Linear(8, 4), { processGroup: group })
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 })
let step = 0
if (state !== null) {
  model.loadStateDict(state.model)
  optimizer.loadStateDict(state.optimizer)
  step = state.step
}
while (step < Number(steps)) {
  manualSeed(1000 + step)
  const x = randn([8, 8]).narrow(0, 4 * rank, 4)
  F.mseLoss(model.forward(x), x.narrow(1, 0, 4).mul(2)).backward()
  optimizer.step()
  optimizer.zeroGrad()
  step++
  if (rank === 0) {
    save(path, { model: model.stateDict(), optimizer: optimizer.stateDict(), step })
    appendFileSync(`${folder}/steps.txt`, `${step}\n`)
  }
  distributed.barrier({ group })
  await setTimeout(50)
}
if (rank === 0) console.log(`weights ${JSON.stringify(model.module.weight.tolist())}`)
distributed.destroyProcessGroup()
