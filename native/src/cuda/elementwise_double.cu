// A file of its own, so that both compile side by side.
#define FLAMBEAU_ELEMENTWISE_DOUBLE
#include "elementwise_float.cu"
