// A batch on its way to a model's inputs.
#ifndef GRADUS_TRAIN_FEED_H_
#define GRADUS_TRAIN_FEED_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/session.h"

namespace gradus {

// A value for one input, with the leading batch dimension. Borrowed for the call that it is given to.
struct InputFeed {
  absl::string_view input;
  const Tensor* value;
};

// Feeds all of them; an input of the plan that is missing is an error that names it. Feeds that the plan does not need
// (a label, when it only infers) are left out.
absl::Status FeedAll(Session* session, Plan* plan, absl::Span<const InputFeed> feeds);

}  // namespace gradus

#endif  // GRADUS_TRAIN_FEED_H_
