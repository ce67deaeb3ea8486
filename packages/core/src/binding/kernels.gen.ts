// Made by tools/codegen.mjs from native/include/flambeau/kernels/*.def. Do not edit.
import { begin, invoke, writeBoolean, writeNumber, writeNumbers, writeOptionalTensor, writeScalar, writeScalars, writeTensor, writeTensors, type Scalar, type TensorArg } from './call.js'

export function attention(out: TensorArg, logSum: TensorArg, query: TensorArg, key: TensorArg, value: TensorArg, mask: TensorArg | null, scale: number, causal: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(logSum)
  writeTensor(query)
  writeTensor(key)
  writeTensor(value)
  writeOptionalTensor(mask)
  writeNumber(scale)
  writeBoolean(causal)
  invoke(0, 'attention')
}

export function attentionBackward(queryGrad: TensorArg, keyGrad: TensorArg, valueGrad: TensorArg, grad: TensorArg, out: TensorArg, logSum: TensorArg, query: TensorArg, key: TensorArg, value: TensorArg, mask: TensorArg | null, scale: number, causal: boolean): void {
  if (!begin(queryGrad, false, false)) return
  writeTensor(queryGrad)
  writeTensor(keyGrad)
  writeTensor(valueGrad)
  writeTensor(grad)
  writeTensor(out)
  writeTensor(logSum)
  writeTensor(query)
  writeTensor(key)
  writeTensor(value)
  writeOptionalTensor(mask)
  writeNumber(scale)
  writeBoolean(causal)
  invoke(1, 'attention_backward')
}

export function batchNorm(out: TensorArg, mean: TensorArg, invstd: TensorArg, input: TensorArg, weight: TensorArg | null, bias: TensorArg | null, runningMean: TensorArg | null, runningVar: TensorArg | null, training: boolean, momentum: number, eps: number): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(mean)
  writeTensor(invstd)
  writeTensor(input)
  writeOptionalTensor(weight)
  writeOptionalTensor(bias)
  writeOptionalTensor(runningMean)
  writeOptionalTensor(runningVar)
  writeBoolean(training)
  writeNumber(momentum)
  writeNumber(eps)
  invoke(2, 'batch_norm')
}

export function batchNormBackward(gradInput: TensorArg, gradWeight: TensorArg | null, gradBias: TensorArg | null, grad: TensorArg, input: TensorArg, weight: TensorArg | null, mean: TensorArg, invstd: TensorArg, training: boolean): void {
  if (!begin(gradInput, true, false)) return
  writeTensor(gradInput)
  writeOptionalTensor(gradWeight)
  writeOptionalTensor(gradBias)
  writeTensor(grad)
  writeTensor(input)
  writeOptionalTensor(weight)
  writeTensor(mean)
  writeTensor(invstd)
  writeBoolean(training)
  invoke(3, 'batch_norm_backward')
}

export function convolution(out: TensorArg, input: TensorArg, weight: TensorArg, bias: TensorArg | null, stride: readonly number[], padding: readonly number[], dilation: readonly number[], groups: number): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(weight)
  writeOptionalTensor(bias)
  writeNumbers(stride)
  writeNumbers(padding)
  writeNumbers(dilation)
  writeNumber(groups)
  invoke(4, 'convolution')
}

export function convolutionBackwardInput(gradInput: TensorArg, grad: TensorArg, weight: TensorArg, stride: readonly number[], padding: readonly number[], dilation: readonly number[], groups: number): void {
  if (!begin(gradInput, true, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeTensor(weight)
  writeNumbers(stride)
  writeNumbers(padding)
  writeNumbers(dilation)
  writeNumber(groups)
  invoke(5, 'convolution_backward_input')
}

export function convolutionBackwardWeight(gradWeight: TensorArg, gradBias: TensorArg | null, grad: TensorArg, input: TensorArg, stride: readonly number[], padding: readonly number[], dilation: readonly number[], groups: number): void {
  if (!begin(gradWeight, true, false)) return
  writeTensor(gradWeight)
  writeOptionalTensor(gradBias)
  writeTensor(grad)
  writeTensor(input)
  writeNumbers(stride)
  writeNumbers(padding)
  writeNumbers(dilation)
  writeNumber(groups)
  invoke(6, 'convolution_backward_weight')
}

export function copy(out: TensorArg, input: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  invoke(7, 'copy')
}

export function fill(out: TensorArg, value: Scalar): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeScalar(value)
  invoke(8, 'fill')
}

export function arange(out: TensorArg, start: Scalar, step: Scalar): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeScalar(start)
  writeScalar(step)
  invoke(9, 'arange')
}

export function linspace(out: TensorArg, start: Scalar, end: Scalar): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeScalar(start)
  writeScalar(end)
  invoke(10, 'linspace')
}

export function logspace(out: TensorArg, start: Scalar, end: Scalar, base: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeScalar(start)
  writeScalar(end)
  writeNumber(base)
  invoke(11, 'logspace')
}

export function ctcLoss(losses: TensorArg, alpha: TensorArg, logProbs: TensorArg, targets: TensorArg, inputLengths: TensorArg, targetLengths: TensorArg, targetStride: number, blank: number): void {
  if (!begin(losses, false, false)) return
  writeTensor(losses)
  writeTensor(alpha)
  writeTensor(logProbs)
  writeTensor(targets)
  writeTensor(inputLengths)
  writeTensor(targetLengths)
  writeNumber(targetStride)
  writeNumber(blank)
  invoke(12, 'ctc_loss')
}

export function ctcLossBackward(gradInput: TensorArg, grad: TensorArg, losses: TensorArg, alpha: TensorArg, logProbs: TensorArg, targets: TensorArg, inputLengths: TensorArg, targetLengths: TensorArg, targetStride: number, blank: number, zeroInfinity: boolean): void {
  if (!begin(gradInput, false, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeTensor(losses)
  writeTensor(alpha)
  writeTensor(logProbs)
  writeTensor(targets)
  writeTensor(inputLengths)
  writeTensor(targetLengths)
  writeNumber(targetStride)
  writeNumber(blank)
  writeBoolean(zeroInfinity)
  invoke(13, 'ctc_loss_backward')
}

export function distances(out: TensorArg, a: TensorArg, b: TensorArg, p: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(a)
  writeTensor(b)
  writeNumber(p)
  invoke(14, 'distances')
}

export function distancesBackward(out: TensorArg, grad: TensorArg, a: TensorArg, b: TensorArg, distances: TensorArg, p: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(grad)
  writeTensor(a)
  writeTensor(b)
  writeTensor(distances)
  writeNumber(p)
  invoke(15, 'distances_backward')
}

export function elementwise(outs: readonly TensorArg[], ins: readonly TensorArg[], constants: readonly Scalar[], code: readonly number[], results: readonly number[], compute: number): void {
  if (!begin(outs[0], true, true)) return
  writeTensors(outs)
  writeTensors(ins)
  writeScalars(constants)
  writeNumbers(code)
  writeNumbers(results)
  writeNumber(compute)
  invoke(16, 'elementwise')
}

export function embedding(out: TensorArg, weight: TensorArg, indices: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(weight)
  writeTensor(indices)
  invoke(17, 'embedding')
}

export function embeddingBackward(out: TensorArg, grad: TensorArg, indices: TensorArg, paddingIndex: number, scaleByFrequency: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(grad)
  writeTensor(indices)
  writeNumber(paddingIndex)
  writeBoolean(scaleByFrequency)
  invoke(18, 'embedding_backward')
}

export function embeddingBag(out: TensorArg, bagOf: TensorArg, counts: TensorArg, maximumAt: TensorArg | null, weight: TensorArg, indices: TensorArg, offsets: TensorArg, sampleWeights: TensorArg | null, mode: number, paddingIndex: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(bagOf)
  writeTensor(counts)
  writeOptionalTensor(maximumAt)
  writeTensor(weight)
  writeTensor(indices)
  writeTensor(offsets)
  writeOptionalTensor(sampleWeights)
  writeNumber(mode)
  writeNumber(paddingIndex)
  invoke(19, 'embedding_bag')
}

export function fftComplex(out: TensorArg, input: TensorArg, dim: number, forward: boolean, scale: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(forward)
  writeNumber(scale)
  invoke(20, 'fft_complex')
}

export function fftFromReal(out: TensorArg, input: TensorArg, dim: number, forward: boolean, scale: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(forward)
  writeNumber(scale)
  invoke(21, 'fft_from_real')
}

export function fftToReal(out: TensorArg, input: TensorArg, dim: number, forward: boolean, scale: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(forward)
  writeNumber(scale)
  invoke(22, 'fft_to_real')
}

export function linearFilter(out: TensorArg, input: TensorArg, a: TensorArg, b: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(a)
  writeTensor(b)
  invoke(23, 'linear_filter')
}

export function unfoldWindows(out: TensorArg, input: TensorArg, kernel: readonly number[], dilation: readonly number[], padding: readonly number[], stride: readonly number[]): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumbers(kernel)
  writeNumbers(dilation)
  writeNumbers(padding)
  writeNumbers(stride)
  invoke(24, 'unfold_windows')
}

export function foldWindows(out: TensorArg, input: TensorArg, kernel: readonly number[], dilation: readonly number[], padding: readonly number[], stride: readonly number[]): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumbers(kernel)
  writeNumbers(dilation)
  writeNumbers(padding)
  writeNumbers(stride)
  invoke(25, 'fold_windows')
}

export function fractionalMaxPool(out: TensorArg, indices: TensorArg, input: TensorArg, samples: TensorArg, kernel: readonly number[]): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(indices)
  writeTensor(input)
  writeTensor(samples)
  writeNumbers(kernel)
  invoke(26, 'fractional_max_pool')
}

export function gridSample(out: TensorArg, input: TensorArg, grid: TensorArg, mode: number, padding: number, alignCorners: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(grid)
  writeNumber(mode)
  writeNumber(padding)
  writeBoolean(alignCorners)
  invoke(27, 'grid_sample')
}

export function gridSampleInputBackward(gradInput: TensorArg, grad: TensorArg, grid: TensorArg, mode: number, padding: number, alignCorners: boolean): void {
  if (!begin(gradInput, false, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeTensor(grid)
  writeNumber(mode)
  writeNumber(padding)
  writeBoolean(alignCorners)
  invoke(28, 'grid_sample_input_backward')
}

export function gridSampleGridBackward(gradGrid: TensorArg, grad: TensorArg, input: TensorArg, grid: TensorArg, mode: number, padding: number, alignCorners: boolean): void {
  if (!begin(gradGrid, false, false)) return
  writeTensor(gradGrid)
  writeTensor(grad)
  writeTensor(input)
  writeTensor(grid)
  writeNumber(mode)
  writeNumber(padding)
  writeBoolean(alignCorners)
  invoke(29, 'grid_sample_grid_backward')
}

export function groupNorm(out: TensorArg, mean: TensorArg, rstd: TensorArg, input: TensorArg, weight: TensorArg | null, bias: TensorArg | null, eps: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(mean)
  writeTensor(rstd)
  writeTensor(input)
  writeOptionalTensor(weight)
  writeOptionalTensor(bias)
  writeNumber(eps)
  invoke(30, 'group_norm')
}

export function groupNormBackward(grad: TensorArg, gradInput: TensorArg | null, gradWeight: TensorArg | null, gradBias: TensorArg | null, input: TensorArg, weight: TensorArg | null, mean: TensorArg, rstd: TensorArg): void {
  if (!begin(grad, false, false)) return
  writeTensor(grad)
  writeOptionalTensor(gradInput)
  writeOptionalTensor(gradWeight)
  writeOptionalTensor(gradBias)
  writeTensor(input)
  writeOptionalTensor(weight)
  writeTensor(mean)
  writeTensor(rstd)
  invoke(31, 'group_norm_backward')
}

export function histc(out: TensorArg, input: TensorArg, low: number, high: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(low)
  writeNumber(high)
  invoke(32, 'histc')
}

export function bincount(out: TensorArg, input: TensorArg, weights: TensorArg | null): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeOptionalTensor(weights)
  invoke(33, 'bincount')
}

export function indexGet(out: TensorArg, input: TensorArg, indices: readonly TensorArg[], sizes: readonly number[], strides: readonly number[], wrap: boolean): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  writeTensors(indices)
  writeNumbers(sizes)
  writeNumbers(strides)
  writeBoolean(wrap)
  invoke(34, 'index_get')
}

export function indexSet(out: TensorArg, values: TensorArg, indices: readonly TensorArg[], sizes: readonly number[], strides: readonly number[], wrap: boolean, reduce: number): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(values)
  writeTensors(indices)
  writeNumbers(sizes)
  writeNumbers(strides)
  writeBoolean(wrap)
  writeNumber(reduce)
  invoke(35, 'index_set')
}

export function countNonzeroElements(out: TensorArg, input: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  invoke(36, 'count_nonzero_elements')
}

export function nonzero(out: TensorArg, input: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  invoke(37, 'nonzero')
}

export function maskedGather(out: TensorArg, input: TensorArg, mask: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(mask)
  invoke(38, 'masked_gather')
}

export function maskedPut(out: TensorArg, mask: TensorArg, source: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(mask)
  writeTensor(source)
  invoke(39, 'masked_put')
}

export function triangle(out: TensorArg, input: TensorArg, diagonal: number, upper: boolean): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(diagonal)
  writeBoolean(upper)
  invoke(40, 'triangle')
}

export function interpolate(out: TensorArg, input: TensorArg, scales: readonly number[], mode: number, alignCorners: boolean, transposed: boolean): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumbers(scales)
  writeNumber(mode)
  writeBoolean(alignCorners)
  writeBoolean(transposed)
  invoke(41, 'interpolate')
}

export function layerNorm(out: TensorArg, mean: TensorArg | null, rstd: TensorArg, input: TensorArg, weight: TensorArg | null, bias: TensorArg | null, eps: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeOptionalTensor(mean)
  writeTensor(rstd)
  writeTensor(input)
  writeOptionalTensor(weight)
  writeOptionalTensor(bias)
  writeNumber(eps)
  invoke(42, 'layer_norm')
}

export function layerNormBackward(grad: TensorArg, out: TensorArg | null, weightGrad: TensorArg | null, biasGrad: TensorArg | null, input: TensorArg, mean: TensorArg | null, rstd: TensorArg, weight: TensorArg | null): void {
  if (!begin(grad, false, false)) return
  writeTensor(grad)
  writeOptionalTensor(out)
  writeOptionalTensor(weightGrad)
  writeOptionalTensor(biasGrad)
  writeTensor(input)
  writeOptionalTensor(mean)
  writeTensor(rstd)
  writeOptionalTensor(weight)
  invoke(43, 'layer_norm_backward')
}

export function matrixExp(out: TensorArg, input: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  invoke(44, 'matrix_exp')
}

export function luFactor(lu: TensorArg, pivots: TensorArg, info: TensorArg): void {
  if (!begin(lu, false, false)) return
  writeTensor(lu)
  writeTensor(pivots)
  writeTensor(info)
  invoke(45, 'lu_factor')
}

export function luSolve(x: TensorArg, lu: TensorArg, pivots: TensorArg, transpose: number): void {
  if (!begin(x, false, false)) return
  writeTensor(x)
  writeTensor(lu)
  writeTensor(pivots)
  writeNumber(transpose)
  invoke(46, 'lu_solve')
}

export function choleskyFactor(factor: TensorArg, info: TensorArg, upper: boolean): void {
  if (!begin(factor, false, false)) return
  writeTensor(factor)
  writeTensor(info)
  writeBoolean(upper)
  invoke(47, 'cholesky_factor')
}

export function ldlFactor(ld: TensorArg, pivots: TensorArg, info: TensorArg, hermitian: boolean): void {
  if (!begin(ld, false, false)) return
  writeTensor(ld)
  writeTensor(pivots)
  writeTensor(info)
  writeBoolean(hermitian)
  invoke(48, 'ldl_factor')
}

export function ldlSolve(x: TensorArg, ld: TensorArg, pivots: TensorArg, hermitian: boolean): void {
  if (!begin(x, false, false)) return
  writeTensor(x)
  writeTensor(ld)
  writeTensor(pivots)
  writeBoolean(hermitian)
  invoke(49, 'ldl_solve')
}

export function triangularSolve(x: TensorArg, a: TensorArg, upper: boolean, transpose: number, unit: boolean, left: boolean): void {
  if (!begin(x, false, false)) return
  writeTensor(x)
  writeTensor(a)
  writeBoolean(upper)
  writeNumber(transpose)
  writeBoolean(unit)
  writeBoolean(left)
  invoke(50, 'triangular_solve')
}

export function pivotsToPermutation(permutation: TensorArg, pivots: TensorArg): void {
  if (!begin(permutation, false, false)) return
  writeTensor(permutation)
  writeTensor(pivots)
  invoke(51, 'pivots_to_permutation')
}

export function checkInfo(info: TensorArg): void {
  if (!begin(info, false, false)) return
  writeTensor(info)
  invoke(52, 'check_info')
}

export function qrFactor(a: TensorArg, tau: TensorArg): void {
  if (!begin(a, false, false)) return
  writeTensor(a)
  writeTensor(tau)
  invoke(53, 'qr_factor')
}

export function householderProduct(q: TensorArg, tau: TensorArg): void {
  if (!begin(q, false, false)) return
  writeTensor(q)
  writeTensor(tau)
  invoke(54, 'householder_product')
}

export function householderMultiply(c: TensorArg, a: TensorArg, tau: TensorArg, left: boolean, transpose: boolean): void {
  if (!begin(c, false, false)) return
  writeTensor(c)
  writeTensor(a)
  writeTensor(tau)
  writeBoolean(left)
  writeBoolean(transpose)
  invoke(55, 'householder_multiply')
}

export function leastSquares(b: TensorArg, a: TensorArg, rank: TensorArg | null, singular: TensorArg | null, info: TensorArg, driver: number, rcond: number): void {
  if (!begin(b, false, false)) return
  writeTensor(b)
  writeTensor(a)
  writeOptionalTensor(rank)
  writeOptionalTensor(singular)
  writeTensor(info)
  writeNumber(driver)
  writeNumber(rcond)
  invoke(56, 'least_squares')
}

export function singularValues(s: TensorArg, u: TensorArg | null, vh: TensorArg | null, info: TensorArg, a: TensorArg): void {
  if (!begin(s, false, false)) return
  writeTensor(s)
  writeOptionalTensor(u)
  writeOptionalTensor(vh)
  writeTensor(info)
  writeTensor(a)
  invoke(57, 'singular_values')
}

export function eigenHermitian(a: TensorArg, w: TensorArg, info: TensorArg, upper: boolean, vectors: boolean): void {
  if (!begin(a, false, false)) return
  writeTensor(a)
  writeTensor(w)
  writeTensor(info)
  writeBoolean(upper)
  writeBoolean(vectors)
  invoke(58, 'eigen_hermitian')
}

export function eigen(w: TensorArg, v: TensorArg | null, info: TensorArg, a: TensorArg): void {
  if (!begin(w, false, false)) return
  writeTensor(w)
  writeOptionalTensor(v)
  writeTensor(info)
  writeTensor(a)
  invoke(59, 'eigen')
}

export function matmul(out: TensorArg, a: TensorArg, b: TensorArg, bias: TensorArg | null): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(a)
  writeTensor(b)
  writeOptionalTensor(bias)
  invoke(60, 'matmul')
}

export function nllLoss(out: TensorArg, totalWeight: TensorArg, input: TensorArg, target: TensorArg, weight: TensorArg | null, reduction: number, ignoreIndex: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(totalWeight)
  writeTensor(input)
  writeTensor(target)
  writeOptionalTensor(weight)
  writeNumber(reduction)
  writeNumber(ignoreIndex)
  invoke(61, 'nll_loss')
}

export function nllLossBackward(out: TensorArg, grad: TensorArg, target: TensorArg, weight: TensorArg | null, totalWeight: TensorArg, reduction: number, ignoreIndex: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(grad)
  writeTensor(target)
  writeOptionalTensor(weight)
  writeTensor(totalWeight)
  writeNumber(reduction)
  writeNumber(ignoreIndex)
  invoke(62, 'nll_loss_backward')
}

export function sgdStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(63, 'sgd_step')
}

export function adamStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(64, 'adam_step')
}

export function rmspropStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(65, 'rmsprop_step')
}

export function adagradStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(66, 'adagrad_step')
}

export function adadeltaStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(67, 'adadelta_step')
}

export function adamaxStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(68, 'adamax_step')
}

export function nadamStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(69, 'nadam_step')
}

export function radamStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(70, 'radam_step')
}

export function asgdStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(71, 'asgd_step')
}

export function rpropStep(params: readonly TensorArg[], grads: readonly TensorArg[], states: readonly TensorArg[], hyper: readonly number[]): void {
  if (!begin(params[0], false, false)) return
  writeTensors(params)
  writeTensors(grads)
  writeTensors(states)
  writeNumbers(hyper)
  invoke(72, 'rprop_step')
}

export function maxPool(out: TensorArg, indices: TensorArg, input: TensorArg, kernel: readonly number[], stride: readonly number[], padding: readonly number[], dilation: readonly number[], adaptive: boolean): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(indices)
  writeTensor(input)
  writeNumbers(kernel)
  writeNumbers(stride)
  writeNumbers(padding)
  writeNumbers(dilation)
  writeBoolean(adaptive)
  invoke(73, 'max_pool')
}

export function maxPoolScatter(gradInput: TensorArg, grad: TensorArg, indices: TensorArg, spatial: number): void {
  if (!begin(gradInput, true, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeTensor(indices)
  writeNumber(spatial)
  invoke(74, 'max_pool_scatter')
}

export function maxPoolGather(out: TensorArg, input: TensorArg, indices: TensorArg, spatial: number): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(indices)
  writeNumber(spatial)
  invoke(75, 'max_pool_gather')
}

export function avgPool(out: TensorArg, input: TensorArg, kernel: readonly number[], stride: readonly number[], padding: readonly number[], adaptive: boolean, includePadding: boolean, divisor: number): void {
  if (!begin(out, true, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumbers(kernel)
  writeNumbers(stride)
  writeNumbers(padding)
  writeBoolean(adaptive)
  writeBoolean(includePadding)
  writeNumber(divisor)
  invoke(76, 'avg_pool')
}

export function avgPoolBackward(gradInput: TensorArg, grad: TensorArg, kernel: readonly number[], stride: readonly number[], padding: readonly number[], adaptive: boolean, includePadding: boolean, divisor: number): void {
  if (!begin(gradInput, true, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeNumbers(kernel)
  writeNumbers(stride)
  writeNumbers(padding)
  writeBoolean(adaptive)
  writeBoolean(includePadding)
  writeNumber(divisor)
  invoke(77, 'avg_pool_backward')
}

export function generatorSeed(state: TensorArg, seed: Scalar): void {
  if (!begin(state, false, false)) return
  writeTensor(state)
  writeScalar(seed)
  invoke(78, 'generator_seed')
}

export function randomFill(out: TensorArg, state: TensorArg, distribution: number, a: Scalar, b: Scalar): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(state)
  writeNumber(distribution)
  writeScalar(a)
  writeScalar(b)
  invoke(79, 'random_fill')
}

export function randomBernoulli(out: TensorArg, p: TensorArg, state: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(p)
  writeTensor(state)
  invoke(80, 'random_bernoulli')
}

export function randomPermutation(out: TensorArg, state: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(state)
  invoke(81, 'random_permutation')
}

export function randomMultinomial(out: TensorArg, weights: TensorArg, state: TensorArg, replacement: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(weights)
  writeTensor(state)
  writeBoolean(replacement)
  invoke(82, 'random_multinomial')
}

export function dropout(out: TensorArg, mask: TensorArg, input: TensorArg, state: TensorArg, keep: number, scale: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(mask)
  writeTensor(input)
  writeTensor(state)
  writeNumber(keep)
  writeNumber(scale)
  invoke(83, 'dropout')
}

export function maskScale(out: TensorArg, input: TensorArg, mask: TensorArg, scale: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(mask)
  writeNumber(scale)
  invoke(84, 'mask_scale')
}

export function reduce(out: TensorArg, input: TensorArg, op: number, param: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(op)
  writeNumber(param)
  invoke(85, 'reduce')
}

export function variance(out: TensorArg, mean: TensorArg | null, input: TensorArg, correction: number, root: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeOptionalTensor(mean)
  writeTensor(input)
  writeNumber(correction)
  writeBoolean(root)
  invoke(86, 'variance')
}

export function roiAlign(out: TensorArg, input: TensorArg, rois: TensorArg, scale: number, sampling: number, aligned: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeTensor(rois)
  writeNumber(scale)
  writeNumber(sampling)
  writeBoolean(aligned)
  invoke(87, 'roi_align')
}

export function roiAlignBackward(gradInput: TensorArg, grad: TensorArg, rois: TensorArg, scale: number, sampling: number, aligned: boolean): void {
  if (!begin(gradInput, false, false)) return
  writeTensor(gradInput)
  writeTensor(grad)
  writeTensor(rois)
  writeNumber(scale)
  writeNumber(sampling)
  writeBoolean(aligned)
  invoke(88, 'roi_align_backward')
}

export function roiMaxPositions(indices: TensorArg, input: TensorArg, rois: TensorArg, scale: number): void {
  if (!begin(indices, false, false)) return
  writeTensor(indices)
  writeTensor(input)
  writeTensor(rois)
  writeNumber(scale)
  invoke(89, 'roi_max_positions')
}

export function rnnLayer(out: TensorArg, h: TensorArg, c: TensorArg | null, saved: TensorArg | null, cells: TensorArg | null, gates: TensorArg, weight: TensorArg, bias: TensorArg | null, sizes: readonly number[], cell: number, reverse: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(h)
  writeOptionalTensor(c)
  writeOptionalTensor(saved)
  writeOptionalTensor(cells)
  writeTensor(gates)
  writeTensor(weight)
  writeOptionalTensor(bias)
  writeNumbers(sizes)
  writeNumber(cell)
  writeBoolean(reverse)
  invoke(90, 'rnn_layer')
}

export function rnnLayerBackward(gatesGrad: TensorArg, hiddenGrad: TensorArg | null, before: TensorArg, h: TensorArg, c: TensorArg | null, outGrad: TensorArg | null, out: TensorArg, saved: TensorArg | null, cells: TensorArg | null, firstH: TensorArg, firstC: TensorArg | null, weight: TensorArg, sizes: readonly number[], cell: number, reverse: boolean): void {
  if (!begin(gatesGrad, false, false)) return
  writeTensor(gatesGrad)
  writeOptionalTensor(hiddenGrad)
  writeTensor(before)
  writeTensor(h)
  writeOptionalTensor(c)
  writeOptionalTensor(outGrad)
  writeTensor(out)
  writeOptionalTensor(saved)
  writeOptionalTensor(cells)
  writeTensor(firstH)
  writeOptionalTensor(firstC)
  writeTensor(weight)
  writeNumbers(sizes)
  writeNumber(cell)
  writeBoolean(reverse)
  invoke(91, 'rnn_layer_backward')
}

export function samplePoisson(out: TensorArg, rate: TensorArg, state: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(rate)
  writeTensor(state)
  invoke(92, 'sample_poisson')
}

export function sampleGamma(out: TensorArg, alpha: TensorArg, state: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(alpha)
  writeTensor(state)
  invoke(93, 'sample_gamma')
}

export function sampleBinomial(out: TensorArg, count: TensorArg, p: TensorArg, state: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(count)
  writeTensor(p)
  writeTensor(state)
  invoke(94, 'sample_binomial')
}

export function gammaSampleGrad(out: TensorArg, alpha: TensorArg, x: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(alpha)
  writeTensor(x)
  invoke(95, 'gamma_sample_grad')
}

export function dirichletSampleGrad(out: TensorArg, x: TensorArg, alpha: TensorArg, total: TensorArg): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(x)
  writeTensor(alpha)
  writeTensor(total)
  invoke(96, 'dirichlet_sample_grad')
}

export function scan(out: TensorArg, indices: TensorArg | null, input: TensorArg, dim: number, op: number): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeOptionalTensor(indices)
  writeTensor(input)
  writeNumber(dim)
  writeNumber(op)
  invoke(97, 'scan')
}

export function argExtreme(indices: TensorArg, values: TensorArg | null, input: TensorArg, dim: number, largest: boolean): void {
  if (!begin(indices, false, false)) return
  writeTensor(indices)
  writeOptionalTensor(values)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(largest)
  invoke(98, 'arg_extreme')
}

export function softmax(out: TensorArg, input: TensorArg, dim: number, log: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(log)
  invoke(99, 'softmax')
}

export function softmaxBackward(out: TensorArg, grad: TensorArg, output: TensorArg, dim: number, log: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(grad)
  writeTensor(output)
  writeNumber(dim)
  writeBoolean(log)
  invoke(100, 'softmax_backward')
}

export function sort(values: TensorArg, indices: TensorArg, input: TensorArg, dim: number, descending: boolean, stable: boolean): void {
  if (!begin(values, false, false)) return
  writeTensor(values)
  writeTensor(indices)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(descending)
  writeBoolean(stable)
  invoke(101, 'sort')
}

export function topk(values: TensorArg, indices: TensorArg, input: TensorArg, dim: number, largest: boolean, sorted: boolean): void {
  if (!begin(values, false, false)) return
  writeTensor(values)
  writeTensor(indices)
  writeTensor(input)
  writeNumber(dim)
  writeBoolean(largest)
  writeBoolean(sorted)
  invoke(102, 'topk')
}

export function kthValue(values: TensorArg, indices: TensorArg, input: TensorArg, dim: number, k: number): void {
  if (!begin(values, false, false)) return
  writeTensor(values)
  writeTensor(indices)
  writeTensor(input)
  writeNumber(dim)
  writeNumber(k)
  invoke(103, 'kth_value')
}

export function mode(values: TensorArg, indices: TensorArg, input: TensorArg, dim: number): void {
  if (!begin(values, false, false)) return
  writeTensor(values)
  writeTensor(indices)
  writeTensor(input)
  writeNumber(dim)
  invoke(104, 'mode')
}

export function searchsorted(out: TensorArg, boundaries: TensorArg, values: TensorArg, sorter: TensorArg | null, right: boolean): void {
  if (!begin(out, false, false)) return
  writeTensor(out)
  writeTensor(boundaries)
  writeTensor(values)
  writeOptionalTensor(sorter)
  writeBoolean(right)
  invoke(105, 'searchsorted')
}

export function sortRows(order: TensorArg, input: TensorArg): void {
  if (!begin(order, false, false)) return
  writeTensor(order)
  writeTensor(input)
  invoke(106, 'sort_rows')
}

export function findRuns(run: TensorArg, first: TensorArg, count: TensorArg, input: TensorArg, order: TensorArg | null): void {
  if (!begin(run, false, false)) return
  writeTensor(run)
  writeTensor(first)
  writeTensor(count)
  writeTensor(input)
  writeOptionalTensor(order)
  invoke(107, 'find_runs')
}

export function stridedAdd(out: TensorArg, input: TensorArg): void {
  if (!begin(out, false, true)) return
  writeTensor(out)
  writeTensor(input)
  invoke(108, 'strided_add')
}

export function tileProgram(outs: readonly TensorArg[], ins: readonly TensorArg[], rowIns: readonly TensorArg[], constants: readonly Scalar[], code: readonly number[], results: readonly number[], rows: number, row: number, compute: number): void {
  if (!begin(outs[0], false, false)) return
  writeTensors(outs)
  writeTensors(ins)
  writeTensors(rowIns)
  writeScalars(constants)
  writeNumbers(code)
  writeNumbers(results)
  writeNumber(rows)
  writeNumber(row)
  writeNumber(compute)
  invoke(109, 'tile_program')
}
