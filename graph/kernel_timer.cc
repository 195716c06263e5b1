#include "graph/kernel_timer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "core/parallel.h"
#include "core/status_macros.h"
#include "core/tensor.h"

namespace gradus {
namespace {

// What is clearly longer than `enough`. A single run may have been disturbed, or have made code and tables first.
constexpr double kSlackOfOne = 2.5, kSlackOfTwo = 1.3, kSlackOfMore = 1.1;

int RoundsFor(double milliseconds) { return milliseconds > 30 ? 2 : milliseconds > 5 ? 4 : 8; }

absl::StatusOr<double> RunOnce(Kernel* kernel) {
  using Clock = std::chrono::steady_clock;
  EmptyCaches();
  const Clock::time_point start = Clock::now();
  GRADUS_RETURN_IF_ERROR(kernel->Run());
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelTimer::Setup>> KernelTimer::SetUp(const Candidate& candidate,
                                                                       absl::Span<const Layout> at_hand) {
  std::vector<Layout> inputs;
  for (size_t i = 0; i < at_hand.size(); ++i) {
    const bool any = i >= candidate.inputs.size() || candidate.inputs[i].any();
    inputs.push_back(any ? at_hand[i] : candidate.inputs[i]);
  }
  int64_t total = 0;
  const auto book = [&total](int64_t bytes) {
    const int64_t offset = total;
    total += (bytes + 63) / 64 * 64 + 64;
    return offset;
  };
  std::vector<int64_t> input_offsets, output_offsets;
  for (const Layout& layout : inputs) input_offsets.push_back(book(layout.bytes()));
  for (const Layout& layout : candidate.outputs) output_offsets.push_back(book(layout.bytes()));
  const int64_t scratch = book(candidate.scratch_bytes);
  GRADUS_RETURN_IF_ERROR(arena_.Reserve(total));

  auto setup = std::make_unique<Setup>();
  for (size_t i = 0; i < inputs.size(); ++i) {
    uint8_t* const data = arena_.base() + input_offsets[i];
    const Layout& layout = inputs[i];
    const bool is_float = !layout.opaque() && !layout.any() && layout.desc().data_type == dnnl_f32;
    if (is_float) {
      FillForTiming(reinterpret_cast<float*>(data), layout.bytes() / 4);
    } else {
      std::memset(data, 0, layout.bytes());
    }
    setup->inputs.push_back(data);
  }
  for (int64_t offset : output_offsets) setup->outputs.push_back(arena_.base() + offset);
  GRADUS_ASSIGN_OR_RETURN(setup->kernel, candidate.make());
  setup->kernel->Bind({setup->inputs, absl::MakeConstSpan(setup->outputs), arena_.base() + scratch, &setup->state});
  return setup;
}

absl::StatusOr<double> KernelTimer::TimeOnce(const Candidate& candidate, absl::Span<const Layout> at_hand) {
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Setup> setup, SetUp(candidate, at_hand));
  GRADUS_RETURN_IF_ERROR(RunOnce(setup->kernel.get()).status());
  return RunOnce(setup->kernel.get());
}

absl::StatusOr<KernelTimer::Result> KernelTimer::Time(const Candidate& candidate, absl::Span<const Layout> at_hand,
                                                      double enough) {
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Setup> setup, SetUp(candidate, at_hand));
  Kernel* const kernel = setup->kernel.get();
  // The first run counts only where it says enough.
  GRADUS_ASSIGN_OR_RETURN(double least, RunOnce(kernel));
  if (least > kSlackOfOne * enough) return Result{least, true};
  std::vector<double> times;
  const int rounds = RoundsFor(least);
  for (int round = 0; round < rounds; ++round) {
    GRADUS_ASSIGN_OR_RETURN(const double time, RunOnce(kernel));
    times.push_back(time);
    least = std::min(least, time);
    if (least > (round == 0 ? kSlackOfTwo : kSlackOfMore) * enough) return Result{least, true};
  }
  std::nth_element(times.begin(), times.begin() + rounds / 4, times.end());
  return Result{times[rounds / 4], false};
}

void FillForTiming(float* data, int64_t count) {
  ParallelFor(count, 65536, [data](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto bits = static_cast<int32_t>(static_cast<uint32_t>(i) * 2654435761u);  // no pattern to predict
      data[i] = static_cast<float>(bits >> 8) * 0x1p-24f;
    }
  });
}

void EmptyCaches() {
  constexpr int64_t kBytes = int64_t{16} << 20;
  static AlignedBytes* const memory = new AlignedBytes(AllocateAligned(kBytes));
  if (*memory == nullptr) return;
  ParallelFor(kBytes / 64, 1024, [](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) (*memory)[i * 64] = static_cast<uint8_t>((*memory)[i * 64] + 1);
  });
}

}  // namespace gradus
