#include "graph/initializer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/parallel.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/orthonormalize.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

constexpr double kLargest = 1e37;
constexpr int64_t kGrain = 16384;                     // elements worth a thread
constexpr int64_t kLargeVariable = int64_t{1} << 26;  // bytes worth asking the system whether it has them

// ---- Parameters.

absl::Status Wrong(absl::string_view field, double value, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, "; it must ", rule));
}

absl::Status CheckNumber(absl::string_view field, double value) {
  if (std::abs(value) <= kLargest) return absl::OkStatus();  // false for NaN
  return Wrong(field, value, "be a number between -1e37 and 1e37");
}

absl::Status CheckNotNegative(absl::string_view field, double value) {
  GRADUS_RETURN_IF_ERROR(CheckNumber(field, value));
  return value >= 0 ? absl::OkStatus() : Wrong(field, value, "not be negative");
}

absl::Status CheckUniform(const Initializer::Uniform& uniform) {
  GRADUS_RETURN_IF_ERROR(CheckNumber("uniform.low", uniform.low()));
  GRADUS_RETURN_IF_ERROR(CheckNumber("uniform.high", uniform.high()));
  if (uniform.low() <= uniform.high()) return absl::OkStatus();
  return Wrong("uniform.high", uniform.high(), absl::StrCat("not be below uniform.low, ", uniform.low()));
}

// Normal and TruncatedNormal.
template <typename NormalMessage>
absl::Status CheckNormal(absl::string_view kind, const NormalMessage& normal) {
  GRADUS_RETURN_IF_ERROR(CheckNumber(absl::StrCat(kind, ".mean"), normal.mean()));
  return CheckNotNegative(absl::StrCat(kind, ".stddev"), normal.stddev());
}

// Xavier and He.
template <typename Scaled>
absl::Status CheckScaled(absl::string_view kind, const Scaled& scaled) {
  GRADUS_RETURN_IF_ERROR(CheckNotNegative(absl::StrCat(kind, ".gain"), scaled.gain()));
  if (!scaled.has_fan_size()) return absl::OkStatus();
  const std::string field = absl::StrCat(kind, ".fan_size");
  GRADUS_RETURN_IF_ERROR(CheckNumber(field, scaled.fan_size()));
  return scaled.fan_size() > 0 ? absl::OkStatus() : Wrong(field, scaled.fan_size(), "be above 0");
}

// ---- Random numbers, four at a time: the elements 4 `block` to 4 `block` + 3.

using Four = std::array<double, 4>;

// Uniform in (0, 1).
Four Uniform4(const Philox& philox, int64_t block) {
  const Philox::Block bits = philox(block);
  return {UniformOpen(bits[0]), UniformOpen(bits[1]), UniformOpen(bits[2]), UniformOpen(bits[3])};
}

// Standard normal. Each `redraw` gives other numbers.
Four Normal4(const Philox& philox, int64_t block, uint64_t redraw = 0) {
  const Philox::Block bits = philox(block, redraw);
  const std::array<double, 2> a = Normal(bits[0], bits[1]), b = Normal(bits[2], bits[3]);
  return {a[0], a[1], b[0], b[1]};
}

// Standard normal, each element redrawn until it is within two standard deviations.
Four TruncatedNormal4(const Philox& philox, int64_t block) {
  Four values = Normal4(philox, block);
  const auto outside = [](double z) { return std::abs(z) > 2; };
  for (uint64_t redraw = 1; std::any_of(values.begin(), values.end(), outside); ++redraw) {
    const Four again = Normal4(philox, block, redraw);
    for (int k = 0; k < 4; ++k) {
      if (outside(values[k])) values[k] = again[k];
    }
  }
  return values;
}

// Element i becomes finish(element i % 4 of draw(i / 4)).
template <typename T, typename Draw, typename Finish>
void Fill(absl::Span<T> values, const Draw& draw, const Finish& finish) {
  const auto fill_part = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 4) {
      const Four drawn = draw(i / 4);
      const int64_t count = std::min<int64_t>(4, end - i);
      for (int64_t k = 0; k < count; ++k) values[i + k] = static_cast<T>(finish(drawn[k]));
    }
  };
  ParallelFor(static_cast<int64_t>(values.size()), kGrain, fill_part, /*align=*/4);
}

// ---- The kinds.

// Uniform in [low, high), whatever rounding does; `low` if they are equal.
template <typename T>
void FillUniform(const Philox& philox, double low, double high, absl::Span<T> values) {
  const T least = static_cast<T>(low);
  const T most = std::max(least, std::nextafter(static_cast<T>(high), -std::numeric_limits<T>::infinity()));
  Fill(
      values, [&](int64_t block) { return Uniform4(philox, block); },
      [&](double u) { return std::clamp(static_cast<T>(low + (high - low) * u), least, most); });
}

template <typename T>
void FillNormal(const Philox& philox, double mean, double stddev, absl::Span<T> values) {
  Fill(
      values, [&](int64_t block) { return Normal4(philox, block); }, [&](double z) { return mean + stddev * z; });
}

template <typename T>
void FillTruncatedNormal(const Philox& philox, double mean, double stddev, absl::Span<T> values) {
  Fill(
      values, [&](int64_t block) { return TruncatedNormal4(philox, block); },
      [&](double z) { return mean + stddev * z; });
}

// Xavier and He: variance gain^2 x `factor` / fan.
template <typename T, typename Scaled>
absl::Status FillScaled(const Philox& philox, const Variable& variable, const Scaled& scaled, double factor,
                        absl::Span<T> values) {
  double fan = (variable.fan_in + variable.fan_out) / 2;
  if (scaled.fan() == Initializer::IN) fan = variable.fan_in;
  if (scaled.fan() == Initializer::OUT) fan = variable.fan_out;
  if (scaled.has_fan_size()) fan = scaled.fan_size();
  if (!(fan > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("the initialiser divides by ", Initializer::Fan_Name(scaled.fan()),
                                                   " fan, which is ", fan, " here; give fan_size"));
  }
  const double stddev = scaled.gain() * std::sqrt(factor / fan);
  GRADUS_RETURN_IF_ERROR(CheckNumber("the standard deviation", stddev));
  if (scaled.distribution() == Initializer::NORMAL) {
    FillNormal(philox, 0, stddev, values);
  } else {
    const double limit = std::sqrt(3.) * stddev;
    FillUniform(philox, -limit, limit, values);
  }
  return absl::OkStatus();
}

// Orthonormal vectors of the longer side, times `gain`; they are the rows, or the columns if there are more rows.
template <typename T>
absl::Status FillOrthogonal(const Philox& philox, const Shape& shape, double gain, absl::Span<T> values) {
  const int64_t rows = shape.rank() == 0 ? 1 : shape[0];
  const int64_t columns = shape.rank() == 0 ? 1 : shape.ElementsBetween(1, shape.rank());
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  const AlignedBytes memory = AllocateAligned(values.size() * sizeof(double));
  if (memory == nullptr) return absl::ResourceExhaustedError("not enough memory for an orthogonal matrix");
  const absl::Span<double> vectors(reinterpret_cast<double*>(memory.get()), values.size());
  FillNormal(philox, 0, 1, vectors);
  Orthonormalize(vectors, count, length);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t from = rows <= columns ? row * length + column : column * length + row;
      values[row * columns + column] = static_cast<T>(gain * vectors[from]);
    }
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status FillAs(const Initializer& initializer, const Variable& variable, uint64_t seed, absl::Span<T> values) {
  const Philox philox(seed, variable.name);
  switch (initializer.kind_case()) {
    case Initializer::KIND_NOT_SET:
      break;
    case Initializer::kConstant:
      std::fill(values.begin(), values.end(), static_cast<T>(initializer.constant().value()));
      break;
    case Initializer::kUniform:
      FillUniform(philox, initializer.uniform().low(), initializer.uniform().high(), values);
      break;
    case Initializer::kNormal:
      FillNormal(philox, initializer.normal().mean(), initializer.normal().stddev(), values);
      break;
    case Initializer::kTruncatedNormal:
      FillTruncatedNormal(philox, initializer.truncated_normal().mean(), initializer.truncated_normal().stddev(),
                          values);
      break;
    case Initializer::kXavier:
      return FillScaled(philox, variable, initializer.xavier(), 1, values);
    case Initializer::kHe:
      return FillScaled(philox, variable, initializer.he(), 2, values);
    case Initializer::kOrthogonal:
      return FillOrthogonal(philox, variable.type.shape, initializer.orthogonal().gain(), values);
  }
  return absl::OkStatus();
}

bool IsZero(const Initializer& initializer) {
  return initializer.kind_case() == Initializer::KIND_NOT_SET ||
         (initializer.has_constant() && initializer.constant().value() == 0);
}

absl::Status CheckMemory(int64_t bytes) {
  if (bytes < kLargeVariable) return absl::OkStatus();
  const MemoryRoom room = AvailableMemory();
  if (bytes <= room.bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("takes ", HumanBytes(bytes), " of memory; ", HumanBytes(room.bytes),
                                                   " are left (", room.limited_by, ")"));
}

absl::StatusOr<Initializer> ParseInitializer(const Variable& variable) {
  Initializer initializer;
  if (!initializer.ParseFromString(variable.initializer)) {
    return absl::InvalidArgumentError("the initialiser is not a serialised gradus.Initializer");
  }
  GRADUS_RETURN_IF_ERROR(CheckInitializer(initializer));
  const DType dtype = variable.type.dtype;
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64 && !IsZero(initializer)) {
    return absl::InvalidArgumentError(absl::StrCat("a variable of ", Name(dtype), " can only start with zeros"));
  }
  GRADUS_RETURN_IF_ERROR(CheckMemory(variable.type.bytes()));
  return initializer;
}

absl::StatusOr<Tensor> MakeValue(const Variable& variable, uint64_t seed) {
  GRADUS_ASSIGN_OR_RETURN(const Initializer initializer, ParseInitializer(variable));
  AlignedBytes data = AllocateAlignedInParallel(variable.type.bytes());
  if (data == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat("no memory left for ", variable.type.bytes(), " bytes"));
  Tensor tensor(variable.type, std::move(data));
  const DType dtype = variable.type.dtype;
  if (dtype == DType::kFloat32) {
    GRADUS_RETURN_IF_ERROR(FillAs(initializer, variable, seed, tensor.values<float>()));
  } else if (dtype == DType::kFloat64) {
    GRADUS_RETURN_IF_ERROR(FillAs(initializer, variable, seed, tensor.values<double>()));
  }
  return tensor;
}

absl::Status OfVariable(const Variable& variable, const absl::Status& error) {
  return absl::Status(error.code(),
                      absl::StrCat(variable.where.ToString(), ": variable '", variable.name, "': ", error.message()));
}

}  // namespace

absl::Status CheckInitializer(const Initializer& initializer) {
  switch (initializer.kind_case()) {
    case Initializer::KIND_NOT_SET:
      break;
    case Initializer::kConstant:
      return CheckNumber("constant.value", initializer.constant().value());
    case Initializer::kUniform:
      return CheckUniform(initializer.uniform());
    case Initializer::kNormal:
      return CheckNormal("normal", initializer.normal());
    case Initializer::kTruncatedNormal:
      return CheckNormal("truncated_normal", initializer.truncated_normal());
    case Initializer::kXavier:
      return CheckScaled("xavier", initializer.xavier());
    case Initializer::kHe:
      return CheckScaled("he", initializer.he());
    case Initializer::kOrthogonal:
      return CheckNumber("orthogonal.gain", initializer.orthogonal().gain());
  }
  return absl::OkStatus();
}

absl::Status CheckInitializerOf(const Variable& variable) {
  Initializer initializer;
  if (!initializer.ParseFromString(variable.initializer)) return absl::OkStatus();  // InitialValue says so
  const absl::Status checked = CheckInitializer(initializer);
  return checked.ok() ? checked : OfVariable(variable, checked);
}

absl::StatusOr<bool> StartsWithZeros(const Variable& variable) {
  const absl::StatusOr<Initializer> initializer = ParseInitializer(variable);
  if (!initializer.ok()) return OfVariable(variable, initializer.status());
  return IsZero(*initializer);
}

absl::StatusOr<Tensor> InitialValue(const Variable& variable, uint64_t seed) {
  absl::StatusOr<Tensor> value = MakeValue(variable, seed);
  if (!value.ok()) return OfVariable(variable, value.status());
  return value;
}

}  // namespace gradus
