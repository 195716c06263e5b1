#include "train/feed.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {

absl::Status FeedAll(Session* session, Plan* plan, absl::Span<const InputFeed> feeds) {
  for (const std::string& name : plan->feeds()) {
    if (name == kLearningRate) continue;
    const auto feed = std::find_if(feeds.begin(), feeds.end(), [&name](const InputFeed& f) { return f.input == name; });
    if (feed == feeds.end()) return absl::InvalidArgumentError(absl::StrCat("nothing is fed to input '", name, "'"));
    GRADUS_RETURN_IF_ERROR(session->Feed(plan, name, *feed->value));
  }
  return absl::OkStatus();
}

}  // namespace gradus
