// The two macros that pass an absl::Status up.
//
//   GRADUS_RETURN_IF_ERROR(graph.Check());
//   GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
#ifndef GRADUS_CORE_STATUS_MACROS_H_
#define GRADUS_CORE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define GRADUS_CONCAT_INNER(a, b) a##b
#define GRADUS_CONCAT(a, b) GRADUS_CONCAT_INNER(a, b)

#define GRADUS_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (::absl::Status gradus_status = (expression); !gradus_status.ok()) { \
      return gradus_status;                                                 \
    }                                                                       \
  } while (false)

#define GRADUS_ASSIGN_OR_RETURN(target, expression) \
  GRADUS_ASSIGN_OR_RETURN_INNER(GRADUS_CONCAT(gradus_or_, __LINE__), target, expression)

#define GRADUS_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                     \
  if (!holder.ok()) return std::move(holder).status();            \
  target = *std::move(holder)

#endif  // GRADUS_CORE_STATUS_MACROS_H_
