// Winograd's convolutions against plain loops in float64, where the registry test's shapes are too small for all ways
// to split the work.
#include "ops/kernels/winograd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/kernels/tile_gemm.h"
#include "ops/kernels/winograd_gradient.h"

namespace gradus::winograd {
namespace {

constexpr float kRubbish = std::numeric_limits<float>::quiet_NaN();
constexpr double kTolerance = 4e-6;  // of the largest output

struct Case {
  const char* name;
  Convolution conv;
  int threads;
};

std::vector<Case> Cases() {
  return {
      {"one_tile", {3, 1, 8, 8, 4, 4, 4, 4, 1, 1}, 1},
      {"one_pixel", {3, 1, 8, 8, 1, 1, 1, 1, 1, 1}, 2},
      {"rounds", {3, 2, 24, 40, 33, 18, 33, 18, 1, 1}, 2},
      {"no_padding", {3, 2, 16, 24, 14, 9, 12, 7, 0, 0}, 2},
      {"uneven_padding", {3, 2, 16, 24, 7, 6, 9, 5, 2, 0}, 3},
      {"padding_beyond_the_kernel", {3, 1, 8, 8, 5, 5, 11, 11, 4, 4}, 1},
      {"channels_of_no_block", {3, 2, 20, 13, 7, 7, 7, 7, 1, 1}, 2},
      {"five_taps", {5, 2, 24, 40, 13, 10, 13, 10, 2, 2}, 2},
      {"five_taps_no_padding", {5, 1, 12, 9, 9, 5, 5, 1, 0, 0}, 2},
      {"filters_by_thread", {3, 2, 280, 264, 5, 3, 5, 3, 1, 1}, 2},
      {"filters_by_thread_of_three", {3, 1, 264, 280, 4, 3, 4, 3, 1, 1}, 3},
      {"filters_by_thread_in_rounds", {3, 1, 1792, 9, 27, 27, 25, 25, 0, 0}, 1},
      {"more_threads_than_tiles", {3, 1, 16, 16, 3, 3, 3, 3, 1, 1}, 4},
  };
}

// Places of f32[N, C, H, W] in nChw8c, and of f32[F, C, R, R] in OIhw8i8o.
int64_t ImagePlace(int64_t blocks, int64_t height, int64_t width, int64_t n, int64_t c, int64_t i, int64_t j) {
  return (((n * blocks + c / 8) * height + i) * width + j) * 8 + c % 8;
}
int64_t WeightPlace(const Convolution& conv, int64_t f, int64_t c, int64_t i, int64_t j) {
  return (((f / 8 * conv.channel_blocks() + c / 8) * conv.taps + i) * conv.taps + j) * 64 + c % 8 * 8 + f % 8;
}

float Value(int64_t i) {
  const auto hash = static_cast<uint32_t>(i) * 2654435761U + 12345U;
  return static_cast<float>(hash >> 8) / static_cast<float>(1 << 24) - 0.3F;
}

class Problem {
 public:
  explicit Problem(const Convolution& conv)
      : conv_(conv),
        x(conv.images * conv.channel_blocks() * conv.height * conv.width * 8),
        y(conv.images * conv.filter_blocks() * conv.out_height * conv.out_width * 8),
        dy(y.size()),
        dx(x.size()),
        w(conv.channel_blocks() * conv.filter_blocks() * conv.taps * conv.taps * 64),
        dw(w.size()),
        db(conv.filters),
        x_in(x.size()),
        dy_in(y.size()),
        w_in(w.size()) {
    Walk([&](int64_t xi, int64_t wi, int64_t yi, int64_t) {
      x_in[xi] = Value(xi), w_in[wi] = Value(wi + 1000), dy_in[yi] = Value(yi + 2000);
    });
    for (int64_t f = 0; f < conv.filters; ++f) bias.push_back(Value(f));
    Walk([&](int64_t xi, int64_t wi, int64_t yi, int64_t) {
      y[yi] += static_cast<double>(x_in[xi]) * w_in[wi];
      dx[xi] += static_cast<double>(dy_in[yi]) * w_in[wi];
      dw[wi] += static_cast<double>(x_in[xi]) * dy_in[yi];
    });
    WalkOutputs([&](int64_t yi, int64_t f) {
      y[yi] += bias[f];
      dy_in[yi] = Value(yi + 2000);
      db[f] += dy_in[yi];
    });
  }

  const Convolution conv_;
  std::vector<double> x, y, dy, dx, w, dw, db;
  std::vector<float> x_in, dy_in, w_in, bias;

 private:
  template <typename Body>  // body(place in y, filter)
  void WalkOutputs(const Body& body) const {
    for (int64_t n = 0; n < conv_.images; ++n) {
      for (int64_t f = 0; f < conv_.filters; ++f) {
        for (int64_t i = 0; i < conv_.out_height; ++i) {
          for (int64_t j = 0; j < conv_.out_width; ++j) {
            body(ImagePlace(conv_.filter_blocks(), conv_.out_height, conv_.out_width, n, f, i, j), f);
          }
        }
      }
    }
  }

  template <typename Body>  // body(places in x, w, y, and the filter)
  void Walk(const Body& body) const {
    for (int64_t n = 0; n < conv_.images; ++n) {
      for (int64_t f = 0; f < conv_.filters; ++f) {
        for (int64_t i = 0; i < conv_.out_height; ++i) {
          for (int64_t j = 0; j < conv_.out_width; ++j) {
            const int64_t yi = ImagePlace(conv_.filter_blocks(), conv_.out_height, conv_.out_width, n, f, i, j);
            for (int64_t p = 0; p < conv_.taps; ++p) {
              for (int64_t q = 0; q < conv_.taps; ++q) {
                const int64_t row = i + p - conv_.top, column = j + q - conv_.left;
                if (row < 0 || row >= conv_.height || column < 0 || column >= conv_.width) continue;
                for (int64_t c = 0; c < conv_.channels; ++c) {
                  body(ImagePlace(conv_.channel_blocks(), conv_.height, conv_.width, n, c, row, column),
                       WeightPlace(conv_, f, c, p, q), yi, f);
                }
              }
            }
          }
        }
      }
    }
  }
};

// Made once for all passes.
const Problem& ProblemOf(const Case& one) {
  static auto& problems = *new std::map<std::string, std::unique_ptr<const Problem>>;
  std::unique_ptr<const Problem>& problem = problems[one.name];
  if (problem == nullptr) problem = std::make_unique<const Problem>(one.conv);
  return *problem;
}

// Largest difference, as a share of the largest value.
double Error(const std::vector<float>& got, const std::vector<double>& expected) {
  double largest = 0, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    const double difference = std::fabs(got[i] - expected[i]);
    error = difference <= error ? error : difference;  // NaN counts
  }
  return error / largest;
}

class WinogradTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (VectorWidth() < kLanes) GTEST_SKIP() << "needs AVX2";
  }
};

TEST_P(WinogradTest, Forward) {
  const Problem& problem = ProblemOf(GetParam());
  const Forward forward(problem.conv_, false, GetParam().threads);
  std::vector<float> y(problem.y.size(), kRubbish), scratch(forward.scratch_bytes() / sizeof(float), kRubbish);
  TileEpilogue epilogue;
  epilogue.bias = problem.bias.data(), epilogue.filters = problem.conv_.filters;
  forward.Run(problem.x_in.data(), problem.w_in.data(), epilogue, y.data(), scratch.data());
  EXPECT_LT(Error(y, problem.y), kTolerance);
}

TEST_P(WinogradTest, ForwardWithSumAndRelu) {
  const Problem& problem = ProblemOf(GetParam());
  const Forward forward(problem.conv_, false, GetParam().threads);
  std::vector<float> y(problem.y.size(), kRubbish), scratch(forward.scratch_bytes() / sizeof(float), kRubbish);
  TileEpilogue epilogue;
  epilogue.bias = problem.bias.data(), epilogue.filters = problem.conv_.filters;
  epilogue.add = problem.dy_in.data(), epilogue.relu = true;
  forward.Run(problem.x_in.data(), problem.w_in.data(), epilogue, y.data(), scratch.data());
  std::vector<double> expected(problem.y);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = std::max(0.0, expected[i] + problem.dy_in[i]);
  EXPECT_LT(Error(y, expected), kTolerance);
}

TEST_P(WinogradTest, BackwardData) {
  const Problem& problem = ProblemOf(GetParam());
  const Forward adjoint(problem.conv_.Adjoint(), true, GetParam().threads);
  std::vector<float> dx(problem.dx.size(), kRubbish), scratch(adjoint.scratch_bytes() / sizeof(float), kRubbish);
  adjoint.Run(problem.dy_in.data(), problem.w_in.data(), {}, dx.data(), scratch.data());
  EXPECT_LT(Error(dx, problem.dx), kTolerance);
}

TEST_P(WinogradTest, BackwardWeights) {
  const Problem& problem = ProblemOf(GetParam());
  const BackwardWeights backward(problem.conv_, GetParam().threads);
  std::vector<float> dw(problem.dw.size(), kRubbish), db(problem.db.size(), kRubbish),
      scratch(backward.scratch_bytes() / sizeof(float), kRubbish);
  backward.Run(problem.x_in.data(), problem.dy_in.data(), dw.data(), db.data(), scratch.data());
  EXPECT_LT(Error(dw, problem.dw), kTolerance);
  EXPECT_LT(Error(db, problem.db), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Shapes, WinogradTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gradus::winograd
