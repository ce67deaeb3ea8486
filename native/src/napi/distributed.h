#pragma once
#include <napi.h>

namespace flambeau::napi {

// Adds what training with several processes needs to the addon's exports.
void define_distributed(Napi::Env env, Napi::Object exports);

}  // namespace flambeau::napi
