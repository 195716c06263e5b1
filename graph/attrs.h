// The attributes of a node: resolved facts (explicit pads, no initialisers, no shorthand) in a plain struct of the
// operation's own.
//
//   struct PoolAttrs {
//     bool max; Dims kernel;
//     template <typename F> void ForEach(F&& field) const { field("max", max); field("kernel", kernel); }
//   };
//   Attrs attrs = PoolAttrs{true, {2, 2}};
//   attrs.as<PoolAttrs>().kernel
//
// The printed form, all fields with all digits, is also what equality and hashing compare. Immutable and shared: cheap
// to copy, safe to read from several threads.
#ifndef GRADUS_GRAPH_ATTRS_H_
#define GRADUS_GRAPH_ATTRS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/shape.h"

namespace gradus {

class Attrs {
 public:
  Attrs() = default;  // none: prints ""

  template <typename T, typename = std::enable_if_t<!std::is_same_v<std::decay_t<T>, Attrs>>>
  Attrs(T value) : holder_(std::make_shared<Holder<T>>(std::move(value))) {}  // NOLINT: implicit on purpose

  template <typename T>
  const T& as() const {
    GRADUS_CHECK(holder_ != nullptr && holder_->tag == Tag<T>());
    return static_cast<const Holder<T>*>(holder_.get())->value;
  }

  // "max=true kernel=[2, 2]".
  const std::string& text() const {
    static const std::string* const none = new std::string;
    return holder_ == nullptr ? *none : holder_->text;
  }

  friend bool operator==(const Attrs& a, const Attrs& b) {
    return a.holder_ == b.holder_ || (a.tag() == b.tag() && a.text() == b.text());
  }
  friend bool operator!=(const Attrs& a, const Attrs& b) { return !(a == b); }
  template <typename H>
  friend H AbslHashValue(H h, const Attrs& attrs) {
    return H::combine(std::move(h), attrs.tag(), attrs.text());
  }

 private:
  struct HolderBase {
    virtual ~HolderBase() = default;
    const void* tag = nullptr;
    std::string text;
  };
  template <typename T>
  struct Holder : HolderBase {
    explicit Holder(T v) : value(std::move(v)) {
      tag = Tag<T>();
      value.ForEach([this](const char* name, const auto& field) {
        absl::StrAppend(&text, text.empty() ? "" : " ", name, "=", Print(field));
      });
    }
    T value;
  };

  template <typename T>
  static const void* Tag() {
    static const char tag = 0;
    return &tag;
  }
  const void* tag() const { return holder_ == nullptr ? nullptr : holder_->tag; }

  static std::string Print(bool value) { return value ? "true" : "false"; }
  static std::string Print(const std::string& value) { return absl::StrCat("'", value, "'"); }
  static std::string Print(const Shape& value) { return value.ToString(); }
  static std::string Print(const TensorType& value) { return value.ToString(); }
  static std::string Print(const Dims& value) { return absl::StrCat("[", absl::StrJoin(value, ", "), "]"); }
  static std::string Print(double value) { return absl::StrFormat("%.17g", value); }
  static std::string Print(const std::vector<double>& values) {
    return absl::StrCat("[", absl::StrJoin(values, ", ", [](std::string* out, double v) { out->append(Print(v)); }),
                        "]");
  }
  template <typename T, typename = std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>>, typename = void>
  static std::string Print(T value) {
    return absl::StrCat(static_cast<int64_t>(value));
  }

  std::shared_ptr<const HolderBase> holder_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_ATTRS_H_
