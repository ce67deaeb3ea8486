// Special functions of one or a few numbers, for the functions that no library at hand computes.
#pragma once

namespace flambeau::cpu::special {

float erfinv(float y);
double erfinv(double y);
float lgamma(float x);
double lgamma(double x);
float digamma(float x);
double digamma(double x);

}  // namespace flambeau::cpu::special
