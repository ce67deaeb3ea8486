// One training step of an LSTM of 2 layers of 128, input 64, 64 steps, batch 32: forward, loss, backward, Adam. Milliseconds.
import { nn, optim } from '@flambeau/core'
import { serve, timed } from '../support/serve.mjs'
import { checked, fill, wave } from '../support/weights.mjs'

const model = fill(new nn.LSTM(64, 128, { numLayers: 2 }), 0.1)
const optimizer = new optim.Adam(model.parameters())
const input = wave([64, 32, 64], 3, 1)

function step() {
  const [out] = model.forward(input)
  const loss = out.square().mean()
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss.item()
}

await serve((line) => (line === 'check' ? checked(model, step) : timed(10, step) / 1e6))
