// Makes IDX and gzip files for tests, whole and damaged. Functions.
#ifndef GRADUS_TESTS_DATA_IDX_TESTING_H_
#define GRADUS_TESTS_DATA_IDX_TESTING_H_

#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

// The header of a file with this magic number and dimensions (each cut to 32 bits), then `items`.
std::string IdxBytes(uint32_t magic, const std::vector<uint32_t>& dims, const std::string& items);

// Of `count` images of 2 x 3: pixel j of image i is 10 i + j. Of `count` labels: label i is i mod 10.
std::string IdxImages(int count);
std::string IdxLabels(int count);

// One gzip member.
std::string Gzip(const std::string& bytes);

// A new, empty folder for this test.
std::string TestFolder();

// Writes a file there; returns its path.
std::string Write(const std::string& folder, const std::string& name, const std::string& bytes);

}  // namespace gradus

#endif  // GRADUS_TESTS_DATA_IDX_TESTING_H_
