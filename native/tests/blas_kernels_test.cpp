#include "cpu/blas_kernels.h"

#include <doctest/doctest.h>

#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__)
#include <cstdlib>
#include <string>

extern "C" {
char* openblas_get_corename();
void gotoblas_dynamic_init() __attribute__((weak));
void gotoblas_dynamic_quit() __attribute__((weak));
}

TEST_CASE("a processor that OpenBLAS does not know gets the kernels of its instruction set") {
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || !__builtin_cpu_supports("avx2")) return;
  const std::string before = openblas_get_corename();
  setenv("OPENBLAS_CORETYPE", "Prescott", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  CHECK(std::string(openblas_get_corename()) == "Prescott");
  flambeau::cpu::choose_blas_kernels();  // what the user has chosen stays
  CHECK(std::string(openblas_get_corename()) == "Prescott");
  unsetenv("OPENBLAS_CORETYPE");
  flambeau::cpu::choose_blas_kernels();
  const std::string chosen = openblas_get_corename();
  CHECK((chosen == "Haswell" || chosen == "SkylakeX"));
  CHECK(std::getenv("OPENBLAS_CORETYPE") == nullptr);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  CHECK(openblas_get_corename() == before);
}
#endif
