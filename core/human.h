// Numbers for people to read. Pure functions; thread-safe.
#ifndef GRADUS_CORE_HUMAN_H_
#define GRADUS_CORE_HUMAN_H_

#include <cstdint>
#include <string>

namespace gradus {

// "512 B", "17.3 MB": decimal units as in SI (1 MB = 1,000,000 bytes), four digits at most.
std::string HumanBytes(int64_t bytes);

// "1,234,567".
std::string HumanCount(int64_t count);

}  // namespace gradus

#endif  // GRADUS_CORE_HUMAN_H_
