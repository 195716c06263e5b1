// The log of a run as a file that TensorBoard reads. A file is a sequence of records (TensorFlow's TFRecord):
//
//   length of the data (8 bytes, little-endian), its masked checksum (4), the data, their masked checksum (4)
//
// The checksum is CRC32C, masked by a rotation and a constant because data may contain checksums themselves. Each
// record is an Event of proto/tensorboard.proto.
//
// Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_TENSORBOARD_EVENTS_H_
#define GRADUS_EXAMPLES_TENSORBOARD_EVENTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "examples/run_log.h"
#include "proto/tensorboard.pb.h"

namespace gradus {

// One record with this data.
std::string RecordOf(absl::string_view data);

// The distribution of numbers in `bins` equal bins; those that are not finite are left out.
tensorboard::Histogram EventHistogram(absl::Span<const float> values, int bins);

// The whole file: the curves, sorted by step, then a histogram of each variable. A log has no clock, so that the same
// run gives the same bytes: the wall time of an event is its step, in seconds. Values that are null in the log are NaN.
std::string EventFile(const RunLog& log);

// Writes `folder`/<name of the run>/events.out.tfevents.0000000000.gradus; the folders are made.
absl::Status WriteEvents(const RunLog& log, absl::string_view folder);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_TENSORBOARD_EVENTS_H_
