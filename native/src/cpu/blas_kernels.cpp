// Which of its kernels OpenBLAS runs. It knows processors by their names: one that is newer than the library gets those
// of a Pentium 4, six times slower than what the instruction set allows.
#include "blas_kernels.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__)

extern "C" {
char* openblas_get_corename();
// Not in every build of the library.
void gotoblas_dynamic_init() __attribute__((weak));
void gotoblas_dynamic_quit() __attribute__((weak));
}

namespace flambeau::cpu {

void choose_blas_kernels() {
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  constexpr std::string_view kModern[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids", "Excavator"};
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || std::getenv(kVariable)) return;
  if (std::ranges::find(kModern, std::string_view(openblas_get_corename())) != std::end(kModern)) return;
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!avx512 && !avx2) return;
  setenv(kVariable, avx512 ? "SkylakeX" : "Haswell", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(kVariable);
}

}  // namespace flambeau::cpu

#else

namespace flambeau::cpu {
void choose_blas_kernels() {}
}  // namespace flambeau::cpu

#endif
