// Restricted Boltzmann machines so small that all their states can be counted: what differentiation makes of a
// free-energy difference, with the blocks of examples/rbm, is the gradient of the likelihood.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/tensor.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "proto/train.pb.h"
#include "train/learner.h"

namespace gradus {
namespace {

constexpr int kVisible = 4, kHidden = 3;
constexpr int64_t kBatch = 64, kBatches = 400;

// `chain`: layers that end in "sample", the model's. `kind`: "" or "_gaussian". `stddev`: of the weights.
std::string ModelText(const std::string& chain, const std::string& kind, double stddev) {
  const std::string rest = "\"weights\", \"visible_bias\", \"hidden_bias\"]";
  return absl::StrCat(R"(import: "blocks.textproto"
input { name: "v" dims: [4] }
variable { name: "weights" dims: [3, 4] init { normal { stddev: )",
                      stddev, R"( } } }
variable { name: "visible_bias" dims: [4] init { normal { stddev: 0.5 } } }
variable { name: "hidden_bias" dims: [3] init { normal { stddev: 0.5 } } }
layer { name: "data_energy" input: ["v", )",
                      rest, " use { block: \"free_energy", kind, "\" } }\n", chain,
                      "layer { name: \"fantasy\" input: \"sample\" stop_gradient {} }\n",
                      "layer { name: \"model_energy\" input: [\"fantasy\", ", rest, " use { block: \"free_energy", kind,
                      "\" } }\n",
                      R"(loss { name: "data" input: "data_energy" value {} }
loss { name: "model" input: "model_energy" value {} weight: -1 })");
}

// Persistent chains, one for each example of a batch.
std::string Persistent(const std::string& kind) {
  return absl::StrCat(R"(layer { name: "before" input: "v" carried {} }
layer { name: "chain" input: ["before", "weights", "visible_bias", "hidden_bias"] use { block: "gibbs)",
                      kind, R"(" repeat: 5 } }
layer { name: "sample" input: ["before", "chain"] carry_on {} }
)");
}

// One very long chain from each example: CD-k.
std::string Long(const std::string& kind) {
  return absl::StrCat(
      R"(layer { name: "sample" input: ["v", "weights", "visible_bias", "hidden_bias"] use { block: "gibbs)", kind,
      "\" repeat: 40 } }\n");
}

struct Machine {
  std::vector<double> w, b, c;  // [hidden x visible], [visible], [hidden]

  double HiddenDrive(const double* v, int j) const {
    double sum = c[j];
    for (int i = 0; i < kVisible; ++i) sum += w[j * kVisible + i] * v[i];
    return sum;
  }
};

Machine Read(Learner* learner) {
  const auto values = [learner](const char* name) {
    const Tensor tensor = *learner->Value(name);
    return std::vector<double>(tensor.values<float>().begin(), tensor.values<float>().end());
  };
  return {values("weights"), values("visible_bias"), values("hidden_bias")};
}

// Adds the gradient of F at v, times `factor`: -v, -p(h | v), and their products; Gaussian units have v - b for the
// first.
void AddFreeEnergyGradient(const Machine& machine, const double* v, bool gaussian, double factor, Machine* gradient) {
  for (int i = 0; i < kVisible; ++i) gradient->b[i] -= factor * (gaussian ? v[i] - machine.b[i] : v[i]);
  for (int j = 0; j < kHidden; ++j) {
    const double p = 1 / (1 + std::exp(-machine.HiddenDrive(v, j)));
    gradient->c[j] -= factor * p;
    for (int i = 0; i < kVisible; ++i) gradient->w[j * kVisible + i] -= factor * p * v[i];
  }
}

// The expectation of F's gradient under the model. Binary: a sum over all states of the visible units. Gaussian: given
// the hidden units v is normal around b + h W, so their states have the probability exp(c h + |b + h W|^2 / 2), and
// what is wanted is linear in v but for p(h | v), whose product with v has the expectation of h v.
Machine ModelExpectation(const Machine& machine, bool gaussian) {
  Machine sum{std::vector<double>(kHidden * kVisible), std::vector<double>(kVisible), std::vector<double>(kHidden)};
  double total = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int state = 0; state < (gaussian ? 1 << kHidden : 1 << kVisible); ++state) {
      double v[kVisible], log_weight = 0;
      if (gaussian) {
        for (int i = 0; i < kVisible; ++i) {
          v[i] = machine.b[i];
          for (int j = 0; j < kHidden; ++j) v[i] += (state >> j & 1) * machine.w[j * kVisible + i];
          log_weight += v[i] * v[i] / 2;
        }
        for (int j = 0; j < kHidden; ++j) log_weight += (state >> j & 1) * machine.c[j];
      } else {
        for (int i = 0; i < kVisible; ++i) log_weight += (v[i] = state >> i & 1) * machine.b[i];
        for (int j = 0; j < kHidden; ++j) log_weight += std::log1p(std::exp(machine.HiddenDrive(v, j)));
      }
      if (pass == 0) {
        total += std::exp(log_weight);
        continue;
      }
      const double p = std::exp(log_weight) / total;
      if (!gaussian) {
        AddFreeEnergyGradient(machine, v, false, p, &sum);
        continue;
      }
      for (int i = 0; i < kVisible; ++i) sum.b[i] -= p * (v[i] - machine.b[i]);
      for (int j = 0; j < kHidden; ++j) {
        if ((state >> j & 1) == 0) continue;
        sum.c[j] -= p;
        for (int i = 0; i < kVisible; ++i) sum.w[j * kVisible + i] -= p * v[i];
      }
    }
  }
  return sum;
}

// A batch of data: rows of a few states, so that data and model differ.
Tensor Data(bool gaussian) {
  RandomSequence random(7, "data");
  Tensor data(TensorType{DType::kFloat32, Shape{kBatch, kVisible}});
  for (int64_t n = 0; n < kBatch; ++n) {
    for (int i = 0; i < kVisible; ++i) {
      const double noise = gaussian ? random.NextNormal() : 0;
      data.values<float>()[n * kVisible + i] = static_cast<float>((n % 3 == 0) == (i < 2) ? 1 + noise : noise);
    }
  }
  return data;
}

// One step of rate 1 whose gradient is the mean over many batches of the same data: how far is what it takes from the
// parameters from the exact gradient of minus the mean log-likelihood?
double LargestDifference(const std::string& chain, const std::string& kind, double* largest, double stddev = 0.8) {
  const bool gaussian = !kind.empty();
  const auto model = LoadModelText(ModelText(chain, kind, stddev), "examples/rbm/tiny.textproto");
  EXPECT_TRUE(model.ok()) << model.status();
  Training training;
  training.set_batch_size(kBatch);
  training.set_accumulate(kBatches);
  training.set_threads(1);
  training.set_seed(3);
  const auto learner = Learner::Create(*model, training);
  EXPECT_TRUE(learner.ok()) << learner.status();
  const Machine before = Read(learner->get());
  const Tensor data = Data(gaussian);
  for (int64_t i = 0; i < kBatches; ++i) {
    const auto result = (*learner)->Step({{"v", &data}}, 1);
    EXPECT_TRUE(result.ok()) << result.status();
  }
  const Machine after = Read(learner->get());
  Machine exact = ModelExpectation(before, gaussian);
  for (std::vector<double>* part : {&exact.w, &exact.b, &exact.c}) {
    for (double& value : *part) value = -value;
  }
  for (int64_t n = 0; n < kBatch; ++n) {
    double v[kVisible];
    for (int i = 0; i < kVisible; ++i) v[i] = static_cast<double>(data.values<float>()[n * kVisible + i]);
    AddFreeEnergyGradient(before, v, gaussian, 1.0 / kBatch, &exact);
  }
  double difference = 0;
  const auto compare = [&](const std::vector<double>& from, const std::vector<double>& to,
                           const std::vector<double>& gradient) {
    for (size_t i = 0; i < from.size(); ++i) {
      difference = std::max(difference, std::abs(from[i] - to[i] - gradient[i]));
      *largest = std::max(*largest, std::abs(gradient[i]));
    }
  };
  compare(before.w, after.w, exact.w);
  compare(before.b, after.b, exact.b);
  compare(before.c, after.c, exact.c);
  return difference;
}

// 25600 samples: a standard error of 0.003 for binary units, somewhat more for real ones and for chains.
TEST(RbmTest, TheGradientIsThatOfTheLikelihood) {
  for (const char* kind : {"", "_gaussian"}) {
    for (const std::string& chain : {Persistent(kind), Long(kind)}) {
      double largest = 0;
      const double difference = LargestDifference(chain, kind, &largest);
      EXPECT_LT(difference, *kind == 0 ? 0.02 : 0.05) << chain;
      EXPECT_GT(largest, 0.15) << chain;
      std::printf("gradients up to %.3f, differences up to %.4f\n", largest, difference);
    }
  }
}

// One step of the chain is not enough: contrastive divergence is biased, and the test sees it.
TEST(RbmTest, ContrastiveDivergenceIsBiased) {
  double largest = 0;
  const std::string chain =
      "layer { name: \"sample\" input: [\"v\", \"weights\", \"visible_bias\", \"hidden_bias\"] use { block: \"gibbs\" "
      "} }\n";
  EXPECT_GT(LargestDifference(chain, "", &largest, /*stddev=*/2), 0.03);
}

}  // namespace
}  // namespace gradus
