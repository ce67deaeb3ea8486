// Sparse gradients and the optimizers that take them, against PyTorch's values:
//   w = (torch.arange(10.).reshape(5, 2) / 10).requires_grad_()
//   three steps, of which even ones look up [[1, 3], [1, 2]] and odd ones [[4, 4], [1, 0]]:
//   y = F.embedding(index, w, padding_idx=3, sparse=True), or F.embedding_bag(index, w, mode=mode, sparse=True)
//   (y * torch.tensor([1., -2.])).square().sum().add(y.sum()).backward()

import {
  arange,
  F,
  grad,
  nn,
  optim,
  SparseTensor,
  sparseCooTensor,
  type Tensor,
  tensor,
  tidy,
  toDense,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

type Lookup = (index: Tensor, weight: Tensor) => Tensor
const rows: Lookup = (index, weight) => F.embedding(index, weight, { paddingIdx: 3, sparse: true })
const bags =
  (mode: 'sum' | 'mean'): Lookup =>
  (index, weight) =>
    F.embeddingBag(index, weight, { mode, sparse: true })

function trained(make: (params: Tensor[]) => optim.Optimizer, lookup: Lookup) {
  const weight = arange(10, { dtype: 'float32' }).div(10).reshape([5, 2]).requiresGrad_()
  const optimizer = make([weight])
  const scale = tensor([1, -2])
  for (let step = 0; step < 3; step++) {
    const index = step % 2 === 0 ? [1n, 3n, 1n, 2n] : [4n, 4n, 1n, 0n]
    optimizer.zeroGrad()
    const y = lookup(tensor(index).reshape([2, 2]), weight)
    y.mul(scale).square().sum().add(y.sum()).backward()
    expect(weight.grad).toBeInstanceOf(SparseTensor)
    optimizer.step()
  }
  return { weight, optimizer }
}

const cases: [string, (params: Tensor[]) => optim.Optimizer, Lookup, number[]][] = [
  [
    'SparseAdam(lr=0.1)',
    (p) => new optim.SparseAdam(p, { lr: 0.1 }),
    rows,
    [-0.07441365, 0.025586337, -0.08483761, 0.020226657, 0.21456474, 0.31486422, 0.6, 0.7, 0.72558635, 0.82558632],
  ],
  [
    'SparseAdam(lr=0.05, betas=(0.5, 0.9), maximize=True), means',
    (p) => new optim.SparseAdam(p, { lr: 0.05, betas: [0.5, 0.9], maximize: true }),
    bags('mean'),
    [
      0.045946825, 0.14594683, 0.33835292, 0.43594158, 0.50173658, 0.60196465, 0.70168185, 0.80185902, 0.84594685,
      0.94594681,
    ],
  ],
  [
    'SGD(lr=0.1), sums',
    (p) => new optim.SGD(p, { lr: 0.1 }),
    bags('sum'),
    [-0.044, 0.99200004, -0.49840003, 0.42080003, 0.10879999, 0.2104, 0.23680003, 0.21839999, -0.03999996, -2.1800001],
  ],
  [
    'SGD(lr=0.1, maximize=True)',
    (p) => new optim.SGD(p, { lr: 0.1, maximize: true }),
    rows,
    [0.1, 0.28, 1.146399975, 5.04640007, 0.79599994, 1.89999998, 0.6, 0.7, 1.32000005, 2.53999996],
  ],
  [
    'Adagrad(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5)',
    (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.5 }),
    rows,
    [-0.07422696, 0.015385652, 0.019052738, 0.12319499, 0.25353143, 0.34763837, 0.6, 0.7, 0.70991993, 0.80917525],
  ],
]

test.each(cases)('%s steps as PyTorch does', (_, make, lookup, expected) => {
  const got = trained(make, lookup).weight.flatten().toArray() as number[]
  for (const [i, value] of expected.entries()) expect(Math.abs(got[i] - value)).toBeLessThan(1e-6)
})

test('the state of SparseAdam is what PyTorch keeps', () => {
  const { optimizer } = trained((p) => new optim.SparseAdam(p, { lr: 0.1 }), rows)
  const { state, param_groups: groups } = optimizer.stateDict()
  expect(groups).toEqual([{ lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, maximize: false, params: [0] }])
  expect(Object.keys(state[0])).toEqual(['step', 'exp_avg', 'exp_avg_sq'])
  expect(state[0].step).toBe(3)
  expect(String(state[0].exp_avg)).toBe(`tensor([[0.1000, 0.1800],
        [0.5384, 1.1621],
        [0.3220, 0.8700],
        [0.0000, 0.0000],
        [0.5200, 1.6400]])`)
  const other = new optim.SparseAdam([arange(10, { dtype: 'float32' }).reshape([5, 2]).requiresGrad_()])
  other.loadStateDict(optimizer.stateDict())
  expect(other.stateDict().state[0].step).toBe(3)
})

test('a sparse gradient is the strided one, however it is accumulated', () => {
  const loss = (weight: Tensor, sparse: boolean): Tensor =>
    F.embedding(
      tensor([
        [2n, 0n],
        [2n, 1n],
      ]),
      weight,
      { sparse },
    )
      .square()
      .sum()
  const dense = arange(12, { dtype: 'float64' }).reshape([4, 3]).requiresGrad_()
  const table = dense.detach().clone().requiresGrad_()
  const expectSame = (): void =>
    expect(toDense(table.grad as Tensor).toArray()).toEqual((dense.grad as Tensor).toArray())
  // Twice in one pass, then over two passes.
  for (let pass = 0; pass < 2; pass++) {
    loss(dense, false).add(loss(dense, false)).backward()
    loss(table, true).add(loss(table, true)).backward()
    expectSame()
    expect(table.grad?.isSparse).toBe(true)
  }
  // Sparse and strided ones meet in one pass, and over passes, both ways round.
  loss(dense, false).add(dense.sum()).backward()
  loss(table, true).add(table.sum()).backward()
  expectSame()
  expect(table.grad?.isSparse).toBe(false)
  loss(dense, false).backward()
  tidy(() => loss(table, true).backward())
  expectSame()
  const [wanted] = grad(loss(dense, false), dense)
  const [got] = grad(loss(table, true), table)
  expect(toDense(got).toArray()).toEqual(wanted.toArray())
})

test('gradients of modules are sparse where they are asked to be, and zeroGrad keeps them so', () => {
  const words = new nn.Embedding(6, 2, { sparse: true })
  expect(String(words)).toBe('Embedding(6, 2, sparse=true)')
  tidy(() =>
    words
      .forward(tensor([5n, 1n, 5n]))
      .sum()
      .backward(),
  )
  const first = words.weight.grad as SparseTensor
  expect(first.coalesce().indices().toArray()).toEqual([[1, 5]])
  expect(first.coalesce().values().toArray()).toEqual([
    [1, 1],
    [2, 2],
  ])
  words.zeroGrad({ setToNull: false })
  expect((words.weight.grad as SparseTensor).nnz()).toBe(0)
  const bag = new nn.EmbeddingBag(6, 2, { sparse: true, mode: 'sum' })
  bag
    .forward(tensor([[0n, 0n]]))
    .sum()
    .backward()
  expect((bag.weight.grad as SparseTensor).nnz()).toBe(2)
})

test('sparse tensors of several sparse and strided dimensions', () => {
  const indices = tensor([
    [0n, 2n, 0n],
    [1n, 1n, 1n],
  ])
  const values = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ])
  const s = sparseCooTensor(indices, values, [4, 3, 2])
  expect([s.nnz(), s.sparseDim(), s.denseDim(), s.isCoalesced(), s.shape]).toEqual([3, 2, 1, false, [4, 3, 2]])
  expect(String(s.coalesce())).toBe(`tensor(indices=tensor([[0, 2],
                       [1, 1]]),
       values=tensor([[6., 8.],
                      [3., 4.]]),
       size=(4, 3, 2), nnz=2, layout=torch.sparse_coo)`)
  const dense = s.toDense()
  expect(dense.at(0, 1).toArray()).toEqual([6, 8])
  expect(dense.at(2, 1).toArray()).toEqual([3, 4])
  expect(dense.sum().item()).toBe(21)
  expect(sparseCooTensor(indices, values).shape).toEqual([3, 2, 2])
  const none = sparseCooTensor(indices.narrow(1, 0, 0), values.narrow(0, 0, 0), [4, 3, 2])
  expect(none.coalesce().toDense().sum().item()).toBe(0)
})

test.each<[string, () => unknown, RegExp]>([
  ['an operator', () => some().mul(2), /^mul: expected a strided tensor, got a sparse one of shape \[4\]; use toDense/],
  ['an in-place operator', () => some().add_(2), /^add_: expected strided tensors, got a sparse one of shape \[4\]/],
  ['reading', () => some().data(), /^data: expected a strided tensor, got a sparse one of shape \[4\]/],
  ['a view', () => some().reshape([2, 2]), /expected a strided tensor, got a sparse one/],
  ['indices that may repeat', () => some().indices(), /^indices: .*call coalesce\(\) first/],
  [
    'an index out of range',
    () => sparseCooTensor(tensor([[4n]]), tensor([1]), [4]),
    /indices of dimension 0 in \[0, 4\), got 4/,
  ],
  [
    'a negative index',
    () => sparseCooTensor(tensor([[-1n]]), tensor([1]), [4]),
    /indices of dimension 0 in \[0, 4\), got -1/,
  ],
  [
    'sizes that do not fit',
    () => sparseCooTensor(tensor([[0n]]), tensor([[1, 2]]), [4, 3]),
    /do not fit size \[4, 3\]/,
  ],
  ['Adam', () => stepped((p) => new optim.Adam(p), true), /^Adam: expected strided gradients, got a sparse one/],
  ['SGD with momentum', () => stepped((p) => new optim.SGD(p, { momentum: 0.9 }), true), /0 for sparse gradients/],
  [
    'SparseAdam',
    () => stepped((p) => new optim.SparseAdam(p), false),
    /^SparseAdam: expected sparse gradients, got a strided/,
  ],
  ['a second derivative', () => grad(looked(true), table(), { createGraph: true }), /cannot be differentiated again/],
  [
    'maxima of bags',
    () => F.embeddingBag(tensor([[0n]]), table(), { mode: 'max', sparse: true }),
    /not for the mode 'max'/,
  ],
  ['frequencies', () => F.embedding(tensor([0n]), table(), { scaleGradByFreq: true, sparse: true }), /got both/],
])('%s refuses', (_, run, message) => {
  expect(run).toThrow(message)
})

const some = (): SparseTensor => sparseCooTensor(tensor([[0n, 0n]]), tensor([1, 2]), [4])
const shared = tensor([
  [1, 2],
  [3, 4],
]).requiresGrad_()
const table = (): Tensor => shared
const looked = (sparse: boolean): Tensor =>
  F.embedding(tensor([1n]), table(), { sparse })
    .square()
    .sum()
function stepped(make: (params: Tensor[]) => optim.Optimizer, sparse: boolean): void {
  shared.grad = null
  looked(sparse).backward()
  make([shared]).step()
}
