// Embeddings of characters and words. oneDNN has none: the peer copies the same rows with all threads and nothing else,
// and for the gradient adds them up one after the other, after clearing the table.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "ops/embedding.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  int64_t batch, steps, size, units;
};

const Row kRows[] = {{"characters", 32, 64, 128, 64},
                     {"words", 64, 35, 10000, 512},
                     {"large_table", 64, 35, 100000, 128},
                     {"narrow", 128, 64, 1000, 16}};

// Numbers of rows in no order.
std::vector<int64_t> SomeRows(const Row& row) {
  std::vector<int64_t> rows(row.batch * row.steps);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i * 2654435761u % row.size);
  return rows;
}

// The table, then the rows.
std::unique_ptr<Timed> Copies(const Row& row) {
  const std::vector<int64_t> rows = SomeRows(row);
  const int64_t ids = row.batch * row.steps, bytes = row.units * 4, table = row.size * bytes;
  return BareFunction(table + ids * bytes, [rows, ids, bytes, table](uint8_t* memory) {
    ParallelFor(ids, std::max<int64_t>(1, 65536 / bytes), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) std::memcpy(memory + table + i * bytes, memory + rows[i] * bytes, bytes);
    });
  });
}

std::unique_ptr<Timed> Sums(const Row& row) {
  const std::vector<int64_t> rows = SomeRows(row);
  const int64_t ids = row.batch * row.steps, units = row.units, table = row.size * row.units;
  return BareFunction((table + ids * units) * 4, [rows, ids, units, table](uint8_t* memory) {
    auto* const to = reinterpret_cast<float*>(memory);
    const float* const from = to + table;
    std::memset(to, 0, table * 4);
    for (int64_t i = 0; i < ids; ++i) {
      float* const sum = to + rows[i] * units;
      for (int64_t j = 0; j < units; ++j) sum[j] += from[i * units + j];
    }
  });
}

REGISTER_OP_BENCHMARKS(Embedding, [] {
  for (const Row& row : kRows) {
    const std::string name = row.name;
    const TensorType ids = {DType::kInt32, Shape{row.batch, row.steps}}, table = Floats({row.size, row.units}),
                     y = Floats({row.batch, row.steps, row.units});
    const BenchInput numbers = {ids, Layout::Plain(ids), row.size};
    AddOpBenchmark("Embedding/forward/" + name,
                   {{numbers, {table, Layout::Plain(table)}}, Single("Embedding", EmbeddingAttrs{})},
                   [row] { return Copies(row); });
    AddOpBenchmark("Embedding/backward/" + name,
                   {{numbers, {y, Layout::Plain(y)}}, Single("EmbeddingBackward", EmbeddingBackwardAttrs{row.size})},
                   [row] { return Sums(row); });
  }
});

}  // namespace
}  // namespace gradus
