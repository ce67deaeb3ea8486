// Shared libraries that lie beside the file that this code is in, and are loaded on demand.
#pragma once
#include <string>

namespace flambeau {

// dlopen's handle, or nullptr and why.
void* open_beside(const char* file, std::string& reason);
void* symbol_of(void* library, const char* name);

}  // namespace flambeau
