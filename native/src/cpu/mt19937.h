// PyTorch's Mersenne twister of CPU generators, and its state as a tensor of bytes: the layout that
// torch.Generator.get_state() gives, so that states can be exchanged.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace flambeau::cpu {

// CPUGeneratorImplState of PyTorch's aten/src/ATen/CPUGeneratorImpl.cpp: 5056 bytes.
struct GeneratorState {
  uint64_t seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t state[624];
  double normal_x;
  double normal_y;
  double normal_rho;
  int32_t normal_is_valid;
  int32_t padding;
  float next_float_normal;
  uint8_t next_float_normal_is_valid;
  uint8_t end[3];
};
static_assert(sizeof(GeneratorState) == 5056);

// Works on a copy of the state and puts it back at the end.
class Generator {
 public:
  explicit Generator(void* state) : target_(static_cast<GeneratorState*>(state)) {
    left_ = target_->left;
    next_ = static_cast<uint32_t>(target_->next);
    for (int i = 0; i < kN; ++i) state_[i] = static_cast<uint32_t>(target_->state[i]);
    cached_ = target_->normal_is_valid != 0;
    cached_normal_ = target_->normal_y;
  }
  ~Generator() {
    target_->left = left_;
    target_->next = next_;
    for (int i = 0; i < kN; ++i) target_->state[i] = state_[i];
    target_->normal_is_valid = cached_ ? 1 : 0;
    target_->normal_y = cached_ ? cached_normal_ : 0;
  }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  static void seed(void* state, uint64_t seed) {
    auto* s = static_cast<GeneratorState*>(state);
    std::memset(s, 0, sizeof *s);
    s->seed = seed;
    s->seeded = 1;
    s->left = 1;
    auto x = static_cast<uint32_t>(seed);
    s->state[0] = x;
    for (uint32_t j = 1; j < kN; ++j) {
      x = 1812433253U * (x ^ (x >> 30)) + j;
      s->state[j] = x;
    }
  }

  uint32_t random() {
    if (--left_ == 0) advance();
    return tempered(state_[next_++]);
  }
  uint64_t random64() {
    const uint64_t high = random();
    return (high << 32) | random();
  }
  // In [0, 1): 24 bits of one draw, 53 bits of two.
  float uniform_float() { return float24(random()); }
  // n of them, as many at a time as the state has left.
  void uniform_floats(float* out, int64_t n) {
    while (n > 0) {
      if (left_ == 1) {
        advance();
        ++left_;  // the draw that advances counts in random()
      }
      const int64_t m = std::min<int64_t>(n, left_ - 1);
      for (int64_t i = 0; i < m; ++i) out[i] = float24(tempered(state_[next_ + i]));
      left_ -= static_cast<int32_t>(m);
      next_ += static_cast<uint32_t>(m);
      out += m;
      n -= m;
    }
  }
  uint64_t bits53() { return random64() & ((uint64_t{1} << 53) - 1); }
  double uniform_double() { return static_cast<double>(bits53()) * 0x1p-53; }

  double normal();  // standard normal by Box-Muller; the second of a pair is kept for the next call

 private:
  static constexpr int kN = 624, kM = 397;
  static uint32_t twist(uint32_t u, uint32_t v) {
    return (((u & 0x80000000U) | (v & 0x7fffffffU)) >> 1) ^ (0x9908b0dfU & -(v & 1U));
  }
  static uint32_t tempered(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }
  static float float24(uint32_t bits) { return static_cast<float>(static_cast<int32_t>(bits & 0xffffffU)) * 0x1p-24F; }
  void advance() {
    left_ = kN;
    next_ = 0;
    for (int j = 0; j < kN - kM; ++j) state_[j] = state_[j + kM] ^ twist(state_[j], state_[j + 1]);
    for (int j = kN - kM; j < kN - 1; ++j) state_[j] = state_[j + kM - kN] ^ twist(state_[j], state_[j + 1]);
    state_[kN - 1] = state_[kM - 1] ^ twist(state_[kN - 1], state_[0]);
  }

  GeneratorState* target_;
  uint32_t state_[kN];
  int32_t left_;
  uint32_t next_;
  bool cached_;
  double cached_normal_;
};

}  // namespace flambeau::cpu
