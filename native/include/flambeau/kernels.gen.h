// Made by tools/codegen.mjs from native/include/flambeau/kernels/*.def. Do not edit.
#pragma once
#include "flambeau/kernels/attention.gen.h"
#include "flambeau/kernels/batch_norm.gen.h"
#include "flambeau/kernels/convolution.gen.h"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/kernels/creation.gen.h"
#include "flambeau/kernels/ctc_loss.gen.h"
#include "flambeau/kernels/distance.gen.h"
#include "flambeau/kernels/elementwise.gen.h"
#include "flambeau/kernels/embedding.gen.h"
#include "flambeau/kernels/embedding_bag.gen.h"
#include "flambeau/kernels/fft.gen.h"
#include "flambeau/kernels/filter.gen.h"
#include "flambeau/kernels/fold.gen.h"
#include "flambeau/kernels/fractional_pooling.gen.h"
#include "flambeau/kernels/grid_sample.gen.h"
#include "flambeau/kernels/group_norm.gen.h"
#include "flambeau/kernels/histogram.gen.h"
#include "flambeau/kernels/indexing.gen.h"
#include "flambeau/kernels/interpolate.gen.h"
#include "flambeau/kernels/layer_norm.gen.h"
#include "flambeau/kernels/linalg_exp.gen.h"
#include "flambeau/kernels/linalg_factor.gen.h"
#include "flambeau/kernels/linalg_orthogonal.gen.h"
#include "flambeau/kernels/linalg_spectral.gen.h"
#include "flambeau/kernels/matmul.gen.h"
#include "flambeau/kernels/nll_loss.gen.h"
#include "flambeau/kernels/optim.gen.h"
#include "flambeau/kernels/pooling.gen.h"
#include "flambeau/kernels/random.gen.h"
#include "flambeau/kernels/reduce.gen.h"
#include "flambeau/kernels/regions.gen.h"
#include "flambeau/kernels/rnn.gen.h"
#include "flambeau/kernels/sampling.gen.h"
#include "flambeau/kernels/scan.gen.h"
#include "flambeau/kernels/softmax.gen.h"
#include "flambeau/kernels/sort.gen.h"
#include "flambeau/kernels/strided_add.gen.h"
#include "flambeau/kernels/tile_program.gen.h"

namespace flambeau {

// The host loads this library only where it was generated together with it.
inline constexpr const char* kFingerprint = "a3511cc7c36a05bb";

enum class Kernel : int {
  attention,
  attention_backward,
  batch_norm,
  batch_norm_backward,
  convolution,
  convolution_backward_input,
  convolution_backward_weight,
  copy,
  fill,
  arange,
  linspace,
  logspace,
  ctc_loss,
  ctc_loss_backward,
  distances,
  distances_backward,
  elementwise,
  embedding,
  embedding_backward,
  embedding_bag,
  fft_complex,
  fft_from_real,
  fft_to_real,
  linear_filter,
  unfold_windows,
  fold_windows,
  fractional_max_pool,
  grid_sample,
  grid_sample_input_backward,
  grid_sample_grid_backward,
  group_norm,
  group_norm_backward,
  histc,
  bincount,
  index_get,
  index_set,
  count_nonzero_elements,
  nonzero,
  masked_gather,
  masked_put,
  triangle,
  interpolate,
  layer_norm,
  layer_norm_backward,
  matrix_exp,
  lu_factor,
  lu_solve,
  cholesky_factor,
  ldl_factor,
  ldl_solve,
  triangular_solve,
  pivots_to_permutation,
  check_info,
  qr_factor,
  householder_product,
  householder_multiply,
  least_squares,
  singular_values,
  eigen_hermitian,
  eigen,
  matmul,
  nll_loss,
  nll_loss_backward,
  sgd_step,
  adam_step,
  rmsprop_step,
  adagrad_step,
  adadelta_step,
  adamax_step,
  nadam_step,
  radam_step,
  asgd_step,
  rprop_step,
  max_pool,
  max_pool_scatter,
  max_pool_gather,
  avg_pool,
  avg_pool_backward,
  generator_seed,
  random_fill,
  random_bernoulli,
  random_permutation,
  random_multinomial,
  dropout,
  mask_scale,
  reduce,
  variance,
  roi_align,
  roi_align_backward,
  roi_max_positions,
  rnn_layer,
  rnn_layer_backward,
  sample_poisson,
  sample_gamma,
  sample_binomial,
  gamma_sample_grad,
  dirichlet_sample_grad,
  scan,
  arg_extreme,
  softmax,
  softmax_backward,
  sort,
  topk,
  kth_value,
  mode,
  searchsorted,
  sort_rows,
  find_runs,
  strided_add,
  tile_program,
  count
};

// An empty slot means that the backend has no such kernel.
struct KernelTable {
  Status (*attention)(AttentionArgs&) = nullptr;
  Status (*attention_backward)(AttentionBackwardArgs&) = nullptr;
  Status (*batch_norm)(BatchNormArgs&) = nullptr;
  Status (*batch_norm_backward)(BatchNormBackwardArgs&) = nullptr;
  Status (*convolution)(ConvolutionArgs&) = nullptr;
  Status (*convolution_backward_input)(ConvolutionBackwardInputArgs&) = nullptr;
  Status (*convolution_backward_weight)(ConvolutionBackwardWeightArgs&) = nullptr;
  Status (*copy)(CopyArgs&) = nullptr;
  Status (*fill)(FillArgs&) = nullptr;
  Status (*arange)(ArangeArgs&) = nullptr;
  Status (*linspace)(LinspaceArgs&) = nullptr;
  Status (*logspace)(LogspaceArgs&) = nullptr;
  Status (*ctc_loss)(CtcLossArgs&) = nullptr;
  Status (*ctc_loss_backward)(CtcLossBackwardArgs&) = nullptr;
  Status (*distances)(DistancesArgs&) = nullptr;
  Status (*distances_backward)(DistancesBackwardArgs&) = nullptr;
  Status (*elementwise)(ElementwiseArgs&) = nullptr;
  Status (*embedding)(EmbeddingArgs&) = nullptr;
  Status (*embedding_backward)(EmbeddingBackwardArgs&) = nullptr;
  Status (*embedding_bag)(EmbeddingBagArgs&) = nullptr;
  Status (*fft_complex)(FftComplexArgs&) = nullptr;
  Status (*fft_from_real)(FftFromRealArgs&) = nullptr;
  Status (*fft_to_real)(FftToRealArgs&) = nullptr;
  Status (*linear_filter)(LinearFilterArgs&) = nullptr;
  Status (*unfold_windows)(UnfoldWindowsArgs&) = nullptr;
  Status (*fold_windows)(FoldWindowsArgs&) = nullptr;
  Status (*fractional_max_pool)(FractionalMaxPoolArgs&) = nullptr;
  Status (*grid_sample)(GridSampleArgs&) = nullptr;
  Status (*grid_sample_input_backward)(GridSampleInputBackwardArgs&) = nullptr;
  Status (*grid_sample_grid_backward)(GridSampleGridBackwardArgs&) = nullptr;
  Status (*group_norm)(GroupNormArgs&) = nullptr;
  Status (*group_norm_backward)(GroupNormBackwardArgs&) = nullptr;
  Status (*histc)(HistcArgs&) = nullptr;
  Status (*bincount)(BincountArgs&) = nullptr;
  Status (*index_get)(IndexGetArgs&) = nullptr;
  Status (*index_set)(IndexSetArgs&) = nullptr;
  Status (*count_nonzero_elements)(CountNonzeroElementsArgs&) = nullptr;
  Status (*nonzero)(NonzeroArgs&) = nullptr;
  Status (*masked_gather)(MaskedGatherArgs&) = nullptr;
  Status (*masked_put)(MaskedPutArgs&) = nullptr;
  Status (*triangle)(TriangleArgs&) = nullptr;
  Status (*interpolate)(InterpolateArgs&) = nullptr;
  Status (*layer_norm)(LayerNormArgs&) = nullptr;
  Status (*layer_norm_backward)(LayerNormBackwardArgs&) = nullptr;
  Status (*matrix_exp)(MatrixExpArgs&) = nullptr;
  Status (*lu_factor)(LuFactorArgs&) = nullptr;
  Status (*lu_solve)(LuSolveArgs&) = nullptr;
  Status (*cholesky_factor)(CholeskyFactorArgs&) = nullptr;
  Status (*ldl_factor)(LdlFactorArgs&) = nullptr;
  Status (*ldl_solve)(LdlSolveArgs&) = nullptr;
  Status (*triangular_solve)(TriangularSolveArgs&) = nullptr;
  Status (*pivots_to_permutation)(PivotsToPermutationArgs&) = nullptr;
  Status (*check_info)(CheckInfoArgs&) = nullptr;
  Status (*qr_factor)(QrFactorArgs&) = nullptr;
  Status (*householder_product)(HouseholderProductArgs&) = nullptr;
  Status (*householder_multiply)(HouseholderMultiplyArgs&) = nullptr;
  Status (*least_squares)(LeastSquaresArgs&) = nullptr;
  Status (*singular_values)(SingularValuesArgs&) = nullptr;
  Status (*eigen_hermitian)(EigenHermitianArgs&) = nullptr;
  Status (*eigen)(EigenArgs&) = nullptr;
  Status (*matmul)(MatmulArgs&) = nullptr;
  Status (*nll_loss)(NllLossArgs&) = nullptr;
  Status (*nll_loss_backward)(NllLossBackwardArgs&) = nullptr;
  Status (*sgd_step)(SgdStepArgs&) = nullptr;
  Status (*adam_step)(AdamStepArgs&) = nullptr;
  Status (*rmsprop_step)(RmspropStepArgs&) = nullptr;
  Status (*adagrad_step)(AdagradStepArgs&) = nullptr;
  Status (*adadelta_step)(AdadeltaStepArgs&) = nullptr;
  Status (*adamax_step)(AdamaxStepArgs&) = nullptr;
  Status (*nadam_step)(NadamStepArgs&) = nullptr;
  Status (*radam_step)(RadamStepArgs&) = nullptr;
  Status (*asgd_step)(AsgdStepArgs&) = nullptr;
  Status (*rprop_step)(RpropStepArgs&) = nullptr;
  Status (*max_pool)(MaxPoolArgs&) = nullptr;
  Status (*max_pool_scatter)(MaxPoolScatterArgs&) = nullptr;
  Status (*max_pool_gather)(MaxPoolGatherArgs&) = nullptr;
  Status (*avg_pool)(AvgPoolArgs&) = nullptr;
  Status (*avg_pool_backward)(AvgPoolBackwardArgs&) = nullptr;
  Status (*generator_seed)(GeneratorSeedArgs&) = nullptr;
  Status (*random_fill)(RandomFillArgs&) = nullptr;
  Status (*random_bernoulli)(RandomBernoulliArgs&) = nullptr;
  Status (*random_permutation)(RandomPermutationArgs&) = nullptr;
  Status (*random_multinomial)(RandomMultinomialArgs&) = nullptr;
  Status (*dropout)(DropoutArgs&) = nullptr;
  Status (*mask_scale)(MaskScaleArgs&) = nullptr;
  Status (*reduce)(ReduceArgs&) = nullptr;
  Status (*variance)(VarianceArgs&) = nullptr;
  Status (*roi_align)(RoiAlignArgs&) = nullptr;
  Status (*roi_align_backward)(RoiAlignBackwardArgs&) = nullptr;
  Status (*roi_max_positions)(RoiMaxPositionsArgs&) = nullptr;
  Status (*rnn_layer)(RnnLayerArgs&) = nullptr;
  Status (*rnn_layer_backward)(RnnLayerBackwardArgs&) = nullptr;
  Status (*sample_poisson)(SamplePoissonArgs&) = nullptr;
  Status (*sample_gamma)(SampleGammaArgs&) = nullptr;
  Status (*sample_binomial)(SampleBinomialArgs&) = nullptr;
  Status (*gamma_sample_grad)(GammaSampleGradArgs&) = nullptr;
  Status (*dirichlet_sample_grad)(DirichletSampleGradArgs&) = nullptr;
  Status (*scan)(ScanArgs&) = nullptr;
  Status (*arg_extreme)(ArgExtremeArgs&) = nullptr;
  Status (*softmax)(SoftmaxArgs&) = nullptr;
  Status (*softmax_backward)(SoftmaxBackwardArgs&) = nullptr;
  Status (*sort)(SortArgs&) = nullptr;
  Status (*topk)(TopkArgs&) = nullptr;
  Status (*kth_value)(KthValueArgs&) = nullptr;
  Status (*mode)(ModeArgs&) = nullptr;
  Status (*searchsorted)(SearchsortedArgs&) = nullptr;
  Status (*sort_rows)(SortRowsArgs&) = nullptr;
  Status (*find_runs)(FindRunsArgs&) = nullptr;
  Status (*strided_add)(StridedAddArgs&) = nullptr;
  Status (*tile_program)(TileProgramArgs&) = nullptr;
};

namespace cpu {
inline constexpr KernelTable kTable{
    attention,
    attention_backward,
    batch_norm,
    batch_norm_backward,
    convolution,
    convolution_backward_input,
    convolution_backward_weight,
    copy,
    fill,
    arange,
    linspace,
    logspace,
    ctc_loss,
    ctc_loss_backward,
    distances,
    distances_backward,
    elementwise,
    embedding,
    embedding_backward,
    embedding_bag,
    fft_complex,
    fft_from_real,
    fft_to_real,
    linear_filter,
    unfold_windows,
    fold_windows,
    fractional_max_pool,
    grid_sample,
    grid_sample_input_backward,
    grid_sample_grid_backward,
    group_norm,
    group_norm_backward,
    histc,
    bincount,
    index_get,
    index_set,
    count_nonzero_elements,
    nonzero,
    masked_gather,
    masked_put,
    triangle,
    interpolate,
    layer_norm,
    layer_norm_backward,
    matrix_exp,
    lu_factor,
    lu_solve,
    cholesky_factor,
    ldl_factor,
    ldl_solve,
    triangular_solve,
    pivots_to_permutation,
    check_info,
    qr_factor,
    householder_product,
    householder_multiply,
    least_squares,
    singular_values,
    eigen_hermitian,
    eigen,
    matmul,
    nll_loss,
    nll_loss_backward,
    sgd_step,
    adam_step,
    rmsprop_step,
    adagrad_step,
    adadelta_step,
    adamax_step,
    nadam_step,
    radam_step,
    asgd_step,
    rprop_step,
    max_pool,
    max_pool_scatter,
    max_pool_gather,
    avg_pool,
    avg_pool_backward,
    generator_seed,
    random_fill,
    random_bernoulli,
    random_permutation,
    random_multinomial,
    dropout,
    mask_scale,
    reduce,
    variance,
    roi_align,
    roi_align_backward,
    roi_max_positions,
    rnn_layer,
    rnn_layer_backward,
    sample_poisson,
    sample_gamma,
    sample_binomial,
    gamma_sample_grad,
    dirichlet_sample_grad,
    scan,
    arg_extreme,
    softmax,
    softmax_backward,
    sort,
    topk,
    kth_value,
    mode,
    searchsorted,
    sort_rows,
    find_runs,
    strided_add,
    tile_program,
};
}  // namespace cpu

// Decodes a call's words and runs the kernel.
inline Status invoke(const KernelTable& table, int kernel, const double* words, Storage* const* storages) {
  CallReader reader(words, storages);
  switch (static_cast<Kernel>(kernel)) {
    case Kernel::attention: {
      if (!table.attention) return {StatusCode::no_kernel};
      AttentionArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.boolean()};
      return table.attention(args);
    }
    case Kernel::attention_backward: {
      if (!table.attention_backward) return {StatusCode::no_kernel};
      AttentionBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.boolean()};
      return table.attention_backward(args);
    }
    case Kernel::batch_norm: {
      if (!table.batch_norm) return {StatusCode::no_kernel};
      BatchNormArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean(), reader.real(), reader.real()};
      return table.batch_norm(args);
    }
    case Kernel::batch_norm_backward: {
      if (!table.batch_norm_backward) return {StatusCode::no_kernel};
      BatchNormBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean()};
      return table.batch_norm_backward(args);
    }
    case Kernel::convolution: {
      if (!table.convolution) return {StatusCode::no_kernel};
      ConvolutionArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integer()};
      return table.convolution(args);
    }
    case Kernel::convolution_backward_input: {
      if (!table.convolution_backward_input) return {StatusCode::no_kernel};
      ConvolutionBackwardInputArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integer()};
      return table.convolution_backward_input(args);
    }
    case Kernel::convolution_backward_weight: {
      if (!table.convolution_backward_weight) return {StatusCode::no_kernel};
      ConvolutionBackwardWeightArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integer()};
      return table.convolution_backward_weight(args);
    }
    case Kernel::copy: {
      if (!table.copy) return {StatusCode::no_kernel};
      CopyArgs args{reader.tensor(), reader.tensor()};
      return table.copy(args);
    }
    case Kernel::fill: {
      if (!table.fill) return {StatusCode::no_kernel};
      FillArgs args{reader.tensor(), reader.scalar()};
      return table.fill(args);
    }
    case Kernel::arange: {
      if (!table.arange) return {StatusCode::no_kernel};
      ArangeArgs args{reader.tensor(), reader.scalar(), reader.scalar()};
      return table.arange(args);
    }
    case Kernel::linspace: {
      if (!table.linspace) return {StatusCode::no_kernel};
      LinspaceArgs args{reader.tensor(), reader.scalar(), reader.scalar()};
      return table.linspace(args);
    }
    case Kernel::logspace: {
      if (!table.logspace) return {StatusCode::no_kernel};
      LogspaceArgs args{reader.tensor(), reader.scalar(), reader.scalar(), reader.real()};
      return table.logspace(args);
    }
    case Kernel::ctc_loss: {
      if (!table.ctc_loss) return {StatusCode::no_kernel};
      CtcLossArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.ctc_loss(args);
    }
    case Kernel::ctc_loss_backward: {
      if (!table.ctc_loss_backward) return {StatusCode::no_kernel};
      CtcLossBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer(), reader.boolean()};
      return table.ctc_loss_backward(args);
    }
    case Kernel::distances: {
      if (!table.distances) return {StatusCode::no_kernel};
      DistancesArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.distances(args);
    }
    case Kernel::distances_backward: {
      if (!table.distances_backward) return {StatusCode::no_kernel};
      DistancesBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.distances_backward(args);
    }
    case Kernel::elementwise: {
      if (!table.elementwise) return {StatusCode::no_kernel};
      ElementwiseArgs args{reader.tensors(), reader.tensors(), reader.scalars(), reader.integers(), reader.integers(), reader.dtype()};
      return table.elementwise(args);
    }
    case Kernel::embedding: {
      if (!table.embedding) return {StatusCode::no_kernel};
      EmbeddingArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.embedding(args);
    }
    case Kernel::embedding_backward: {
      if (!table.embedding_backward) return {StatusCode::no_kernel};
      EmbeddingBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.boolean()};
      return table.embedding_backward(args);
    }
    case Kernel::embedding_bag: {
      if (!table.embedding_bag) return {StatusCode::no_kernel};
      EmbeddingBagArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.embedding_bag(args);
    }
    case Kernel::fft_complex: {
      if (!table.fft_complex) return {StatusCode::no_kernel};
      FftComplexArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.boolean(), reader.real()};
      return table.fft_complex(args);
    }
    case Kernel::fft_from_real: {
      if (!table.fft_from_real) return {StatusCode::no_kernel};
      FftFromRealArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.boolean(), reader.real()};
      return table.fft_from_real(args);
    }
    case Kernel::fft_to_real: {
      if (!table.fft_to_real) return {StatusCode::no_kernel};
      FftToRealArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.boolean(), reader.real()};
      return table.fft_to_real(args);
    }
    case Kernel::linear_filter: {
      if (!table.linear_filter) return {StatusCode::no_kernel};
      LinearFilterArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.linear_filter(args);
    }
    case Kernel::unfold_windows: {
      if (!table.unfold_windows) return {StatusCode::no_kernel};
      UnfoldWindowsArgs args{reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integers()};
      return table.unfold_windows(args);
    }
    case Kernel::fold_windows: {
      if (!table.fold_windows) return {StatusCode::no_kernel};
      FoldWindowsArgs args{reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integers()};
      return table.fold_windows(args);
    }
    case Kernel::fractional_max_pool: {
      if (!table.fractional_max_pool) return {StatusCode::no_kernel};
      FractionalMaxPoolArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integers()};
      return table.fractional_max_pool(args);
    }
    case Kernel::grid_sample: {
      if (!table.grid_sample) return {StatusCode::no_kernel};
      GridSampleArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer(), reader.boolean()};
      return table.grid_sample(args);
    }
    case Kernel::grid_sample_input_backward: {
      if (!table.grid_sample_input_backward) return {StatusCode::no_kernel};
      GridSampleInputBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer(), reader.boolean()};
      return table.grid_sample_input_backward(args);
    }
    case Kernel::grid_sample_grid_backward: {
      if (!table.grid_sample_grid_backward) return {StatusCode::no_kernel};
      GridSampleGridBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer(), reader.boolean()};
      return table.grid_sample_grid_backward(args);
    }
    case Kernel::group_norm: {
      if (!table.group_norm) return {StatusCode::no_kernel};
      GroupNormArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.group_norm(args);
    }
    case Kernel::group_norm_backward: {
      if (!table.group_norm_backward) return {StatusCode::no_kernel};
      GroupNormBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.group_norm_backward(args);
    }
    case Kernel::histc: {
      if (!table.histc) return {StatusCode::no_kernel};
      HistcArgs args{reader.tensor(), reader.tensor(), reader.real(), reader.real()};
      return table.histc(args);
    }
    case Kernel::bincount: {
      if (!table.bincount) return {StatusCode::no_kernel};
      BincountArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.bincount(args);
    }
    case Kernel::index_get: {
      if (!table.index_get) return {StatusCode::no_kernel};
      IndexGetArgs args{reader.tensor(), reader.tensor(), reader.tensors(), reader.integers(), reader.integers(), reader.boolean()};
      return table.index_get(args);
    }
    case Kernel::index_set: {
      if (!table.index_set) return {StatusCode::no_kernel};
      IndexSetArgs args{reader.tensor(), reader.tensor(), reader.tensors(), reader.integers(), reader.integers(), reader.boolean(), reader.integer()};
      return table.index_set(args);
    }
    case Kernel::count_nonzero_elements: {
      if (!table.count_nonzero_elements) return {StatusCode::no_kernel};
      CountNonzeroElementsArgs args{reader.tensor(), reader.tensor()};
      return table.count_nonzero_elements(args);
    }
    case Kernel::nonzero: {
      if (!table.nonzero) return {StatusCode::no_kernel};
      NonzeroArgs args{reader.tensor(), reader.tensor()};
      return table.nonzero(args);
    }
    case Kernel::masked_gather: {
      if (!table.masked_gather) return {StatusCode::no_kernel};
      MaskedGatherArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.masked_gather(args);
    }
    case Kernel::masked_put: {
      if (!table.masked_put) return {StatusCode::no_kernel};
      MaskedPutArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.masked_put(args);
    }
    case Kernel::triangle: {
      if (!table.triangle) return {StatusCode::no_kernel};
      TriangleArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.boolean()};
      return table.triangle(args);
    }
    case Kernel::interpolate: {
      if (!table.interpolate) return {StatusCode::no_kernel};
      InterpolateArgs args{reader.tensor(), reader.tensor(), reader.reals(), reader.integer(), reader.boolean(), reader.boolean()};
      return table.interpolate(args);
    }
    case Kernel::layer_norm: {
      if (!table.layer_norm) return {StatusCode::no_kernel};
      LayerNormArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.layer_norm(args);
    }
    case Kernel::layer_norm_backward: {
      if (!table.layer_norm_backward) return {StatusCode::no_kernel};
      LayerNormBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.layer_norm_backward(args);
    }
    case Kernel::matrix_exp: {
      if (!table.matrix_exp) return {StatusCode::no_kernel};
      MatrixExpArgs args{reader.tensor(), reader.tensor()};
      return table.matrix_exp(args);
    }
    case Kernel::lu_factor: {
      if (!table.lu_factor) return {StatusCode::no_kernel};
      LuFactorArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.lu_factor(args);
    }
    case Kernel::lu_solve: {
      if (!table.lu_solve) return {StatusCode::no_kernel};
      LuSolveArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer()};
      return table.lu_solve(args);
    }
    case Kernel::cholesky_factor: {
      if (!table.cholesky_factor) return {StatusCode::no_kernel};
      CholeskyFactorArgs args{reader.tensor(), reader.tensor(), reader.boolean()};
      return table.cholesky_factor(args);
    }
    case Kernel::ldl_factor: {
      if (!table.ldl_factor) return {StatusCode::no_kernel};
      LdlFactorArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean()};
      return table.ldl_factor(args);
    }
    case Kernel::ldl_solve: {
      if (!table.ldl_solve) return {StatusCode::no_kernel};
      LdlSolveArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean()};
      return table.ldl_solve(args);
    }
    case Kernel::triangular_solve: {
      if (!table.triangular_solve) return {StatusCode::no_kernel};
      TriangularSolveArgs args{reader.tensor(), reader.tensor(), reader.boolean(), reader.integer(), reader.boolean(), reader.boolean()};
      return table.triangular_solve(args);
    }
    case Kernel::pivots_to_permutation: {
      if (!table.pivots_to_permutation) return {StatusCode::no_kernel};
      PivotsToPermutationArgs args{reader.tensor(), reader.tensor()};
      return table.pivots_to_permutation(args);
    }
    case Kernel::check_info: {
      if (!table.check_info) return {StatusCode::no_kernel};
      CheckInfoArgs args{reader.tensor()};
      return table.check_info(args);
    }
    case Kernel::qr_factor: {
      if (!table.qr_factor) return {StatusCode::no_kernel};
      QrFactorArgs args{reader.tensor(), reader.tensor()};
      return table.qr_factor(args);
    }
    case Kernel::householder_product: {
      if (!table.householder_product) return {StatusCode::no_kernel};
      HouseholderProductArgs args{reader.tensor(), reader.tensor()};
      return table.householder_product(args);
    }
    case Kernel::householder_multiply: {
      if (!table.householder_multiply) return {StatusCode::no_kernel};
      HouseholderMultiplyArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean(), reader.boolean()};
      return table.householder_multiply(args);
    }
    case Kernel::least_squares: {
      if (!table.least_squares) return {StatusCode::no_kernel};
      LeastSquaresArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.real()};
      return table.least_squares(args);
    }
    case Kernel::singular_values: {
      if (!table.singular_values) return {StatusCode::no_kernel};
      SingularValuesArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.singular_values(args);
    }
    case Kernel::eigen_hermitian: {
      if (!table.eigen_hermitian) return {StatusCode::no_kernel};
      EigenHermitianArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean(), reader.boolean()};
      return table.eigen_hermitian(args);
    }
    case Kernel::eigen: {
      if (!table.eigen) return {StatusCode::no_kernel};
      EigenArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.eigen(args);
    }
    case Kernel::matmul: {
      if (!table.matmul) return {StatusCode::no_kernel};
      MatmulArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.matmul(args);
    }
    case Kernel::nll_loss: {
      if (!table.nll_loss) return {StatusCode::no_kernel};
      NllLossArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.nll_loss(args);
    }
    case Kernel::nll_loss_backward: {
      if (!table.nll_loss_backward) return {StatusCode::no_kernel};
      NllLossBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.nll_loss_backward(args);
    }
    case Kernel::sgd_step: {
      if (!table.sgd_step) return {StatusCode::no_kernel};
      SgdStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.sgd_step(args);
    }
    case Kernel::adam_step: {
      if (!table.adam_step) return {StatusCode::no_kernel};
      AdamStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.adam_step(args);
    }
    case Kernel::rmsprop_step: {
      if (!table.rmsprop_step) return {StatusCode::no_kernel};
      RmspropStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.rmsprop_step(args);
    }
    case Kernel::adagrad_step: {
      if (!table.adagrad_step) return {StatusCode::no_kernel};
      AdagradStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.adagrad_step(args);
    }
    case Kernel::adadelta_step: {
      if (!table.adadelta_step) return {StatusCode::no_kernel};
      AdadeltaStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.adadelta_step(args);
    }
    case Kernel::adamax_step: {
      if (!table.adamax_step) return {StatusCode::no_kernel};
      AdamaxStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.adamax_step(args);
    }
    case Kernel::nadam_step: {
      if (!table.nadam_step) return {StatusCode::no_kernel};
      NadamStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.nadam_step(args);
    }
    case Kernel::radam_step: {
      if (!table.radam_step) return {StatusCode::no_kernel};
      RadamStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.radam_step(args);
    }
    case Kernel::asgd_step: {
      if (!table.asgd_step) return {StatusCode::no_kernel};
      AsgdStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.asgd_step(args);
    }
    case Kernel::rprop_step: {
      if (!table.rprop_step) return {StatusCode::no_kernel};
      RpropStepArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.reals()};
      return table.rprop_step(args);
    }
    case Kernel::max_pool: {
      if (!table.max_pool) return {StatusCode::no_kernel};
      MaxPoolArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.integers(), reader.boolean()};
      return table.max_pool(args);
    }
    case Kernel::max_pool_scatter: {
      if (!table.max_pool_scatter) return {StatusCode::no_kernel};
      MaxPoolScatterArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer()};
      return table.max_pool_scatter(args);
    }
    case Kernel::max_pool_gather: {
      if (!table.max_pool_gather) return {StatusCode::no_kernel};
      MaxPoolGatherArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer()};
      return table.max_pool_gather(args);
    }
    case Kernel::avg_pool: {
      if (!table.avg_pool) return {StatusCode::no_kernel};
      AvgPoolArgs args{reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.boolean(), reader.boolean(), reader.integer()};
      return table.avg_pool(args);
    }
    case Kernel::avg_pool_backward: {
      if (!table.avg_pool_backward) return {StatusCode::no_kernel};
      AvgPoolBackwardArgs args{reader.tensor(), reader.tensor(), reader.integers(), reader.integers(), reader.integers(), reader.boolean(), reader.boolean(), reader.integer()};
      return table.avg_pool_backward(args);
    }
    case Kernel::generator_seed: {
      if (!table.generator_seed) return {StatusCode::no_kernel};
      GeneratorSeedArgs args{reader.tensor(), reader.scalar()};
      return table.generator_seed(args);
    }
    case Kernel::random_fill: {
      if (!table.random_fill) return {StatusCode::no_kernel};
      RandomFillArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.scalar(), reader.scalar()};
      return table.random_fill(args);
    }
    case Kernel::random_bernoulli: {
      if (!table.random_bernoulli) return {StatusCode::no_kernel};
      RandomBernoulliArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.random_bernoulli(args);
    }
    case Kernel::random_permutation: {
      if (!table.random_permutation) return {StatusCode::no_kernel};
      RandomPermutationArgs args{reader.tensor(), reader.tensor()};
      return table.random_permutation(args);
    }
    case Kernel::random_multinomial: {
      if (!table.random_multinomial) return {StatusCode::no_kernel};
      RandomMultinomialArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean()};
      return table.random_multinomial(args);
    }
    case Kernel::dropout: {
      if (!table.dropout) return {StatusCode::no_kernel};
      DropoutArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.real()};
      return table.dropout(args);
    }
    case Kernel::mask_scale: {
      if (!table.mask_scale) return {StatusCode::no_kernel};
      MaskScaleArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.mask_scale(args);
    }
    case Kernel::reduce: {
      if (!table.reduce) return {StatusCode::no_kernel};
      ReduceArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.real()};
      return table.reduce(args);
    }
    case Kernel::variance: {
      if (!table.variance) return {StatusCode::no_kernel};
      VarianceArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.boolean()};
      return table.variance(args);
    }
    case Kernel::roi_align: {
      if (!table.roi_align) return {StatusCode::no_kernel};
      RoiAlignArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.integer(), reader.boolean()};
      return table.roi_align(args);
    }
    case Kernel::roi_align_backward: {
      if (!table.roi_align_backward) return {StatusCode::no_kernel};
      RoiAlignBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.integer(), reader.boolean()};
      return table.roi_align_backward(args);
    }
    case Kernel::roi_max_positions: {
      if (!table.roi_max_positions) return {StatusCode::no_kernel};
      RoiMaxPositionsArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real()};
      return table.roi_max_positions(args);
    }
    case Kernel::rnn_layer: {
      if (!table.rnn_layer) return {StatusCode::no_kernel};
      RnnLayerArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integer(), reader.boolean()};
      return table.rnn_layer(args);
    }
    case Kernel::rnn_layer_backward: {
      if (!table.rnn_layer_backward) return {StatusCode::no_kernel};
      RnnLayerBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.integers(), reader.integer(), reader.boolean()};
      return table.rnn_layer_backward(args);
    }
    case Kernel::sample_poisson: {
      if (!table.sample_poisson) return {StatusCode::no_kernel};
      SamplePoissonArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.sample_poisson(args);
    }
    case Kernel::sample_gamma: {
      if (!table.sample_gamma) return {StatusCode::no_kernel};
      SampleGammaArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.sample_gamma(args);
    }
    case Kernel::sample_binomial: {
      if (!table.sample_binomial) return {StatusCode::no_kernel};
      SampleBinomialArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.sample_binomial(args);
    }
    case Kernel::gamma_sample_grad: {
      if (!table.gamma_sample_grad) return {StatusCode::no_kernel};
      GammaSampleGradArgs args{reader.tensor(), reader.tensor(), reader.tensor()};
      return table.gamma_sample_grad(args);
    }
    case Kernel::dirichlet_sample_grad: {
      if (!table.dirichlet_sample_grad) return {StatusCode::no_kernel};
      DirichletSampleGradArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.dirichlet_sample_grad(args);
    }
    case Kernel::scan: {
      if (!table.scan) return {StatusCode::no_kernel};
      ScanArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.scan(args);
    }
    case Kernel::arg_extreme: {
      if (!table.arg_extreme) return {StatusCode::no_kernel};
      ArgExtremeArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.boolean()};
      return table.arg_extreme(args);
    }
    case Kernel::softmax: {
      if (!table.softmax) return {StatusCode::no_kernel};
      SoftmaxArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.boolean()};
      return table.softmax(args);
    }
    case Kernel::softmax_backward: {
      if (!table.softmax_backward) return {StatusCode::no_kernel};
      SoftmaxBackwardArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.boolean()};
      return table.softmax_backward(args);
    }
    case Kernel::sort: {
      if (!table.sort) return {StatusCode::no_kernel};
      SortArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.boolean(), reader.boolean()};
      return table.sort(args);
    }
    case Kernel::topk: {
      if (!table.topk) return {StatusCode::no_kernel};
      TopkArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.boolean(), reader.boolean()};
      return table.topk(args);
    }
    case Kernel::kth_value: {
      if (!table.kth_value) return {StatusCode::no_kernel};
      KthValueArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer(), reader.integer()};
      return table.kth_value(args);
    }
    case Kernel::mode: {
      if (!table.mode) return {StatusCode::no_kernel};
      ModeArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.integer()};
      return table.mode(args);
    }
    case Kernel::searchsorted: {
      if (!table.searchsorted) return {StatusCode::no_kernel};
      SearchsortedArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.boolean()};
      return table.searchsorted(args);
    }
    case Kernel::sort_rows: {
      if (!table.sort_rows) return {StatusCode::no_kernel};
      SortRowsArgs args{reader.tensor(), reader.tensor()};
      return table.sort_rows(args);
    }
    case Kernel::find_runs: {
      if (!table.find_runs) return {StatusCode::no_kernel};
      FindRunsArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor(), reader.tensor()};
      return table.find_runs(args);
    }
    case Kernel::strided_add: {
      if (!table.strided_add) return {StatusCode::no_kernel};
      StridedAddArgs args{reader.tensor(), reader.tensor()};
      return table.strided_add(args);
    }
    case Kernel::tile_program: {
      if (!table.tile_program) return {StatusCode::no_kernel};
      TileProgramArgs args{reader.tensors(), reader.tensors(), reader.tensors(), reader.scalars(), reader.integers(), reader.integers(), reader.integer(), reader.integer(), reader.dtype()};
      return table.tile_program(args);
    }
    case Kernel::count: break;
  }
  return {StatusCode::no_kernel};
}

}  // namespace flambeau
