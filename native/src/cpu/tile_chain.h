// Chains of cheap instructions in a tile program.
#pragma once
#include <vector>

#include "tile_plan.h"

namespace flambeau::cpu {

// Orders the code of a stage so that cheap instructions follow one another, and joins these into chains.
void make_steps(TilePlan& plan, int stage, DType compute, const IntList& results);
// Once all stages have their steps: which values of a chain are read outside of it.
void find_results(TilePlan& plan, const IntList& results);
// Once values have their places: the links of all chains.
void link_chains(TilePlan& plan, DType compute, const std::vector<bool>& repeats);
// Or their machine code; false where there is none for one of them.
bool compile_chains(TilePlan& plan, DType compute, const ScalarList& constants, const std::vector<bool>& repeats);

}  // namespace flambeau::cpu
