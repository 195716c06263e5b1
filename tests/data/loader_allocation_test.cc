// Reading batches allocates nothing, in whatever thread: counted by replacing operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "data/loader.h"
#include "data/stream.h"
#include "google/protobuf/text_format.h"

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

// Not inlined: GCC would take malloc and free behind new and delete for a mistake.
__attribute__((noinline)) void* operator new(size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace gradus {
namespace {

TEST(LoaderAllocationTest, ReadingAllocatesNothing) {
  DataStream stream;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "synthetic_digits {} take: 1000 transform { random_crop { pad: 2 } } transform { random_horizontal_flip {} }"
      "transform { normalize { mean: 0.5 std: 0.5 } }",
      &stream));
  for (int threads : {0, 2}) {
    absl::StatusOr<ExampleSource> source = OpenStream(stream, {}, TransformMode::kTrain);
    ASSERT_TRUE(source.ok()) << source.status();
    LoaderOptions options;
    options.batch_size = 64;
    options.shuffle = true;
    options.remainder = Remainder::kWrap;
    options.threads = threads;
    const auto loader = Loader::Make(*std::move(source), options);
    ASSERT_TRUE(loader.ok()) << loader.status();
    ASSERT_TRUE((*loader)->Next().ok());
    const int64_t before = allocations;
    bool ok = true;
    for (int i = 0; i < 50; ++i) ok = (*loader)->Next().ok() && ok;
    EXPECT_EQ(allocations - before, 0) << threads << " threads";
    EXPECT_TRUE(ok);
  }
}

}  // namespace
}  // namespace gradus
