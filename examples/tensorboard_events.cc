#include "examples/tensorboard_events.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/crc32c.h"
#include "core/file.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr int kBins = 60;

template <typename T>
std::string LittleEndian(T number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  return bytes;
}

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

std::string ChecksumOf(absl::string_view bytes) { return LittleEndian(Masked(Crc32c(bytes))); }

// "eval_top1" is one of the curves of evaluation, others are of training.
std::string TagOf(absl::string_view key) {
  return absl::ConsumePrefix(&key, "eval_") ? absl::StrCat("eval/", key) : absl::StrCat("train/", key);
}

}  // namespace

std::string RecordOf(absl::string_view data) {
  const std::string length = LittleEndian(static_cast<uint64_t>(data.size()));
  return absl::StrCat(length, ChecksumOf(length), data, ChecksumOf(data));
}

tensorboard::Histogram EventHistogram(absl::Span<const float> values, int bins) {
  tensorboard::Histogram histogram;
  const std::vector<Point> points = HistogramOf(values, bins);
  if (points.empty()) return histogram;
  double count = 0, sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double v = value;
    count += 1, sum += v, squares += v * v, low = std::min(low, v), high = std::max(high, v);
  }
  histogram.set_min(low), histogram.set_max(high), histogram.set_count(count);
  histogram.set_sum(sum), histogram.set_sum_squares(squares);
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    histogram.add_end_of_bin(points[i + 1].x);
    histogram.add_in_bin(points[i].y);
  }
  return histogram;
}

std::string EventFile(const RunLog& log) {
  tensorboard::Event version;
  version.set_wall_time(0);
  version.set_file_version("brain.Event:2");
  std::string file = RecordOf(version.SerializeAsString());

  std::map<int64_t, tensorboard::Event> events;  // by step
  const auto value_at = [&events](double step, const std::string& tag) {
    tensorboard::Event& event = events[static_cast<int64_t>(step)];
    event.set_step(static_cast<int64_t>(step));
    event.set_wall_time(step);
    tensorboard::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    return value;
  };
  for (const auto& [key, points] : log.course) {
    for (const Point& point : points) value_at(point.x, TagOf(key))->set_simple_value(static_cast<float>(point.y));
  }
  for (const NamedWeights& weights : log.weights) {
    *value_at(static_cast<double>(log.weights_step), absl::StrCat("weights/", weights.name))->mutable_histogram() =
        EventHistogram(weights.values.values<float>(), kBins);
  }
  for (const auto& [step, event] : events) file += RecordOf(event.SerializeAsString());
  return file;
}

absl::Status WriteEvents(const RunLog& log, absl::string_view folder) {
  const std::string run = JoinPath(folder, log.name);
  GRADUS_RETURN_IF_ERROR(MakeFolders(run));
  return WriteFileAtomically(JoinPath(run, "events.out.tfevents.0000000000.gradus"), EventFile(log));
}

}  // namespace gradus
