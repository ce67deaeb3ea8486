#include "vector_code.h"

#if defined(FLAMBEAU_XBYAK)
#include <algorithm>
#include <exception>
#include <vector>

#include <hwy/targets.h>
#include <xbyak/xbyak.h>

namespace flambeau::cpu {
namespace {

using Operand = VectorOperand;

constexpr int kRegisters = 16;
constexpr int kFoldVectors = 4;
constexpr size_t kMostBytes = size_t{64} << 10;

// Where operands are: sums in the first registers, then what stays the same as long as there are any, then values, each
// until the instruction that is the last to read it.
class Allocation {
 public:
  Allocation(const VectorProgram& program, size_t folds)
      : last_(program.values, -1), place_(program.values, -1), first_(kFoldVectors * static_cast<int>(folds)) {
    for (size_t k = 0; k < program.code.size(); ++k)
      for (const Operand& o : program.code[k].operands)
        if (o.is_value()) last_[o.index] = static_cast<int>(k);
    int live = 0, most = 0;
    for (size_t k = 0; k < program.code.size(); ++k) {
      const VectorInstruction& i = program.code[k];
      int ending = 0;
      each_ending(i, static_cast<int>(k), [&](int) { ++ending; });
      // The copy that a mul_add may need is there before its operands go.
      if (i.result >= 0) ++live;
      most = std::max(most, i.code == VectorCode::mul_add ? live : live - ending);
      live -= ending;
      most = std::max(most, live);
    }
    const int left = kRegisters - first_ - most;
    fits = left >= 0;
    hoist(program, left);
    for (int r = first_ + static_cast<int>(hoisted.size()); r < kRegisters; ++r) free_.push_back(r);
  }

  bool fits = false;
  std::vector<Operand> hoisted;

  // Negative for what lies in memory.
  int register_of(const Operand& o) const {
    if (o.is_value()) return place_[o.index];
    const auto found = std::find(hoisted.begin(), hoisted.end(), o);
    return found == hoisted.end() ? -1 : first_ + static_cast<int>(found - hoisted.begin());
  }
  bool ends(const Operand& o, int at) const { return o.is_value() && last_[o.index] == at && owns(o.index); }
  void release(const VectorInstruction& i, int at) {
    each_ending(i, at, [&](int v) {
      if (owns(v)) free_.push_back(place_[v]);
    });
  }
  // A register that is free: `r`, or any.
  int take(int value, int r = -1) {
    const auto found = r < 0 ? free_.end() - 1 : std::find(free_.begin(), free_.end(), r);
    place_[value] = *found;
    free_.erase(found);
    return place_[value];
  }
  void share(int value, int r) { place_[value] = r; }

 private:
  bool owns(int value) const { return place_[value] >= first_ + static_cast<int>(hoisted.size()); }
  template <typename Body>
  void each_ending(const VectorInstruction& i, int at, const Body& body) const {
    for (int k = 0; k < 3; ++k) {
      const Operand& o = i.operands[k];
      const bool again = std::any_of(i.operands, i.operands + k, [&](const Operand& other) { return other == o; });
      if (o.is_value() && !again && last_[o.index] == at) body(o.index);
    }
  }
  void hoist(const VectorProgram& program, int left) {
    struct Use {
      Operand operand;
      int worth;
    };
    std::vector<Use> uses;
    for (const VectorInstruction& i : program.code)
      for (const Operand& o : i.operands) {
        if (!o.stays()) continue;
        // A load by itself costs more than one that is a part of an instruction.
        const int worth = i.code == VectorCode::load ? 3 : 2;
        const auto found = std::find_if(uses.begin(), uses.end(), [&](const Use& u) { return u.operand == o; });
        if (found == uses.end())
          uses.push_back({o, worth});
        else
          found->worth += worth;
      }
    std::stable_sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) { return a.worth > b.worth; });
    for (size_t k = 0; k < uses.size() && static_cast<int>(k) < left; ++k) hoisted.push_back(uses[k].operand);
  }

  std::vector<int> last_, place_, free_;
  const int first_;
};

// AVX2 with FMA, in the calling convention of everything but Windows.
class Assembler : public ChainCode, private Xbyak::CodeGenerator {
 public:
  explicit Assembler(const ChainProgram& chain)
      : Xbyak::CodeGenerator(kMostBytes, Xbyak::DontSetProtectRWE), streams_(chain.streams), folds_(chain.folds) {
    const VectorProgram program = vector_program(chain, false);
    run = function(program, folds_.size(), false);
    keep = folds_.empty() ? run : function(vector_program(chain, true), 0, false);
    past = function(program, folds_.size(), true);
    setProtectModeRE();
  }

 private:
  // nullptr where it does not fit.
  Run function(const VectorProgram& program, size_t folds, bool goes_past) {
    const Allocation places(program, folds);
    if (!places.fits) return nullptr;
    program_ = &program;
    past_ = goes_past;
    align(kVector);
    const auto pool = reinterpret_cast<uint64_t>(getCurr());
    for (const uint64_t bits : program.pool)
      for (int k = 0; k < 4; ++k) dq(bits);
    const auto start = reinterpret_cast<uintptr_t>(getCurr());
    const int saved = std::max(0, streams_ - kScratch);
    for (int s = 0; s < saved; ++s) push(kPointers[kScratch + s]);
    for (int s = 0; s < streams_; ++s) mov(kPointers[s], ptr[rdi + 8 * s]);
    mov(rdi, pool);
    const int sums = kFoldVectors * static_cast<int>(folds);
    for (int r = 0; r < sums; ++r) vxorps(Xbyak::Ymm(r), Xbyak::Ymm(r), Xbyak::Ymm(r));
    for (size_t k = 0; k < places.hoisted.size(); ++k)
      vmovups(Xbyak::Ymm(sums + static_cast<int>(k)), address(places.hoisted[k]));
    // Four vectors at a time where there are sums, and what is left of them into the first one.
    Xbyak::Label four, one, done;
    if (folds > 0) {
      constexpr int kMore = (kFoldVectors - 1) * kVector;
      sub(rdx, kMore);
      L(four);
      cmp(rsi, rdx);
      jge(one, T_NEAR);
      for (int k = 0; k < kFoldVectors; ++k) body(folds, k);
      add(rsi, kFoldVectors * kVector);
      jmp(four, T_NEAR);
      L(one);
      add(rdx, kMore);
    }
    Xbyak::Label next;
    cmp(rsi, rdx);
    jge(done, T_NEAR);
    L(next);
    body(folds, 0);
    add(rsi, kVector);
    cmp(rsi, rdx);
    jl(next, T_NEAR);
    L(done);
    for (size_t f = 0; f < folds; ++f)
      for (int k = 0; k < kFoldVectors; ++k)
        vmovups(ptr[kPointers[folds_[f].stream] + kVector * k], Xbyak::Ymm(kFoldVectors * static_cast<int>(f) + k));
    for (int s = saved; s-- > 0;) pop(kPointers[kScratch + s]);
    vzeroupper();
    ret();
    return reinterpret_cast<Run>(start);
  }

  // One vector, the k-th of four.
  void body(size_t folds, int k) {
    Allocation places(*program_, folds);
    places_ = &places;
    ahead_ = kVector * k;
    fold_vector_ = k;
    for (size_t i = 0; i < program_->code.size(); ++i) emit(program_->code[i], static_cast<int>(i));
  }

  Xbyak::Address address(const Operand& o) const {
    switch (o.kind) {
      case Operand::Kind::moving:
        return ptr[kPointers[o.index] + rsi + ahead_];
      case Operand::Kind::repeated:
        return ptr[kPointers[o.index]];
      default:
        return ptr[rdi + kVector * o.index];
    }
  }
  Xbyak::Ymm vector(const Operand& o) const { return Xbyak::Ymm(places_->register_of(o)); }

  // Calls `f` with a register or an address.
  template <typename F>
  void with(const Operand& o, const F& f) {
    if (places_->register_of(o) >= 0)
      f(vector(o));
    else
      f(address(o));
  }

  void emit(const VectorInstruction& i, int at) {
    const Operand &a = i.operands[0], &b = i.operands[1], &c = i.operands[2];
    const int first = places_->register_of(a);
    switch (i.code) {
      case VectorCode::mul_add:
        return mul_add(i, at);
      case VectorCode::load:
        if (first >= 0) return places_->share(i.result, first);
        break;
      case VectorCode::store:
      case VectorCode::result: {
        const Xbyak::Address to = ptr[kPointers[i.immediate] + rsi + ahead_];
        past_&& i.code == VectorCode::result ? vmovntps(to, vector(a)) : vmovups(to, vector(a));
        return places_->release(i, at);
      }
      case VectorCode::add_up:
        add_up(i.immediate, vector(a));
        return places_->release(i, at);
      default:
        break;
    }
    // All of these read their operands before they write, so a result may have the register of an operand.
    const int second = places_->register_of(b);
    const Xbyak::Ymm x(std::max(0, first)), mask(c.is_value() ? vector(c) : Xbyak::Ymm());
    places_->release(i, at);
    const Xbyak::Ymm to(places_->take(i.result));
    const auto unary = [&](const auto& f) { first >= 0 ? f(x) : f(address(a)); };
    const auto binary = [&](const auto& f) { second >= 0 ? f(Xbyak::Ymm(second)) : f(address(b)); };
    const bool f32 = program_->f32;
    switch (i.code) {
      case VectorCode::load:
        return unary([&](const auto& from) { vmovups(to, from); });
      case VectorCode::add:
        return binary([&](const auto& y) { f32 ? vaddps(to, x, y) : vaddpd(to, x, y); });
      case VectorCode::sub:
        return binary([&](const auto& y) { f32 ? vsubps(to, x, y) : vsubpd(to, x, y); });
      case VectorCode::mul:
        return binary([&](const auto& y) { f32 ? vmulps(to, x, y) : vmulpd(to, x, y); });
      case VectorCode::div:
        return binary([&](const auto& y) { f32 ? vdivps(to, x, y) : vdivpd(to, x, y); });
      case VectorCode::max:
        return binary([&](const auto& y) { f32 ? vmaxps(to, x, y) : vmaxpd(to, x, y); });
      case VectorCode::min:
        return binary([&](const auto& y) { f32 ? vminps(to, x, y) : vminpd(to, x, y); });
      case VectorCode::bit_and:
        return binary([&](const auto& y) { vandps(to, x, y); });
      case VectorCode::bit_andnot:
        return binary([&](const auto& y) { vandnps(to, x, y); });
      case VectorCode::bit_or:
        return binary([&](const auto& y) { vorps(to, x, y); });
      case VectorCode::bit_xor:
        return binary([&](const auto& y) { vxorps(to, x, y); });
      case VectorCode::compare:
        return binary([&](const auto& y) {
          const auto how = static_cast<uint8_t>(i.immediate);
          f32 ? vcmpps(to, x, y, how) : vcmppd(to, x, y, how);
        });
      case VectorCode::blend:
        return binary([&](const auto& y) { f32 ? vblendvps(to, x, y, mask) : vblendvpd(to, x, y, mask); });
      case VectorCode::sqrt:
        return unary([&](const auto& y) { f32 ? vsqrtps(to, y) : vsqrtpd(to, y); });
      case VectorCode::int_add:
        return binary([&](const auto& y) { vpaddd(to, x, y); });
      case VectorCode::int_sub:
        return binary([&](const auto& y) { vpsubd(to, x, y); });
      case VectorCode::shift_left:
        return vpslld(to, x, static_cast<uint8_t>(i.immediate));
      case VectorCode::shift_right:
        return vpsrad(to, x, static_cast<uint8_t>(i.immediate));
      case VectorCode::to_float:
        return vcvtdq2ps(to, x);
      case VectorCode::store:
      case VectorCode::result:
      case VectorCode::mul_add:
      case VectorCode::add_up:
        break;  // above
    }
  }

  // The result takes the place of the addend or of a factor that is read no more, or of a copy of the addend.
  void mul_add(const VectorInstruction& i, int at) {
    Operand a = i.operands[0], b = i.operands[1];
    const Operand& c = i.operands[2];
    const bool f32 = program_->f32;
    if (!places_->ends(c, at) && !places_->ends(a, at) && places_->ends(b, at)) std::swap(a, b);
    if (places_->ends(c, at) && !(c == a) && !(c == b)) {
      const Xbyak::Ymm to = vector(c), x = vector(a);
      with(b, [&](const auto& y) { f32 ? vfmadd231ps(to, x, y) : vfmadd231pd(to, x, y); });
      places_->release(i, at);
      places_->take(i.result, to.getIdx());
    } else if (places_->ends(a, at) && !(a == b) && !(a == c)) {
      const Xbyak::Ymm to = vector(a);
      if (places_->register_of(b) >= 0) {
        const Xbyak::Ymm y = vector(b);
        with(c, [&](const auto& z) { f32 ? vfmadd213ps(to, y, z) : vfmadd213pd(to, y, z); });
      } else {
        const Xbyak::Ymm z = vector(c);
        f32 ? vfmadd132ps(to, z, address(b)) : vfmadd132pd(to, z, address(b));
      }
      places_->release(i, at);
      places_->take(i.result, to.getIdx());
    } else {
      const Xbyak::Ymm to(places_->take(i.result)), x = vector(a);
      with(c, [&](const auto& z) { vmovups(to, z); });
      with(b, [&](const auto& y) { f32 ? vfmadd231ps(to, x, y) : vfmadd231pd(to, x, y); });
      places_->release(i, at);
    }
  }

  void add_up(int f, Xbyak::Ymm x) {
    const bool f32 = program_->f32;
    const Xbyak::Ymm sum(kFoldVectors * f + fold_vector_);
    if (folds_[f].kind == ReduceKind::square_sum)
      f32 ? vfmadd231ps(sum, x, x) : vfmadd231pd(sum, x, x);
    else
      f32 ? vaddps(sum, sum, x) : vaddpd(sum, sum, x);
  }

  static constexpr int kScratch = 6;  // of these, what a function need not save
  inline static const Xbyak::Reg64 kPointers[kMaxStreams] = {
      Xbyak::Reg64(Xbyak::Operand::RAX), Xbyak::Reg64(Xbyak::Operand::RCX), Xbyak::Reg64(Xbyak::Operand::R8),
      Xbyak::Reg64(Xbyak::Operand::R9),  Xbyak::Reg64(Xbyak::Operand::R10), Xbyak::Reg64(Xbyak::Operand::R11),
      Xbyak::Reg64(Xbyak::Operand::RBX), Xbyak::Reg64(Xbyak::Operand::RBP), Xbyak::Reg64(Xbyak::Operand::R12),
      Xbyak::Reg64(Xbyak::Operand::R13), Xbyak::Reg64(Xbyak::Operand::R14), Xbyak::Reg64(Xbyak::Operand::R15)};

  const int streams_;
  const std::vector<ChainProgram::Fold> folds_;
  const VectorProgram* program_ = nullptr;
  Allocation* places_ = nullptr;
  int ahead_ = 0, fold_vector_ = 0;
  bool past_ = false;
};

}  // namespace

// Sums are those of AVX2's vectors.
bool has_chain_code() {
  const int64_t targets = hwy::SupportedTargets();
  return (targets & HWY_AVX2) != 0 && (targets & (HWY_AVX3 | HWY_AVX3_DL)) == 0;
}
std::unique_ptr<ChainCode> chain_code(const ChainProgram& chain) {
  if (!has_chain_code() || chain.streams > kMaxStreams) return nullptr;
  try {
    auto code = std::make_unique<Assembler>(chain);
    if (!code->run || !code->keep) return nullptr;
    return code;
  } catch (const Xbyak::Error&) {
    return nullptr;  // too long, or the system lets nobody make code
  }
}

}  // namespace flambeau::cpu

#else
namespace flambeau::cpu {

bool has_chain_code() { return false; }
std::unique_ptr<ChainCode> chain_code(const ChainProgram&) { return nullptr; }

}  // namespace flambeau::cpu
#endif
