// Messages from one rank to another. A preface says how much comes and where, since Gloo ends the process where a
// receiver expects less.
#pragma once
#include "gloo/group.h"

namespace flambeau::distributed {

std::unique_ptr<Transfer> start_send(GlooGroup& group, const Message& message, uint32_t id);
std::unique_ptr<Transfer> start_receive(GlooGroup& group, const Message& message);

}  // namespace flambeau::distributed
