// The kernels of a run as its checkpoints and its folder keep them (proto/checkpoint.proto).
#ifndef GRADUS_TRAIN_KERNEL_RECORD_H_
#define GRADUS_TRAIN_KERNEL_RECORD_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "graph/kernel_name.h"
#include "graph/plan.h"
#include "proto/checkpoint.pb.h"

namespace gradus {

using KernelRecord = google::protobuf::RepeatedPtrField<KernelChoice>;

// The kernels of a plan, in its order.
void Record(const Plan& plan, KernelRecord* record);
KernelChoices ChoicesOf(const KernelRecord& record);

// The file `kernels.textproto` in a run's folder.
absl::Status WriteRunKernels(absl::string_view run, const RunKernels& kernels);
// Empty where there is none that can be read.
RunKernels ReadRunKernels(absl::string_view run);

}  // namespace gradus

#endif  // GRADUS_TRAIN_KERNEL_RECORD_H_
