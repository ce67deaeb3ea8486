// The values of a store, wherever they are kept.
#pragma once
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace flambeau::distributed {

struct Values {
  std::map<std::string, std::string> map;

  bool has(const std::string& key) const { return map.contains(key); }

  // Numbers are kept as text, as PyTorch's stores do. False where the key holds another text, which stays.
  bool add(const std::string& key, int64_t amount, int64_t& sum) {
    int64_t before = 0;
    if (const auto found = map.find(key); found != map.end()) {
      const std::string& text = found->second;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), before);
      if (error != std::errc() || end != text.data() + text.size()) return false;
    }
    sum = static_cast<int64_t>(static_cast<uint64_t>(before) + static_cast<uint64_t>(amount));
    map[key] = std::to_string(sum);
    return true;
  }

  // Why nothing can be added to what a key holds.
  std::string no_number(const std::string& key) const {
    const std::string& text = map.at(key);
    return "expected a number under '" + key + "', got " +
           (text.size() <= 40 ? "'" + text + "'" : std::to_string(text.size()) + " bytes");
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
