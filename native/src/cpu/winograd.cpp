// Each of 36 frequencies is a product of matrices: tiles × channels with channels × channels for results and the
// gradient of the input, channels × tiles with tiles × channels for the gradient of the weight. No sum depends on how
// the work is split, so results are the same for any number of threads.
#include "winograd.h"

#include <algorithm>

#include "engine.h"
#include "flambeau/parallel.h"
#include "panel_product.h"
#include "per_thread.h"
#include "winograd_tiles.h"

namespace flambeau::cpu::winograd {
namespace {

constexpr int64_t kFrequencies = 36, kBlock = 8, kTile = 4;
// Keeps frequencies, whose sizes are mostly powers of two, from falling on the same lines of a cache.
constexpr int64_t kSkew = 16;

// The tiles of the results of a batch, in order.
struct Tiles {
  int64_t batch, rows, cols;
  Tiles(int64_t batch, int64_t height, int64_t width)
      : batch(batch), rows(ceil_div(height, kTile)), cols(ceil_div(width, kTile)) {}
  int64_t count() const { return batch * rows * cols; }

  // body(tile - first, image, y, x) for the upper left results of tiles [first, last).
  template <typename Body>
  void each(int64_t first, int64_t last, const Body& body) const {
    for (int64_t t = first; t < last; ++t) {
      const int64_t image = t / (rows * cols), place = t % (rows * cols);
      body(t - first, image, place / cols * kTile, place % cols * kTile);
    }
  }
};

// A batch of images in blocks of channels.
template <typename T>
struct Images {
  T* data;
  int64_t channels, height, width;
  Plane<T> plane(int64_t image, int64_t block) const {
    return {data + (image * channels / kBlock + block) * height * width * kBlock, height, width};
  }
};

// Filters from `in` to `out` channels, as the product wants them: those of the forward pass, or turned ones back.
struct Filters {
  const float* data;
  int64_t in_channels, out_channels, in_step, out_step;
  bool turned;
};

Workspace floats(int64_t size) { return Workspace(static_cast<size_t>(size) * sizeof(float)); }

// out = in * filters, with tiles × channels in rows.
class Product {
 public:
  Product(const Images<float>& out, const Images<const float>& in, const Filters& filters, const float* bias,
          int64_t batch, int64_t pad_height, int64_t pad_width)
      : out_(out),
        in_(in),
        filters_(filters),
        bias_(bias),
        pad_height_(pad_height),
        pad_width_(pad_width),
        tiles_(batch, out.height, out.width) {}

  // What is smaller is transformed first and stays: filters where there are more tiles than results' channels.
  void run() {
    if (tiles_.count() >= out_.channels)
      by_tiles();
    else
      by_channels();
  }

 private:
  void by_tiles() {
    const int64_t step = in_.channels * out_.channels + kSkew;
    const Workspace v = floats(kFrequencies * step);
    const int64_t panels = out_.channels / panels_.width;
    parallel_for(panels * in_.channels, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        filter_panel(v.as<float>() + i * panels_.width, step, i / in_.channels, i % in_.channels);
    });
    // Both sides of a block of tiles in half a megabyte, the second level's cache; a multiple of a product's rows.
    const int64_t most = (int64_t{1} << 17) / (kFrequencies * (in_.channels + out_.channels));
    const int64_t block = std::clamp<int64_t>(most / 12 * 12, 24, 96);
    const int64_t u_step = block * in_.channels + kSkew, m_step = block * out_.channels + kSkew;
    const PerThread us(kFrequencies * u_step), ms(kFrequencies * m_step);
    parallel_for(tiles_.count(), block, [&](int64_t begin, int64_t end) {
      float *u = us.mine(), *m = ms.mine();
      for (int64_t first = begin; first < end; first += block) {
        const int64_t last = std::min(end, first + block);
        input(u, u_step, first, last);
        multiply(m, m_step, u, u_step, v.as<float>(), step, last - first, out_.channels);
        output(m, m_step, first, last, 0, out_.channels);
      }
    });
  }

  void by_channels() {
    const int64_t count = tiles_.count(), u_step = count * in_.channels + kSkew;
    const Workspace u = floats(kFrequencies * u_step);
    parallel_for(count, 4,
                 [&](int64_t begin, int64_t end) { input(u.as<float>() + begin * in_.channels, u_step, begin, end); });
    const int64_t width = panels_.width, step = in_.channels * width + kSkew, m_step = count * width + kSkew;
    const PerThread vs(kFrequencies * step), ms(kFrequencies * m_step);
    parallel_for(out_.channels / width, 1, [&](int64_t begin, int64_t end) {
      float *v = vs.mine(), *m = ms.mine();
      for (int64_t panel = begin; panel < end; ++panel) {
        for (int64_t c = 0; c < in_.channels; ++c) filter_panel(v + c * width, step, panel, c);
        multiply(m, m_step, u.as<float>(), u_step, v, step, count, width);
        output(m, m_step, 0, count, panel * width, width);
      }
    });
  }

  void filter_panel(float* v, int64_t step, int64_t panel, int64_t c) const {
    for (int64_t k = 0; k < panels_.width; k += kBlock)
      transforms_.filter(v + k, step,
                         filters_.data + (panel * panels_.width + k) * filters_.out_step + c * filters_.in_step,
                         filters_.out_step, filters_.turned);
  }

  void input(float* u, int64_t step, int64_t first, int64_t last) const {
    tiles_.each(first, last, [&](int64_t t, int64_t image, int64_t y, int64_t x) {
      for (int64_t c = 0; c < in_.channels / kBlock; ++c)
        transforms_.input(u + t * in_.channels + c * kBlock, step, in_.plane(image, c), y - pad_height_,
                          x - pad_width_);
    });
  }

  void multiply(float* m, int64_t m_step, const float* u, int64_t u_step, const float* v, int64_t v_step, int64_t tiles,
                int64_t channels) const {
    for (int64_t f = 0; f < kFrequencies; ++f)
      panels_.product(m + f * m_step, channels, u + f * u_step, in_.channels, 1, v + f * v_step, in_.channels, tiles,
                      channels, in_.channels, nullptr, 0);
  }

  // Channels [k, k + channels) of the results of some tiles.
  void output(const float* m, int64_t step, int64_t first, int64_t last, int64_t k, int64_t channels) const {
    tiles_.each(first, last, [&](int64_t t, int64_t image, int64_t y, int64_t x) {
      for (int64_t c = 0; c < channels; c += kBlock)
        transforms_.output(out_.plane(image, (k + c) / kBlock), y, x, m + t * channels + c, step,
                           bias_ ? bias_ + k + c : nullptr);
    });
  }

  const WinogradTransforms transforms_ = winograd_transforms();
  const PanelFunctions<float> panels_ = panel_functions(0.0f);
  const Images<float> out_;
  const Images<const float> in_;
  const Filters filters_;
  const float* bias_;
  const int64_t pad_height_, pad_width_;
  const Tiles tiles_;
};

// The sums of all pixels of each channel.
void sum_pixels(float* sums, const Images<const float>& images, int64_t batch) {
  parallel_for(images.channels / kBlock, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double total[kBlock] = {};
      for (int64_t n = 0; n < batch; ++n) {
        const Plane<const float> plane = images.plane(n, c);
        for (int64_t y = 0; y < plane.height; ++y) {
          float row[kBlock] = {};
          const float* pixel = plane.data + y * plane.width * kBlock;
          for (int64_t x = 0; x < plane.width; ++x, pixel += kBlock)
            for (int64_t i = 0; i < kBlock; ++i) row[i] += pixel[i];
          for (int64_t i = 0; i < kBlock; ++i) total[i] += row[i];
        }
      }
      for (int64_t i = 0; i < kBlock; ++i) sums[c * kBlock + i] = static_cast<float>(total[i]);
    }
  });
}

}  // namespace

bool worthwhile(const Shape& shape) {
  const int64_t width = panel_functions(0.0f).width;
  const auto channels = [&](int64_t n) { return n >= 16 && n % width == 0; };
  return channels(shape.in_channels) && channels(shape.out_channels) && shape.out_height >= 4 && shape.out_width >= 4;
}

void forward(float* out, const float* in, const float* weight, const float* bias, const Shape& s) {
  Product({out, s.out_channels, s.out_height, s.out_width}, {in, s.in_channels, s.in_height, s.in_width},
          {weight, s.in_channels, s.out_channels, 9, 9 * s.in_channels, false}, bias, s.batch, s.pad_height,
          s.pad_width)
      .run();
}

// A convolution of the results' gradient with the filters turned around.
void backward_input(float* grad_in, const float* grad_out, const float* weight, const Shape& s) {
  Product({grad_in, s.in_channels, s.in_height, s.in_width}, {grad_out, s.out_channels, s.out_height, s.out_width},
          {weight, s.out_channels, s.in_channels, 9 * s.in_channels, 9, true}, nullptr, s.batch, 2 - s.pad_height,
          2 - s.pad_width)
      .run();
}

void backward_weight(float* grad_weight, float* grad_bias, const float* grad_out, const float* in, const Shape& s) {
  const WinogradTransforms transforms = winograd_transforms();
  const PanelFunctions<float> panels = panel_functions(0.0f);
  const Images<const float> inputs{in, s.in_channels, s.in_height, s.in_width};
  const Images<const float> grads{grad_out, s.out_channels, s.out_height, s.out_width};
  const Tiles tiles(s.batch, s.out_height, s.out_width);
  // As many tiles at a time as take some megabytes; their products are summed.
  const int64_t most = (int64_t{2} << 20) / (kFrequencies * (s.in_channels + s.out_channels));
  const int64_t rounds = ceil_div(tiles.count(), std::max<int64_t>(most, 64));
  const int64_t chunk = ceil_div(tiles.count(), rounds);
  const int64_t width = panels.width, u_step = chunk * s.in_channels + kSkew, g_step = chunk * s.out_channels + kSkew;
  const Workspace u = floats(kFrequencies * u_step), g = floats(kFrequencies * g_step);
  // Units of work: some filters' gradients for two panels of inputs.
  const int64_t rows = std::min<int64_t>(s.out_channels, 64), row_units = ceil_div(s.out_channels, rows);
  const int64_t cols = std::min<int64_t>(s.in_channels, 2 * width), col_units = ceil_div(s.in_channels, cols);
  const int64_t m_step = rows * cols + kSkew, unit = kFrequencies * m_step;
  const Workspace sums = floats(rounds > 1 ? row_units * col_units * unit : 0);
  const PerThread local(rounds > 1 ? 0 : unit);
  for (int64_t round = 0; round < rounds; ++round) {
    const int64_t first = round * chunk, last = std::min(tiles.count(), first + chunk), depth = last - first;
    parallel_for(depth, 8, [&](int64_t begin, int64_t end) {
      tiles.each(first + begin, first + end, [&](int64_t i, int64_t image, int64_t y, int64_t x) {
        const int64_t t = begin + i;
        for (int64_t c = 0; c < s.in_channels; c += kBlock)
          transforms.input(u.as<float>() + c / width * width * chunk + t * width + c % width, u_step,
                           inputs.plane(image, c / kBlock), y - s.pad_height, x - s.pad_width);
        for (int64_t k = 0; k < s.out_channels; k += kBlock)
          transforms.gradient(g.as<float>() + t * s.out_channels + k, g_step, grads.plane(image, k / kBlock), y, x);
      });
    });
    parallel_for(row_units * col_units, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t k = i / col_units * rows, c = i % col_units * cols;
        const int64_t height = std::min(rows, s.out_channels - k), breadth = std::min(cols, s.in_channels - c);
        float* m = rounds > 1 ? sums.as<float>() + i * unit : local.mine();
        for (int64_t f = 0; f < kFrequencies; ++f)
          panels.product(m + f * m_step, cols, g.as<float>() + f * g_step + k, 1, s.out_channels,
                         u.as<float>() + f * u_step + c * chunk, chunk, height, breadth, depth,
                         round > 0 ? m + f * m_step : nullptr, cols);
        if (round < rounds - 1) continue;
        for (int64_t row = 0; row < height; ++row)
          for (int64_t col = 0; col < breadth; col += kBlock)
            transforms.filter_gradient(grad_weight + ((k + row) * s.in_channels + c + col) * 9, m + row * cols + col,
                                       m_step);
      }
    });
  }
  if (grad_bias) sum_pixels(grad_bias, grads, s.batch);
}

}  // namespace flambeau::cpu::winograd
