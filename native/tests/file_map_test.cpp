#include <doctest/doctest.h>

#ifndef _WIN32
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "flambeau/storage.h"

using namespace flambeau;

namespace {

// An open file of these bytes, without a name.
int file_of(const std::string& bytes) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fflush(file);
  const int fd = dup(fileno(file));
  std::fclose(file);
  return fd;
}

}  // namespace

TEST_CASE("a mapped file is memory that outlives the descriptor, and writing to it changes no file") {
  const int fd = file_of(std::string(10000, 'a'));
  int error = 0;
  Storage* whole = Storage::map_file(fd, 10000, error);
  REQUIRE(whole != nullptr);
  Storage* part = Storage::part(*whole, 5000, 100);
  whole->release();
  static_cast<char*>(part->data)[0] = 'b';
  CHECK(std::memcmp(part->data, "baaa", 4) == 0);
  char first = 0;
  CHECK(pread(fd, &first, 1, 5000) == 1);
  CHECK(first == 'a');
  close(fd);
  CHECK(static_cast<char*>(part->data)[99] == 'a');
  part->release();
}

TEST_CASE("what cannot be mapped comes back as the system's error") {
  const int fd = file_of("short");
  int error = 0;
  CHECK(Storage::map_file(fd, 6, error) == nullptr);
  CHECK(error == EOVERFLOW);
  close(fd);
  CHECK(Storage::map_file(-1, 6, error) == nullptr);
  CHECK(error == EBADF);
}
#endif
