// Elements of any dtype as plain data of their size, for what moves them without looking at their values.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau {

struct Wide {
  uint64_t parts[2];
};

// Calls `body` with a type of `size` bytes: 1, 2, 4, 8 or 16.
template <typename Body>
void visit_size(size_t size, Body&& body) {
  switch (size) {
    case 1:
      return body.template operator()<uint8_t>();
    case 2:
      return body.template operator()<uint16_t>();
    case 4:
      return body.template operator()<uint32_t>();
    case 8:
      return body.template operator()<uint64_t>();
    default:
      return body.template operator()<Wide>();
  }
}

}  // namespace flambeau
