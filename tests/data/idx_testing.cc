#include "tests/data/idx_testing.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/check.h"
#include "core/file.h"

namespace gradus {

std::string IdxBytes(uint32_t magic, const std::vector<uint32_t>& dims, const std::string& items) {
  std::string bytes;
  auto append = [&](uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(word >> shift));
  };
  append(magic);
  for (uint32_t dim : dims) append(dim);
  return bytes + items;
}

std::string IdxImages(int count) {
  std::string items;
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < 6; ++j) items.push_back(static_cast<char>(10 * i + j));
  }
  return IdxBytes(0x803, {static_cast<uint32_t>(count), 2, 3}, items);
}

std::string IdxLabels(int count) {
  std::string items;
  for (int i = 0; i < count; ++i) items.push_back(static_cast<char>(i % 10));
  return IdxBytes(0x801, {static_cast<uint32_t>(count)}, items);
}

std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  GRADUS_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, 0);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  GRADUS_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string TestFolder() {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = JoinPath(testing::TempDir(), std::string(test.test_suite_name()) + "." + test.name());
  GRADUS_CHECK(RemoveAll(folder).ok());
  GRADUS_CHECK(MakeFolders(folder).ok());
  return folder;
}

std::string Write(const std::string& folder, const std::string& name, const std::string& bytes) {
  const std::string path = JoinPath(folder, name);
  GRADUS_CHECK(WriteFileAtomically(path, bytes).ok());
  return path;
}

}  // namespace gradus
