// The kernels that CUDA has. What is not here stays an empty slot of the table, which is one central error.
#pragma once
#include "flambeau/kernels.gen.h"

namespace flambeau::cuda {

extern const KernelTable kTable;

#define FLAMBEAU_CUDA_KERNELS(X)                            \
  X(attention, Attention)                                   \
  X(attention_backward, AttentionBackward)                  \
  X(batch_norm, BatchNorm)                                  \
  X(batch_norm_backward, BatchNormBackward)                 \
  X(convolution, Convolution)                               \
  X(convolution_backward_input, ConvolutionBackwardInput)   \
  X(convolution_backward_weight, ConvolutionBackwardWeight) \
  X(copy, Copy)                                             \
  X(fill, Fill)                                             \
  X(arange, Arange)                                         \
  X(linspace, Linspace)                                     \
  X(elementwise, Elementwise)                               \
  X(embedding, Embedding)                                   \
  X(embedding_backward, EmbeddingBackward)                  \
  X(index_get, IndexGet)                                    \
  X(index_set, IndexSet)                                    \
  X(count_nonzero_elements, CountNonzeroElements)           \
  X(nonzero, Nonzero)                                       \
  X(masked_gather, MaskedGather)                            \
  X(masked_put, MaskedPut)                                  \
  X(triangle, Triangle)                                     \
  X(layer_norm, LayerNorm)                                  \
  X(layer_norm_backward, LayerNormBackward)                 \
  X(matmul, Matmul)                                         \
  X(nll_loss, NllLoss)                                      \
  X(nll_loss_backward, NllLossBackward)                     \
  X(sgd_step, SgdStep)                                      \
  X(adam_step, AdamStep)                                    \
  X(rmsprop_step, RmspropStep)                              \
  X(adagrad_step, AdagradStep)                              \
  X(adadelta_step, AdadeltaStep)                            \
  X(adamax_step, AdamaxStep)                                \
  X(nadam_step, NadamStep)                                  \
  X(radam_step, RadamStep)                                  \
  X(asgd_step, AsgdStep)                                    \
  X(rprop_step, RpropStep)                                  \
  X(max_pool, MaxPool)                                      \
  X(max_pool_scatter, MaxPoolScatter)                       \
  X(max_pool_gather, MaxPoolGather)                         \
  X(avg_pool, AvgPool)                                      \
  X(avg_pool_backward, AvgPoolBackward)                     \
  X(generator_seed, GeneratorSeed)                          \
  X(random_fill, RandomFill)                                \
  X(random_bernoulli, RandomBernoulli)                      \
  X(dropout, Dropout)                                       \
  X(mask_scale, MaskScale)                                  \
  X(reduce, Reduce)                                         \
  X(variance, Variance)                                     \
  X(scan, Scan)                                             \
  X(arg_extreme, ArgExtreme)                                \
  X(softmax, Softmax)                                       \
  X(softmax_backward, SoftmaxBackward)                      \
  X(sort, Sort)                                             \
  X(topk, Topk)                                             \
  X(kth_value, KthValue)                                    \
  X(mode, Mode)                                             \
  X(searchsorted, Searchsorted)                             \
  X(sort_rows, SortRows)                                    \
  X(find_runs, FindRuns)                                    \
  X(strided_add, StridedAdd)

#define X(name, Name) Status name(Name##Args& args);
FLAMBEAU_CUDA_KERNELS(X)
#undef X

}  // namespace flambeau::cuda
