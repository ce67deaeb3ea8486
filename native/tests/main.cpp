#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>

int main(int argc, char** argv) {
#ifdef SIGPIPE
  // As Node has it: writing to a connection that the other side has closed is an error, not the end.
  std::signal(SIGPIPE, SIG_IGN);
#endif
  return doctest::Context(argc, argv).run();
}
