#include "ops/kernels/recurrent_steps.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "ops/kernels/dense_products.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

constexpr int64_t kPanel = 32;     // columns of a panel, at most
constexpr int64_t kDepth = 1024;   // rows of a panel at a time: they stay in the second cache
constexpr int64_t kGrain = 65536;  // products worth a thread
constexpr int64_t kFewSteps = 4;   // fewer do not pay for copying the weights
constexpr int64_t kLine = 16;      // floats of a cache line

int64_t Blocks(int64_t size, int64_t block) { return (size + block - 1) / block; }

// Units of a panel of the forward pass, which holds all gates of each.
int64_t PanelUnits(const RecurrentSizes& sizes) { return sizes.gates == 1 ? kPanel : 8; }

DenseSizes AsDense(const RecurrentSizes& sizes) { return {sizes.batch, sizes.units, sizes.gates * sizes.units}; }

// The step at place s of the order in which a direction takes them.
int64_t StepAt(const RecurrentSizes& sizes, int64_t s) { return sizes.attrs.reverse ? sizes.steps - 1 - s : s; }

int64_t PanelGrain(const RecurrentSizes& sizes, int64_t products) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, sizes.batch * products));
}

// Hands out pieces of scratch memory, each on a cache line of its own.
class Pieces {
 public:
  explicit Pieces(void* scratch) : next_(static_cast<float*>(scratch)) {}
  float* Take(int64_t floats) { return std::exchange(next_, next_ + Blocks(floats, kLine) * kLine); }
  int64_t bytes() const { return reinterpret_cast<intptr_t>(next_); }  // taken, where scratch was null

 private:
  float* next_;
};

// Of units [first, first + units) of each gate: f32[H, gates x width], w transposed; zeros for units that are not
// there.
GRADUS_MULTIVERSION void PackForward(const RecurrentSizes& sizes, const float* __restrict w, int64_t first,
                                     int64_t units, int64_t width, float* __restrict panel) {
  const int64_t columns = sizes.gates * width, depth = sizes.units;
  if (units < width) std::fill(panel, panel + depth * columns, 0.0f);
  for (int64_t k0 = 0; k0 < depth; k0 += kLine) {
    const int64_t end = std::min(depth, k0 + kLine);
    for (int64_t g = 0; g < sizes.gates; ++g) {
      for (int64_t u = 0; u < units; ++u) {
        const float* const row = w + (g * depth + first + u) * depth;
        for (int64_t k = k0; k < end; ++k) panel[k * columns + g * width + u] = row[k];
      }
    }
  }
}

// Columns [first, first + units) of w: f32[G H, kPanel].
GRADUS_MULTIVERSION void PackBackward(const RecurrentSizes& sizes, const float* __restrict w, int64_t first,
                                      int64_t units, float* __restrict panel) {
  if (units < kPanel) std::fill(panel, panel + sizes.gates * sizes.units * kPanel, 0.0f);
  for (int64_t k = 0; k < sizes.gates * sizes.units; ++k) {
    std::memcpy(panel + k * kPanel, w + k * sizes.units + first, units * sizeof(float));
  }
}

// c (+)= a times rows [begin, begin + depth) of a panel.
void MultiplyByPanel(int64_t rows, const float* a, int64_t a_row, const float* panel, int64_t columns, int64_t depth,
                     bool add, float* c) {
  TileGemm gemm{rows, columns, depth, a_row, 1, columns, columns};
  for (int64_t k = 0; k < depth; k += kDepth) {
    gemm.k = std::min(kDepth, depth - k);
    if (add || k > 0) {
      AddProduct(gemm, a + k, panel + k * columns, c);
    } else {
      SetProduct(gemm, a + k, panel + k * columns, nullptr, c);
    }
  }
}

struct ForwardScratch {
  ForwardScratch(const RecurrentSizes& sizes, int threads, void* scratch) : pieces(scratch) {
    const int64_t state = sizes.batch * sizes.units, width = PanelUnits(sizes);
    h = pieces.Take(state), next = pieces.Take(state), c = pieces.Take(state);
    if (sizes.steps < kFewSteps) {
      products = pieces.Take(state * sizes.gates);
      dense = pieces.Take(DenseForwardBytes(AsDense(sizes)) / static_cast<int64_t>(sizeof(float)));
    } else {
      panels = pieces.Take(Blocks(sizes.units, width) * width * sizes.gates * sizes.units);
      products = pieces.Take(threads * sizes.batch * sizes.gates * width);
    }
  }
  Pieces pieces;
  float *h, *next, *c, *panels = nullptr, *products, *dense = nullptr;
};

struct BackwardScratch {
  BackwardScratch(const RecurrentSizes& sizes, int threads, void* scratch) : pieces(scratch) {
    const int64_t state = sizes.batch * sizes.units;
    direct = pieces.Take(state), dc = pieces.Take(state);
    previous = pieces.Take(state * sizes.steps);
    if (FactsOf(sizes.attrs.cell).has_bias) dq = pieces.Take(state * sizes.steps);
    panels = pieces.Take(Blocks(sizes.units, kPanel) * kPanel * sizes.gates * sizes.units);
    dh = pieces.Take(threads * sizes.batch * kPanel);
  }
  Pieces pieces;
  float *direct, *dc, *previous, *dq = nullptr, *panels, *dh;
};

// Adds to dh, of units of a panel, what comes back through the weights from a step's products.
void AddThroughWeights(const RecurrentSizes& sizes, const BackwardStep& step, const float* panel, float* dh) {
  const int64_t units = sizes.units, row = sizes.steps * sizes.gates * units;
  const float* const dx = step.dx + step.t * sizes.gates * units;
  if (step.dq == nullptr) return MultiplyByPanel(sizes.batch, dx, row, panel, kPanel, sizes.gates * units, true, dh);
  const int64_t shared = (sizes.gates - 1) * units;  // dq stands for the last gate
  MultiplyByPanel(sizes.batch, dx, row, panel, kPanel, shared, true, dh);
  MultiplyByPanel(sizes.batch, step.dq + step.t * units, sizes.steps * units, panel + shared * kPanel, kPanel, units,
                  true, dh);
}

// dw[rows, H] = sum over all examples and steps of d[rows] previous[H].
absl::Status SumProducts(const RecurrentSizes& sizes, int64_t rows, const float* d, int64_t d_row,
                         const float* previous, float* dw) {
  const dnnl_status_t status = dnnl_sgemm('T', 'N', rows, sizes.units, sizes.batch * sizes.steps, 1.0f, d, d_row,
                                          previous, sizes.units, 0.0f, dw, sizes.units);
  if (status == dnnl_success) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("oneDNN: sgemm failed with status ", status));
}

}  // namespace

int64_t RunForwardBytes(const RecurrentSizes& sizes, int threads) {
  return ForwardScratch(sizes, threads, nullptr).pieces.bytes();
}

void RunForward(const RecurrentSizes& sizes, const ForwardTensors& tensors, void* memory) {
  ForwardScratch scratch(sizes, omp_get_max_threads(), memory);
  const int64_t state = sizes.batch * sizes.units, width = PanelUnits(sizes), columns = width * sizes.gates;
  const int64_t panels = Blocks(sizes.units, width), panel_floats = columns * sizes.units;
  std::copy(tensors.h0, tensors.h0 + state, scratch.h);
  if (tensors.c0 != nullptr) std::copy(tensors.c0, tensors.c0 + state, scratch.c);
  ForwardStep step{
      0,         tensors.x,     nullptr,      0, 0, tensors.bias, tensors.lengths, nullptr, nullptr, scratch.c,
      tensors.y, tensors.gates, tensors.inner};
  const int64_t grain = PanelGrain(sizes, panel_floats);
  const auto units_end = [&](int64_t panel) { return std::min(sizes.units, (panel + 1) * width); };
  if (scratch.panels != nullptr) {
    ParallelFor(panels, grain, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        PackForward(sizes, tensors.w, p * width, units_end(p) - p * width, width, scratch.panels + p * panel_floats);
      }
    });
  }
  for (int64_t s = 0; s < sizes.steps; ++s) {
    step.t = StepAt(sizes, s);
    step.h = scratch.h, step.h_next = scratch.next;
    if (scratch.panels == nullptr) {
      DenseForward(AsDense(sizes), scratch.h, tensors.w, nullptr, scratch.products, scratch.dense);
      step.products = scratch.products;
      step.product_row = sizes.gates * sizes.units, step.product_gate = sizes.units;
      StepForward(sizes, step, 0, sizes.units);
    } else {
      ParallelFor(panels, grain, [&](int64_t begin, int64_t end) {
        float* const products = scratch.products + omp_get_thread_num() * sizes.batch * columns;
        ForwardStep own = step;
        own.products = products, own.product_row = columns, own.product_gate = width;
        for (int64_t p = begin; p < end; ++p) {
          MultiplyByPanel(sizes.batch, scratch.h, sizes.units, scratch.panels + p * panel_floats, columns, sizes.units,
                          false, products);
          StepForward(sizes, own, p * width, units_end(p));
        }
      });
    }
    std::swap(scratch.h, scratch.next);
  }
  std::copy(scratch.h, scratch.h + state, tensors.h);
  if (tensors.c != nullptr) std::copy(scratch.c, scratch.c + state, tensors.c);
}

int64_t RunBackwardBytes(const RecurrentSizes& sizes, int threads) {
  return BackwardScratch(sizes, threads, nullptr).pieces.bytes();
}

absl::Status RunBackward(const RecurrentSizes& sizes, const BackwardTensors& tensors, void* memory) {
  const BackwardScratch scratch(sizes, omp_get_max_threads(), memory);
  const int64_t units = sizes.units, state = sizes.batch * units, rows = sizes.gates * units;
  const int64_t panels = Blocks(units, kPanel), panel_floats = rows * kPanel, grain = PanelGrain(sizes, panel_floats);
  std::copy(tensors.dh, tensors.dh + state, scratch.direct);
  if (tensors.dc != nullptr) std::copy(tensors.dc, tensors.dc + state, scratch.dc);
  BackwardStep step{0,          tensors.dy,      tensors.y,       tensors.gates, tensors.inner,  tensors.h0,
                    tensors.c0, tensors.lengths, nullptr,         kPanel,        scratch.direct, scratch.dc,
                    tensors.dx, scratch.dq,      scratch.previous};
  // From the last step to the first, and once more for what comes back to the initial state.
  for (int64_t s = sizes.steps - 1; s >= -1; --s) {
    ParallelFor(panels, grain, [&](int64_t begin, int64_t end) {
      float* const dh = scratch.dh + omp_get_thread_num() * sizes.batch * kPanel;
      BackwardStep own = step;
      own.dh = dh;
      for (int64_t p = begin; p < end; ++p) {
        const int64_t first = p * kPanel, count = std::min(kPanel, units - first);
        float* const panel = scratch.panels + p * panel_floats;
        if (s == sizes.steps - 1) PackBackward(sizes, tensors.w, first, count, panel);
        for (int64_t n = 0; n < sizes.batch; ++n) {
          std::memcpy(dh + n * kPanel, scratch.direct + n * units + first, count * sizeof(float));
          std::fill(dh + n * kPanel + count, dh + (n + 1) * kPanel, 0.0f);
        }
        if (s < sizes.steps - 1) {
          own.t = StepAt(sizes, s + 1);
          AddThroughWeights(sizes, own, panel, dh);
        }
        if (s >= 0) {
          own.t = StepAt(sizes, s);
          StepBackward(sizes, own, first, first + count);
        } else {
          for (int64_t n = 0; n < sizes.batch; ++n) {
            std::memcpy(tensors.dh0 + n * units + first, dh + n * kPanel, count * sizeof(float));
          }
        }
      }
    });
  }
  if (tensors.dc0 != nullptr) std::copy(scratch.dc, scratch.dc + state, tensors.dc0);
  if (scratch.dq == nullptr) return SumProducts(sizes, rows, tensors.dx, rows, scratch.previous, tensors.dw);
  const int64_t shared = rows - units;
  ParallelFor(units, std::max<int64_t>(1, kGrain / (sizes.batch * sizes.steps)), [&](int64_t begin, int64_t end) {
    std::fill(tensors.db + begin, tensors.db + end, 0.0f);
    for (int64_t i = 0; i < sizes.batch * sizes.steps; ++i) {
      for (int64_t j = begin; j < end; ++j) tensors.db[j] += scratch.dq[i * units + j];
    }
  });
  const absl::Status status = SumProducts(sizes, shared, tensors.dx, rows, scratch.previous, tensors.dw);
  if (!status.ok()) return status;
  return SumProducts(sizes, units, scratch.dq, units, scratch.previous, tensors.dw + shared * units);
}

}  // namespace gradus
