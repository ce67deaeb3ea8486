// A Sequential without gradients reuses the memory between its layers: nobody who looks may notice.
import { F, memory, nn, noGrad, randn, type Tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const layers = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 8, 3),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Dropout(0.5),
    new nn.Flatten(),
    new nn.Linear(16 * 16, 8),
    new nn.Tanh(),
  ).eval()
const images = (): Tensor => randn([2, 1, 12, 12])
/** Layer by layer, from outside. */
const apart = (model: nn.Sequential, x: Tensor): Tensor => {
  let value = x
  for (const layer of model) value = layer.forward(value)
  return value
}

test('the result is that of the layers one by one, to the bit, again and again', () => {
  const [model, x] = [layers(), images()]
  const before = x.data()
  const expected = noGrad(() => apart(model, x)).data()
  for (let i = 0; i < 3; i++) expect(noGrad(() => model.forward(x)).data()).toEqual(expected)
  expect(model.forward(x).detach().data()).toEqual(expected)
  expect(x.data()).toEqual(before)
})

test('an activation never writes to the input, nor through a view of it', () => {
  const x = randn([2, 3, 4])
  const before = x.data()
  const y = noGrad(() => new nn.Sequential(new nn.Flatten(), new nn.ReLU(), new nn.ReLU()).forward(x))
  expect(x.data()).toEqual(before)
  expect(y.data()).toEqual(F.relu(x).flatten(1).data())
  noGrad(() => new nn.Sequential(new nn.Dropout().eval(), new nn.ReLU()).forward(x))
  noGrad(() => new nn.Sequential(new nn.Identity(), new nn.Flatten(), new nn.ReLU()).forward(x))
  expect(x.data()).toEqual(before)
})

test('what hooks and layers of the user keep lives on, unchanged', () => {
  const seen: Tensor[] = []
  class Keeps extends nn.Module {
    override forward(x: Tensor): Tensor {
      seen.push(x)
      return x
    }
  }
  class Renamed extends nn.ReLU {
    override forward(x: Tensor): Tensor {
      const y = super.forward(x)
      seen.push(x, y)
      return y
    }
  }
  const hooked = new nn.Conv2d(1, 8, 3)
  hooked.registerForwardHook((_module: unknown, args: unknown[], output: unknown) => {
    seen.push(args[0] as Tensor, output as Tensor)
  })
  const model = new nn.Sequential(
    hooked,
    new nn.ReLU(),
    new Keeps(),
    new nn.ReLU(),
    new Renamed(),
    new nn.ReLU(),
    new nn.Conv2d(8, 8, 3),
    new nn.ReLU(),
  )
  const x = images()
  noGrad(() => model.forward(x))
  const [given, convolved, kept, before, after] = seen
  expect(seen.length).toBe(5)
  expect(given).toBe(x)
  const expected = noGrad(() => F.conv2d(x, hooked.weight, { bias: hooked.bias }))
  expect(convolved.data()).toEqual(expected.data())
  for (const t of [kept, before, after]) expect(t.data()).toEqual(expected.relu().data())
})

test('what lies between two layers is given back at once', () => {
  const model = new nn.Sequential(new nn.Linear(64, 4096), new nn.ReLU(), new nn.Linear(4096, 64), new nn.Tanh())
  const x = randn([256, 64])
  const held = noGrad(() => {
    const before = memory().inUse
    const results = [model.forward(x), model.forward(x)]
    return (memory().inUse - before) / results.length
  })
  // The layers between would be 4 MB each.
  expect(held).toBeLessThan(256 * 1024)
})
