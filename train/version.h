// The version of this library, kept in checkpoints.
#ifndef GRADUS_TRAIN_VERSION_H_
#define GRADUS_TRAIN_VERSION_H_

namespace gradus {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace gradus

#endif  // GRADUS_TRAIN_VERSION_H_
