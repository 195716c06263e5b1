// Recurrent layers as users write them: what they become, what is refused, and that steps written out by hand give the
// same numbers.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "core/text_proto.h"
#include "gmock/gmock.h"
#include "graph/expand.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "gtest/gtest.h"
#include "proto/train.pb.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<LoadedModel> Parse(const std::string& text) { return LoadModelText(text, "net.textproto"); }

absl::Status LowerText(const std::string& text) {
  const absl::StatusOr<LoadedModel> model = Parse(text);
  if (!model.ok()) return model.status();
  LowerOptions options;
  options.batch = 2;
  return Lower(model->model, options).status();
}

std::string Sequence(const std::string& layer) {
  return absl::StrCat(
      "input { name: 'x' dims: [5, 3] } input { name: 'length' dtype: INT32 } input { name: 'h' dims: [1, 4] }\n"
      "layer { name: 'r' ",
      layer,
      " }\n"
      "loss { name: 'l' input: 'r' value {} }");
}

TEST(RecurrentLayer, Mistakes) {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"input: 'x' lstm {}", "has no units: the size of the hidden state"},
      {"input: 'x' lstm { units: 0 }", "net.textproto:2:37: 'r': units is 0; expected 1 or more"},
      {"input: 'x' gru { units: 4 layers: 0 }", "layers is 0; expected 1 to 1000"},
      {"input: 'length' rnn { units: 4 }", "expected a sequence f32[N, T, features]; got i32[2]"},
      {"input: 'x' rnn { units: 4 activation: GELU }", "activation is GELU; an rnn has TANH or RELU"},
      {"input: 'x' lstm { units: 4 dropout: 0.5 }", "dropout is between stacked layers, and there is one"},
      {"input: 'x' lstm { units: 4 layers: 2 dropout: 1 }", "dropout is 1; it must be in [0, 1)"},
      {"input: ['x', 'length'] lstm { units: 4 }", "say what the others are, as in takes: [LENGTHS, INITIAL_STATE]"},
      {"input: 'x' lstm { units: 4 takes: LENGTHS }", "takes 2 inputs, the sequence and what `takes` says; it has 1"},
      {"input: ['x', 'h'] lstm { units: 4 takes: LENGTHS }", "LENGTHS is i32[2] here; the input is f32[2, 1, 4]"},
      {"input: ['x', 'h'] lstm { units: 5 takes: INITIAL_STATE }",
       "INITIAL_STATE is f32[2, 1, 5] here; the input is f32[2, 1, 4]"},
      {"input: ['x', 'h'] gru { units: 4 takes: INITIAL_CELL }", "only an lstm has cells"},
      {"input: ['x', 'h', 'h'] gru { units: 4 takes: [INITIAL_STATE, INITIAL_STATE] }", "INITIAL_STATE is there twice"},
      {"input: 'x' gru { units: 4 direction: BIDIRECTIONAL carry_state: true }",
       "a state can be carried on FORWARD only"},
      {"input: ['x', 'h'] gru { units: 4 carry_state: true takes: INITIAL_STATE }",
       "INITIAL_STATE and carry_state exclude each other"},
      {"input: 'x' lstm { units: 9007199254740992 }", "net.textproto:2:37"},
      {"input: 'length' embedding { size: 3 }", "has no units: the length of the vectors"},
      {"input: 'x' embedding { size: 3 units: 2 }", "expected ids i32[N, ...]; got f32[2, 5, 3]"},
      {"input: 'x' dense { units: 3 flatten: false norm { batch {} } }", "a norm needs the input flattened"},
  };
  for (const auto& [layer, message] : mistakes) {
    const absl::Status status = LowerText(Sequence(layer));
    EXPECT_FALSE(status.ok()) << layer;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << layer;
  }
}

Tensor RandomTensor(const Shape& shape, const std::string& name) {
  Tensor tensor(TensorType{DType::kFloat32, shape});
  RandomSequence random(7, name);
  for (float& value : tensor.values<float>()) value = static_cast<float>(random.Uniform(-1, 1));
  return tensor;
}

absl::StatusOr<std::unique_ptr<Learner>> MakeLearner(const std::string& text, int64_t batch) {
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, Parse(text));
  Training training;
  training.set_batch_size(batch);
  training.set_threads(2);
  training.mutable_optimizer()->mutable_sgd();
  return Learner::Create(model, training);
}

struct Outcome {
  std::vector<double> losses;
  Tensor weights, recurrent, bias;
};

// Three steps of plain SGD.
absl::StatusOr<Outcome> Train(const std::string& text, const std::vector<Tensor>& xs, const std::string& layer) {
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Learner> learner, MakeLearner(text, xs[0].shape()[0]));
  const auto set = [&](const char* suffix, double bound) -> absl::Status {
    const int index = learner->variables().Find(layer + suffix);
    Tensor value = RandomTensor(learner->variables().variable(index).type.shape, suffix);
    for (float& v : value.values<float>()) v *= static_cast<float>(bound);
    return learner->variables().Set(index, value);
  };
  GRADUS_RETURN_IF_ERROR(set("/weights", 0.5));
  GRADUS_RETURN_IF_ERROR(set("/recurrent_weights", 0.5));
  GRADUS_RETURN_IF_ERROR(set("/bias", 0.1));
  Outcome outcome;
  for (const Tensor& x : xs) {
    GRADUS_ASSIGN_OR_RETURN(const StepResult step, learner->Step({{"x", &x}}, 0.1));
    outcome.losses.push_back(step.loss);
  }
  GRADUS_ASSIGN_OR_RETURN(outcome.weights, learner->Value(layer + "/weights"));
  GRADUS_ASSIGN_OR_RETURN(outcome.recurrent, learner->Value(layer + "/recurrent_weights"));
  GRADUS_ASSIGN_OR_RETURN(outcome.bias, learner->Value(layer + "/bias"));
  return outcome;
}

void ExpectNear(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.type(), b.type());
  for (size_t i = 0; i < a.values<float>().size(); ++i) EXPECT_NEAR(a.values<float>()[i], b.values<float>()[i], 1e-5);
}

// One step of the layer as a block, repeated with shared variables: the sequence goes along, turned by one step each
// time, and the state is the initial state of the next copy.
TEST(RecurrentLayer, UnrolledByABlockGivesTheSameNumbers) {
  const std::string whole = R"(
      input { name: "x" dims: [4, 3] }
      layer { name: "lstm" lstm { units: 5 } }
      layer { name: "last" input: "lstm.final_state" flatten {} }
      layer { name: "square" unary { function: SQUARE } }
      loss { name: "l" value {} })";
  // The block carries f32[N, 1, 4 x 3 + 5 + 5]: what is left of the sequence, the state, the cell.
  const std::string unrolled = R"(
      input { name: "x" dims: [4, 3] }
      block {
        name: "step" input: "all"
        layer { name: "x1"   input: "all" slice { axis: 2 begin: 0 end: 3 } }
        layer { name: "rest" input: "all" slice { axis: 2 begin: 3 end: 12 } }
        layer { name: "h"    input: "all" slice { axis: 2 begin: 12 end: 17 } }
        layer { name: "c"    input: "all" slice { axis: 2 begin: 17 end: 22 } }
        layer { name: "lstm" input: ["x1", "h", "c"] lstm { units: 5 takes: [INITIAL_STATE, INITIAL_CELL] } }
        layer { name: "next" input: ["rest", "x1", "lstm.final_state", "lstm.final_cell"] concat { axis: 2 } }
      }
      layer { name: "row"  reshape { dims: [1, 12] } }
      layer { name: "all"  pad { axis: 2 before: 0 after: 10 } }
      layer { name: "time" use { block: "step" repeat: 4 share_with: "time" } }
      layer { name: "h"    slice { axis: 2 begin: 12 end: 17 } }
      layer { name: "last" flatten {} }
      layer { name: "square" unary { function: SQUARE } }
      loss { name: "l" value {} })";
  std::vector<Tensor> xs;
  for (int i = 0; i < 3; ++i) xs.push_back(RandomTensor(Shape{6, 4, 3}, absl::StrCat("x", i)));
  const absl::StatusOr<Outcome> a = Train(whole, xs, "lstm");
  ASSERT_TRUE(a.ok()) << a.status();
  const absl::StatusOr<Outcome> b = Train(unrolled, xs, "time/1/lstm");
  ASSERT_TRUE(b.ok()) << b.status();
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(a->losses[i], b->losses[i], 1e-6);
  ExpectNear(a->weights, b->weights);
  ExpectNear(a->recurrent, b->recurrent);
  ExpectNear(a->bias, b->bias);
}

// A long sequence in pieces: the carried state makes each piece begin where the one before has ended.
TEST(RecurrentLayer, CarriedStateGoesOnWhereTheBatchBeforeHasEnded) {
  const auto model = [](int steps, const char* carry) {
    return absl::StrCat("input { name: 'x' dims: [", steps, ", 3] }\nlayer { name: 'r' gru { units: 4 layers: 2 ",
                        carry, " } }\noutput: 'r'");
  };
  const absl::StatusOr<LoadedModel> whole = Parse(model(6, "")), pieces = Parse(model(2, "carry_state: true"));
  ASSERT_TRUE(whole.ok() && pieces.ok()) << whole.status() << pieces.status();
  auto variables = std::make_shared<VariableStore>(3);
  absl::StatusOr<std::unique_ptr<Predictor>> a = Predictor::Create(whole->model, variables, 2);
  absl::StatusOr<std::unique_ptr<Predictor>> b = Predictor::Create(pieces->model, variables, 2);
  absl::StatusOr<std::unique_ptr<Predictor>> other = Predictor::Create(pieces->model, variables, 2);
  ASSERT_TRUE(a.ok() && b.ok() && other.ok()) << a.status() << b.status() << other.status();
  const Tensor x = RandomTensor(Shape{2, 6, 3}, "x");
  const absl::StatusOr<std::vector<Tensor>> expected = (*a)->Run({{"x", &x}});
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int round = 0; round < 2; ++round) {
    for (int piece = 0; piece < 3; ++piece) {
      Tensor part(TensorType{DType::kFloat32, {2, 2, 3}});
      for (int n = 0; n < 2; ++n) {
        for (int i = 0; i < 6; ++i) part.values<float>()[n * 6 + i] = x.values<float>()[n * 18 + piece * 6 + i];
      }
      // Another predictor of the same variables has a state of its own.
      ASSERT_TRUE((*other)->Run({{"x", &part}}).ok());
      const absl::StatusOr<std::vector<Tensor>> y = (*b)->Run({{"x", &part}});
      ASSERT_TRUE(y.ok()) << y.status();
      for (int n = 0; n < 2; ++n) {
        for (int i = 0; i < 8; ++i) {
          EXPECT_NEAR((*y)[0].values<float>()[n * 8 + i], (*expected)[0].values<float>()[n * 24 + piece * 8 + i], 1e-6);
        }
      }
    }
    ASSERT_TRUE((*b)->plan().ForgetCarried().ok());
  }
}

// What lies behind a sequence's end must not matter, in either direction and layer.
TEST(RecurrentLayer, PaddingInfluencesNothing) {
  for (const char* cell : {"rnn", "gru", "lstm"}) {
    for (const char* merge : {"CONCATENATE", "SUM_DIRECTIONS"}) {
      const std::string text = absl::StrCat(
          "input { name: 'x' dims: [5, 3] } input { name: 'length' dtype: INT32 }\n"
          "layer { name: 'r' input: ['x', 'length'] ",
          cell, " { units: 4 layers: 3 direction: BIDIRECTIONAL merge: ", merge,
          " takes: LENGTHS } }\noutput: 'r' output: 'r.final_state'");
      const absl::StatusOr<LoadedModel> model = Parse(text);
      ASSERT_TRUE(model.ok()) << model.status();
      absl::StatusOr<std::unique_ptr<Predictor>> predictor =
          Predictor::Create(model->model, std::make_shared<VariableStore>(3), 3);
      ASSERT_TRUE(predictor.ok()) << predictor.status();
      const std::vector<int32_t> lengths = {5, 2, 0};
      const Tensor length = Tensor::Of<int32_t>(Shape{3}, lengths);
      Tensor x = RandomTensor(Shape{3, 5, 3}, "x");
      const absl::StatusOr<std::vector<Tensor>> before = (*predictor)->Run({{"x", &x}, {"length", &length}});
      ASSERT_TRUE(before.ok()) << before.status();
      for (int n = 0; n < 3; ++n) {
        for (int i = lengths[n] * 3; i < 15; ++i) x.values<float>()[n * 15 + i] = 1e6f;
      }
      const absl::StatusOr<std::vector<Tensor>> after = (*predictor)->Run({{"x", &x}, {"length", &length}});
      ASSERT_TRUE(after.ok()) << after.status();
      for (int output = 0; output < 2; ++output) {
        EXPECT_EQ((*before)[output].values<float>(), (*after)[output].values<float>()) << cell << merge;
      }
      for (float state : (*after)[1].values<float>().subspan(2 * 24)) EXPECT_EQ(state, 0);
    }
  }
}

TEST(RecurrentLayer, NamesTheExampleOfALengthThatIsTooLarge) {
  const absl::StatusOr<LoadedModel> model = Parse(
      "input { name: 'x' dims: [5, 3] } input { name: 'length' dtype: INT32 }\n"
      "layer { name: 'r' input: ['x', 'length'] gru { units: 4 takes: LENGTHS } }");
  ASSERT_TRUE(model.ok()) << model.status();
  absl::StatusOr<std::unique_ptr<Predictor>> predictor =
      Predictor::Create(model->model, std::make_shared<VariableStore>(3), 2);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  const std::vector<int32_t> lengths = {5, 6};
  const Tensor length = Tensor::Of<int32_t>(Shape{2}, lengths), x = RandomTensor(Shape{2, 5, 3}, "x");
  const absl::Status status = (*predictor)->Run({{"x", &x}, {"length", &length}}).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the length 6 of example 1 of the batch is outside 0 ... 5, the steps that there are"));
}

}  // namespace
}  // namespace gradus
