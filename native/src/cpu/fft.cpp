// Discrete Fourier transforms along a dimension. Real signals of even length are transformed as complex ones of half
// the length, x[2k] + i x[2k+1], which from_packed and to_packed convert.
#include <algorithm>

#include "along_dim.h"
#include "fft_lines.h"
#include "flambeau/kernels/fft.gen.h"

namespace flambeau::cpu {
namespace {
using namespace fft;

// Elements of a block above which it leaves the second-level cache, and lines are split.
inline constexpr int64_t kBlockMost = 2048;
// Lengths from which a few lines are better split than put side by side.
inline constexpr int64_t kSplitLeast = 128;

enum class Signal { complex, from_real, to_real };

template <typename R>
class Transform {
 public:
  Transform(Signal signal, const TensorView& out, const TensorView& input, int64_t dim, bool forward, double scale)
      : signal_(signal),
        forward_(forward),
        scale_(static_cast<R>(scale)),
        out_(out.as<R>()),
        in_(input.as<R>()),
        along_({&out, &input}, dim),
        n_(signal == Signal::to_real ? along_.sizes[0] : along_.sizes[1]),
        packed_(signal != Signal::complex && n_ % 2 == 0),
        length_(packed_ ? n_ / 2 : n_),
        whole_(signal == Signal::from_real && along_.sizes[0] == n_),
        out_step_(along_.steps[0] * (signal == Signal::to_real ? 1 : 2)),
        in_step_(along_.steps[1] * (signal == Signal::from_real ? 1 : 2)) {}

  void run() {
    const int64_t lines = along_.lines(), m = transformed_length(length_);
    const bool few = m >= kSplitLeast && lines < (m >= 1024 ? 2 : 1) * f_.lanes;
    const bool split = (m > kBlockMost || few) && can_split(length_, 4);
    plan_ = find_plan<R>(length_, split, f_.lanes);
    if (packed_) roots_ = find_roots<R>(n_);
    if (split)
      for (int64_t i = 0; i < lines; ++i) line(at(i));
    else
      all_blocks(lines);
  }

 private:
  struct Place {
    int64_t out, in;
  };
  // Where line i begins, in numbers.
  Place at(int64_t i) const {
    const int64_t inner = along_.loop.inner();
    auto offsets = along_.row_offsets(i / inner);
    for (int v = 0; v < 2; ++v) offsets[v] += i % inner * along_.loop.inner_stride(v);
    return {offsets[0] * (signal_ == Signal::to_real ? 1 : 2), offsets[1] * (signal_ == Signal::from_real ? 1 : 2)};
  }

  // The inverse is the transform with real and imaginary parts exchanged, before and after.
  template <typename T>
  static Planes<T> pairs(T* data, int64_t step, bool exchanged) {
    return {exchanged ? data + 1 : data, exchanged ? data : data + 1, step, 1, {}};
  }
  // Real numbers, every second one as an imaginary part where packed.
  Planes<const R> source() const {
    if (signal_ == Signal::from_real)
      return {in_, packed_ ? in_ + in_step_ : nullptr, packed_ ? 2 * in_step_ : in_step_, 1, {}};
    return pairs(in_, in_step_, !packed_ && !forward_);
  }
  // What a packed signal is made of comes exchanged.
  Planes<R> target() const {
    if (signal_ != Signal::to_real) return pairs(out_, out_step_, signal_ == Signal::complex && !forward_);
    if (packed_) return {out_ + out_step_, out_, 2 * out_step_, 1, {}};
    return {forward_ ? out_ : nullptr, forward_ ? nullptr : out_, out_step_, 1, {}};
  }
  // The transform of a real signal and its inverse are conjugates.
  R im_scale() const { return signal_ == Signal::from_real && !forward_ ? -scale_ : scale_; }
  int64_t results() const {
    if (signal_ == Signal::from_real) return whole_ ? n_ : n_ / 2 + 1;
    return length_;
  }

  void all_blocks(int64_t lines) {
    const int64_t rows = block_rows(std::max(plan_->m, n_));
    const Scratch<R> scratch(rows);
    parallel_for((lines + f_.lanes - 1) / f_.lanes, std::max<int64_t>(1, kGrain / (4 * f_.lanes * (plan_->m + 1))),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t first = i * f_.lanes;
                     block(first, static_cast<int>(std::min<int64_t>(f_.lanes, lines - first)), scratch.first(),
                           scratch.second());
                   }
                 });
  }

  void block(int64_t first, int count, R* a, R* b) const {
    Planes<const R> from = source();
    Planes<R> to = target();
    from.count = to.count = count;
    for (int v = 0; v < count; ++v) {
      const Place place = at(first + v);
      from.lanes[v] = place.in;
      to.lanes[v] = place.out;
    }
    f_.load(a, from, signal_ == Signal::to_real ? n_ / 2 + 1 : length_);
    if (signal_ == Signal::to_real) {
      if (packed_)
        f_.to_packed(a, *roots_, length_, forward_);
      else
        mirror(a, 2 * f_.lanes, f_.lanes, !forward_);
    }
    R* result = transform_block(*plan_, a, b);
    if (signal_ == Signal::from_real && packed_) {
      f_.from_packed(result, *roots_, length_);
      if (whole_) mirror(result, 2 * f_.lanes, f_.lanes, false);
    }
    f_.store(result, to, results(), scale_, im_scale());
  }

  // The second half of a Hermitian signal, whose first half is there: `lanes` real parts, then as many imaginary ones
  // or the other way round, `step` between elements.
  void mirror(R* data, int64_t step, int64_t lanes, bool exchanged) const {
    R* re = exchanged ? data + lanes : data;
    R* im = exchanged ? data : data + lanes;
    std::fill_n(im, lanes, R(0));
    parallel_for((n_ - 1) / 2, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin + 1; k <= end; ++k)
        for (int64_t v = 0; v < lanes; ++v) {
          re[(n_ - k) * step + v] = re[k * step + v];
          im[(n_ - k) * step + v] = -im[k * step + v];
        }
    });
  }

  void line(Place place) const {
    Planes<const R> from = source();
    Planes<R> to = target();
    from.lanes[0] = place.in;
    to.lanes[0] = place.out;
    if (signal_ == Signal::to_real)
      line_to_real(place, to);
    else if (signal_ == Signal::from_real && packed_)
      line_from_packed(place, from);
    else
      transform_line(*plan_, from, to, results(), scale_, im_scale());
  }

  void line_from_packed(Place place, const Planes<const R>& from) const {
    const int64_t h = length_;
    const bool direct = out_step_ == 2;
    const int64_t count = results();
    const Workspace memory(direct ? sizeof(R) : static_cast<size_t>(2 * count) * sizeof(R));
    R* data = direct ? out_ + place.out : memory.as<R>();
    transform_line(*plan_, from, pairs(data, 2, false), h, scale_, scale_);
    parallel_for(h / 2, kGrain, [&](int64_t begin, int64_t end) {
      f_.line_from_packed(data, *roots_, h, begin + 1, end + 1, forward_ ? R(1) : R(-1));
    });
    const R re = data[0], im = data[1];
    data[0] = re + im;
    data[2 * h] = re - im;
    data[1] = data[2 * h + 1] = 0;
    if (whole_) mirror(data, 2, 1, false);
    if (direct) return;
    for (int64_t k = 0; k < count; ++k) std::copy_n(data + 2 * k, 2, out_ + place.out + k * out_step_);
  }

  void line_to_real(Place place, const Planes<R>& to) const {
    const int64_t half = n_ / 2 + 1;
    const bool direct = packed_ && in_step_ == 2;
    // The signal that is transformed, then room for a copy of the input.
    const Workspace memory(static_cast<size_t>(2 * (length_ + (direct ? 0 : half))) * sizeof(R));
    R* data = memory.as<R>();
    R* copy = packed_ ? data + 2 * length_ : data;
    const R* in = in_ + place.in;
    if (!direct) {
      for (int64_t k = 0; k < half; ++k) std::copy_n(in + k * in_step_, 2, copy + 2 * k);
      in = copy;
    }
    if (packed_) {
      const int64_t h = length_;
      data[0] = in[0] - in[2 * h];
      data[1] = in[0] + in[2 * h];
      parallel_for(h / 2, kGrain, [&](int64_t begin, int64_t end) {
        f_.line_to_packed(data, in, *roots_, h, begin + 1, end + 1, forward_ ? R(-1) : R(1));
      });
    } else {
      if (!forward_)
        for (int64_t k = 0; k < half; ++k) std::swap(data[2 * k], data[2 * k + 1]);
      mirror(data, 2, 1, !forward_);
    }
    transform_line(*plan_, pairs(static_cast<const R*>(data), 2, false), to, results(), scale_, scale_);
  }

  const BlockFunctions<R>& f_ = blocks<R>();
  Signal signal_;
  bool forward_;
  R scale_;
  R* out_;
  const R* in_;
  AlongDim<2> along_;
  int64_t n_;  // of the whole signal
  bool packed_;
  int64_t length_;  // of the complex transform
  bool whole_;      // of a real signal's transform, also the half that mirrors the other
  int64_t out_step_, in_step_;
  std::shared_ptr<const Plan<R>> plan_;
  std::shared_ptr<const Roots<R>> roots_;
};

template <typename Args>
Status transform(Signal signal, Args& args) {
  if (args.out.numel() == 0) return {};
  switch (args.out.dtype) {
    case DType::f32:
    case DType::c64:
      Transform<float>(signal, args.out, args.input, args.dim, args.forward, args.scale).run();
      return {};
    case DType::f64:
    case DType::c128:
      Transform<double>(signal, args.out, args.input, args.dim, args.forward, args.scale).run();
      return {};
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.out.dtype)};
  }
}

}  // namespace

Status fft_complex(FftComplexArgs& args) { return transform(Signal::complex, args); }
Status fft_from_real(FftFromRealArgs& args) { return transform(Signal::from_real, args); }
Status fft_to_real(FftToRealArgs& args) { return transform(Signal::to_real, args); }

}  // namespace flambeau::cpu
