#include "graph/initializer.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/orthonormalize.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

Initializer Parse(const std::string& text) {
  Initializer initializer;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &initializer)) << text;
  return initializer;
}

Variable MakeVariable(const std::string& name, const Shape& shape, const std::string& initializer, double fan_in = 0,
                      double fan_out = 0, DType dtype = DType::kFloat32) {
  Variable variable;
  variable.name = name;
  variable.type = {dtype, shape};
  variable.initializer = Parse(initializer).SerializeAsString();
  variable.fan_in = fan_in;
  variable.fan_out = fan_out;
  return variable;
}

std::vector<float> Values(const Variable& variable, uint64_t seed = 1) {
  absl::StatusOr<Tensor> tensor = InitialValue(variable, seed);
  if (!tensor.ok()) {
    ADD_FAILURE() << tensor.status();
    return {};
  }
  EXPECT_EQ(tensor->type(), variable.type);
  const absl::Span<const float> values = std::as_const(*tensor).values<float>();
  return {values.begin(), values.end()};
}

std::string ErrorOf(const Variable& variable) { return std::string(InitialValue(variable, 1).status().message()); }

struct Moments {
  double mean = 0, stddev = 0, kurtosis = 0, low = 0, high = 0;
};

Moments MomentsOf(const std::vector<float>& values) {
  const double n = static_cast<double>(values.size());
  Moments m;
  for (float v : values) m.mean += v / n;
  double second = 0, fourth = 0;
  for (float v : values) {
    const double d = v - m.mean;
    second += d * d / n;
    fourth += d * d * d * d / n;
  }
  m.stddev = std::sqrt(second);
  m.kurtosis = second > 0 ? fourth / (second * second) : 0;
  m.low = *std::min_element(values.begin(), values.end());
  m.high = *std::max_element(values.begin(), values.end());
  return m;
}

double Correlation(const std::vector<float>& a, const std::vector<float>& b) {
  const Moments of_a = MomentsOf(a), of_b = MomentsOf(b);
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - of_a.mean) * (b[i] - of_b.mean);
  return sum / (static_cast<double>(a.size()) * of_a.stddev * of_b.stddev);
}

constexpr int kMany = 400'000;  // standard errors: mean 0.0016 stddev, stddev 0.11 %, kurtosis of a normal 0.008

// The kurtosis tells the distributions apart: 1.8 of a uniform, 3 of a normal, 2.37 of one cut off at 2.
struct MomentCase {
  const char* initializer;
  double fan_in, fan_out;
  double mean, stddev, kurtosis;
};

const MomentCase kMomentCases[] = {
    {"uniform {}", 0, 0, 0, 0.05 / std::sqrt(3.), 1.8},
    {"uniform { low: 1 high: 4 }", 0, 0, 2.5, 3 / std::sqrt(12.), 1.8},
    {"normal {}", 0, 0, 0, 0.01, 3},
    {"normal { mean: -2 stddev: 3 }", 0, 0, -2, 3, 3},
    {"truncated_normal { mean: 1 stddev: 2 }", 0, 0, 1, 2 * 0.87962566, 2.3656},
    {"xavier {}", 30, 50, 0, std::sqrt(1 / 40.), 1.8},
    {"xavier { fan: IN }", 30, 50, 0, std::sqrt(1 / 30.), 1.8},
    {"xavier { fan: OUT distribution: NORMAL }", 30, 50, 0, std::sqrt(1 / 50.), 3},
    {"xavier { fan_size: 9 gain: 2 }", 30, 50, 0, 2 / 3., 1.8},
    {"he {}", 30, 50, 0, std::sqrt(2 / 30.), 3},
    {"he { fan: OUT }", 30, 50, 0, std::sqrt(2 / 50.), 3},
    {"he { fan: AVERAGE distribution: UNIFORM }", 30, 50, 0, std::sqrt(2 / 40.), 1.8},
    {"he { fan_size: 8 gain: 3 }", 0, 0, 0, 1.5, 3},
};

TEST(InitializerTest, HasTheRightMoments) {
  for (const MomentCase& c : kMomentCases) {
    const Moments m = MomentsOf(Values(MakeVariable("a", {kMany}, c.initializer, c.fan_in, c.fan_out)));
    EXPECT_NEAR(m.mean, c.mean, 0.008 * c.stddev) << c.initializer;
    EXPECT_NEAR(m.stddev, c.stddev, 0.006 * c.stddev) << c.initializer;
    EXPECT_NEAR(m.kurtosis, c.kurtosis, 0.04) << c.initializer;
  }
}

TEST(InitializerTest, StaysWithinItsBounds) {
  const Moments uniform = MomentsOf(Values(MakeVariable("a", {kMany}, "uniform { low: 1 high: 4 }")));
  EXPECT_GE(uniform.low, 1);
  EXPECT_LT(uniform.low, 1.001);
  EXPECT_LT(uniform.high, 4);
  EXPECT_GT(uniform.high, 3.999);
  const Moments truncated = MomentsOf(Values(MakeVariable("a", {kMany}, "truncated_normal { mean: 1 stddev: 2 }")));
  EXPECT_GE(truncated.low, -3);
  EXPECT_LT(truncated.low, -2.99);
  EXPECT_LE(truncated.high, 5);
  EXPECT_GT(truncated.high, 4.99);
  const Moments normal = MomentsOf(Values(MakeVariable("a", {kMany}, "normal { stddev: 1 }")));
  EXPECT_GT(normal.high, 4);
  EXPECT_LT(normal.low, -4);
}

// f32 has one number between these: in double arithmetic most draws would round to the upper bound.
TEST(InitializerTest, UniformNeverRoundsToItsUpperBound) {
  const float low = 1, high = 1 + 2 * std::numeric_limits<float>::epsilon();
  Variable variable = MakeVariable("a", {1000}, "uniform {}");
  Initializer initializer;
  initializer.mutable_uniform()->set_low(low);
  initializer.mutable_uniform()->set_high(high);
  variable.initializer = initializer.SerializeAsString();
  for (float v : Values(variable)) EXPECT_TRUE(v >= low && v < high) << v;
  EXPECT_EQ(Values(MakeVariable("a", {2}, "uniform { low: 3 high: 3 }")), std::vector<float>({3, 3}));
}

TEST(InitializerTest, ConstantsAndZeros) {
  EXPECT_EQ(Values(MakeVariable("a", {3}, "constant { value: 1.5 }")), std::vector<float>({1.5, 1.5, 1.5}));
  EXPECT_EQ(Values(MakeVariable("a", {2}, "")), std::vector<float>({0, 0}));
  EXPECT_EQ(Values(MakeVariable("a", {}, "constant { value: -1 }")), std::vector<float>({-1}));
  EXPECT_EQ(Values(MakeVariable("a", {2}, "he { fan_size: 1 gain: 0 }")), std::vector<float>({0, 0}));
  EXPECT_EQ(Values(MakeVariable("a", {4, 0}, "normal {}")), std::vector<float>());
  EXPECT_EQ(Values(MakeVariable("a", {0, 4}, "orthogonal {}")), std::vector<float>());
}

TEST(InitializerTest, OtherTypes) {
  absl::StatusOr<Tensor> counts = InitialValue(MakeVariable("n", {2}, "constant {}", 0, 0, DType::kInt32), 1);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->values<int32_t>()[1], 0);
  const Variable exact = MakeVariable("a", {100}, "normal { stddev: 1 }", 0, 0, DType::kFloat64);
  absl::StatusOr<Tensor> doubles = InitialValue(exact, 1);
  ASSERT_TRUE(doubles.ok()) << doubles.status();
  const std::vector<float> floats = Values(MakeVariable("a", {100}, "normal { stddev: 1 }"));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(static_cast<float>(doubles->values<double>()[i]), floats[i]);
}

TEST(InitializerTest, DependsOnSeedAndNameAlone) {
  for (const char* text : {"uniform { low: -1 high: 1 }", "normal { stddev: 1 }", "truncated_normal { stddev: 1 }"}) {
    const std::vector<float> values = Values(MakeVariable("a/weights", {kMany}, text));
    EXPECT_EQ(Values(MakeVariable("a/weights", {kMany}, text)), values);
    EXPECT_LT(std::abs(Correlation(values, Values(MakeVariable("b/weights", {kMany}, text)))), 0.008);
    EXPECT_LT(std::abs(Correlation(values, Values(MakeVariable("a/weights", {kMany}, text), 2))), 0.008);
    // Element i does not depend on how many there are.
    const std::vector<float> fewer = Values(MakeVariable("a/weights", {7, 143}, text));
    EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), values.begin()));
  }
}

TEST(InitializerTest, NeighboursAreIndependent) {
  const std::vector<float> values = Values(MakeVariable("a", {kMany}, "normal { stddev: 1 }"));
  for (int distance : {1, 2, 3, 4, 5}) {
    const std::vector<float> a(values.begin(), values.end() - distance), b(values.begin() + distance, values.end());
    EXPECT_LT(std::abs(Correlation(a, b)), 0.008) << distance;
  }
}

TEST(InitializerTest, DoesNotDependOnTheNumberOfThreads) {
  const int before = omp_get_max_threads();
  for (const char* text : {"uniform {}", "truncated_normal {}", "orthogonal {}"}) {
    const Variable variable = MakeVariable("a", {301, 333}, text);
    omp_set_num_threads(1);
    const std::vector<float> values = Values(variable);
    for (int threads : {2, 3, 7}) {
      omp_set_num_threads(threads);
      EXPECT_EQ(Values(variable), values) << text << " " << threads;
    }
  }
  omp_set_num_threads(before);
}

TEST(InitializerTest, OrthogonalRowsOrColumns) {
  const double gain = 3;
  for (const Shape& shape : {Shape{40, 100}, Shape{100, 40}, Shape{70, 70}, Shape{1, 9}, Shape{9}, Shape{8, 3, 5, 5}}) {
    const std::vector<float> m = Values(MakeVariable("a", shape, "orthogonal { gain: 3 }"));
    const int64_t rows = shape[0], columns = shape.num_elements() / rows;
    const bool by_row = rows <= columns;
    const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto at = [&](int64_t vector, int64_t i) {
      return double{m[by_row ? vector * columns + i : i * columns + vector]} / gain;
    };
    for (int64_t a = 0; a < count; ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double dot = 0;
        for (int64_t i = 0; i < length; ++i) dot += at(a, i) * at(b, i);
        EXPECT_NEAR(dot, a == b ? 1 : 0, 2e-6) << shape.ToString() << " " << a << " " << b;
      }
    }
  }
}

// A decomposition with signs of its own would make some elements always positive.
TEST(InitializerTest, OrthogonalMatricesAreUniform) {
  std::vector<float> corners;
  int rotations = 0;
  for (int seed = 0; seed < 2000; ++seed) {
    const std::vector<float> m = Values(MakeVariable("a", {2, 2}, "orthogonal {}"), seed);
    corners.push_back(m[3]);
    rotations += m[0] * m[3] - m[1] * m[2] > 0 ? 1 : 0;
  }
  const Moments moments = MomentsOf(corners);
  EXPECT_NEAR(moments.mean, 0, 0.08);
  EXPECT_NEAR(moments.stddev, std::sqrt(0.5), 0.04);
  EXPECT_NEAR(rotations, 1000, 120);
}

TEST(OrthonormalizeTest, KeepsDirections) {
  std::vector<double> vectors = {3, 0, 4, 0, 0, 5, 0, 0, -8, 0, 6, 2};
  Orthonormalize(absl::MakeSpan(vectors), 3, 4);
  const std::vector<double> expected = {
      0.6, 0, 0.8, 0, 0, 1, 0, 0, -0.8 * 10 / std::sqrt(104.), 0, 0.6 * 10 / std::sqrt(104.), 2 / std::sqrt(104.)};
  for (size_t i = 0; i < vectors.size(); ++i) EXPECT_NEAR(vectors[i], expected[i], 1e-14) << i;
}

TEST(InitializerTest, ErrorsNamePlaceAndVariable) {
  Variable variable = MakeVariable("conv1/weights", {2}, "normal { stddev: -1 }");
  EXPECT_EQ(ErrorOf(variable), "<code>: variable 'conv1/weights': normal.stddev is -1; it must not be negative");
  variable.where.file = std::make_shared<std::string>("net.textproto");
  variable.where.line = 3;
  EXPECT_EQ(ErrorOf(variable),
            "net.textproto:3: variable 'conv1/weights': normal.stddev is -1; it must not be negative");
  variable.initializer = "nonsense";
  EXPECT_EQ(ErrorOf(variable),
            "net.textproto:3: variable 'conv1/weights': the initialiser is not a serialised gradus.Initializer");
}

TEST(InitializerTest, RefusesToDivideByNoFan) {
  EXPECT_EQ(ErrorOf(MakeVariable("b", {2}, "xavier {}")),
            "<code>: variable 'b': the initialiser divides by AVERAGE fan, which is 0 here; give fan_size");
  EXPECT_EQ(ErrorOf(MakeVariable("b", {2}, "he {}", 0, 5)),
            "<code>: variable 'b': the initialiser divides by IN fan, which is 0 here; give fan_size");
  EXPECT_EQ(ErrorOf(MakeVariable("b", {2}, "he { fan_size: 1e-300 }")),
            "<code>: variable 'b': the standard deviation is 1.41421e+150; it must be a number between -1e37 and 1e37");
}

TEST(InitializerTest, RefusesRandomIntegers) {
  EXPECT_EQ(ErrorOf(MakeVariable("n", {2}, "normal {}", 0, 0, DType::kInt32)),
            "<code>: variable 'n': a variable of i32 can only start with zeros");
}

TEST(InitializerTest, RefusesWhatMemoryCannotHold) {
  const absl::Status status = InitialValue(MakeVariable("w", {int64_t{1} << 50}, ""), 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST(CheckInitializerTest, NamesTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"constant { value: 1e37 }", ""},
      {"constant { value: inf }", "constant.value is inf; it must be a number between -1e37 and 1e37"},
      {"uniform { low: nan }", "uniform.low is nan; it must be a number between -1e37 and 1e37"},
      {"uniform { high: 2e37 }", "uniform.high is 2e+37; it must be a number between -1e37 and 1e37"},
      {"uniform { low: 1 }", "uniform.high is 0.05; it must not be below uniform.low, 1"},
      {"uniform { low: 1 high: 1 }", ""},
      {"normal { mean: -inf }", "normal.mean is -inf; it must be a number between -1e37 and 1e37"},
      {"normal { stddev: 0 }", ""},
      {"normal { stddev: -0.5 }", "normal.stddev is -0.5; it must not be negative"},
      {"truncated_normal { stddev: -1 }", "truncated_normal.stddev is -1; it must not be negative"},
      {"xavier { gain: -1 }", "xavier.gain is -1; it must not be negative"},
      {"xavier { fan_size: 0 }", "xavier.fan_size is 0; it must be above 0"},
      {"he { fan_size: nan }", "he.fan_size is nan; it must be a number between -1e37 and 1e37"},
      {"he { gain: inf }", "he.gain is inf; it must be a number between -1e37 and 1e37"},
      {"orthogonal { gain: nan }", "orthogonal.gain is nan; it must be a number between -1e37 and 1e37"},
      {"orthogonal { gain: -1 }", ""},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(CheckInitializer(Parse(text)).message(), message) << text;
}

}  // namespace
}  // namespace gradus
