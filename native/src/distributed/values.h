// The values of a store, wherever they are kept.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace flambeau::distributed {

struct Values {
  std::map<std::string, std::string> map;

  bool has(const std::string& key) const { return map.contains(key); }

  // Numbers are kept as text, as PyTorch's stores do.
  int64_t add(const std::string& key, int64_t amount) {
    std::string& value = map[key];
    const auto sum = static_cast<int64_t>(static_cast<uint64_t>(std::strtoll(value.c_str(), nullptr, 10)) +
                                          static_cast<uint64_t>(amount));
    value = std::to_string(sum);
    return sum;
  }

  std::string compare_set(const std::string& key, const std::string& expected, const std::string& desired) {
    const auto found = map.find(key);
    if (found == map.end()) {
      if (!expected.empty()) return expected;
      map[key] = desired;
      return desired;
    }
    if (found->second == expected) found->second = desired;
    return found->second;
  }

  std::vector<std::string> missing(const std::vector<std::string>& keys) const {
    std::vector<std::string> result;
    for (const std::string& key : keys)
      if (!has(key)) result.push_back(key);
    return result;
  }
};

// "'a', 'b'", and no more than a few of them.
inline std::string listed(const std::vector<std::string>& keys) {
  std::string result;
  for (size_t i = 0; i < keys.size() && i < 8; ++i) result += (i ? ", '" : "'") + keys[i] + "'";
  if (keys.size() > 8) result += " and " + std::to_string(keys.size() - 8) + " more";
  return result;
}

}  // namespace flambeau::distributed
