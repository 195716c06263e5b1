// The one message that a user chose in a oneof with an extension range: `idx { ... }` or `[acme.voc] { ... }`.
#ifndef GRADUS_DATA_CHOSEN_MEMBER_H_
#define GRADUS_DATA_CHOSEN_MEMBER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace gradus {

// The member that is set of `holder`'s oneof, or the extension that is; borrowed from `holder`. Errors when there is
// none (the message lists the members) or more than one.
absl::StatusOr<const google::protobuf::Message*> ChosenMember(const google::protobuf::Message& holder,
                                                              absl::string_view oneof);

}  // namespace gradus

#endif  // GRADUS_DATA_CHOSEN_MEMBER_H_
