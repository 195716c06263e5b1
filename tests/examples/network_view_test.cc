// What goes back through a network by each set of rules, against plain loops; and what views refuse.
#include "examples/network_view.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "data/memory_dataset.h"
#include "examples/image_views.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "ops/view_rules.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

Tensor Image(const Floats& values, int64_t height, int64_t width) {
  return Tensor::Of<float>({1, height, width}, values);
}
Floats ValuesOf(const Tensor& tensor) { return Floats(tensor.values<float>().begin(), tensor.values<float>().end()); }

// A model, its session and views of it.
class Looking {
 public:
  explicit Looking(const std::string& text) : session_(variables_, Options()) {
    absl::StatusOr<LoadedModel> loaded = LoadModelText(text, "m");
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (loaded.ok()) model_ = std::make_unique<LoadedModel>(*std::move(loaded));
  }

  absl::StatusOr<NetworkView> Make(const NetworkView::Options& options, const std::string& input = "image") {
    return NetworkView::Make(model_->model, input, options, &session_);
  }
  NetworkView View(const std::string& layer, GradientOptions rules = {}) {
    NetworkView::Options options;
    options.layer = layer;
    options.backward = true;
    options.rules = std::move(rules);
    absl::StatusOr<NetworkView> view = Make(options);
    EXPECT_TRUE(view.ok()) << view.status();
    return *std::move(view);
  }
  void Set(const std::string& variable, const Shape& shape, const Floats& values) {
    const absl::Status status = variables_->Set(variables_->Find(variable), Tensor::Of<float>(shape, values));
    EXPECT_TRUE(status.ok()) << status;
  }

 private:
  static SessionOptions Options() {
    SessionOptions options;
    options.threads = 1;
    return options;
  }
  std::shared_ptr<VariableStore> variables_ = std::make_shared<VariableStore>();
  Session session_;
  std::unique_ptr<LoadedModel> model_;
};

// Two filters of 2 x 2 over an image of 3 x 5, ReLU, max pooling of 2 x 2, a dense layer with ReLU and one without: all
// small enough for plain loops.
constexpr char kSmall[] = R"(
  input { name: 'image' dims: [1, 3, 5] }
  layer { name: 'conv' conv { filters: 2 kernel: 2 activation: RELU } }
  layer { name: 'pool' pool { kernel: 2 } }
  layer { name: 'fc' dense { units: 3 activation: RELU } }
  layer { name: 'out' dense { units: 2 } })";

enum class Rule { kGradient, kDeconvolution, kGuided };

class SmallNetwork {
 public:
  const Floats filters = {1, -2, 0.5f, 1, -1, 1, 2, -0.5f};
  const Floats biases = {0.25f, -0.5f};
  const Floats fc = {1, -1, 0.5f, 2, -1, 1, -2, 1, 0.5f, -1, 1, -0.25f};  // [3, 4]
  const Floats out = {1, -1, 0.5f, -2, 1, 1};                             // [2, 3]
  const Floats image = {1, 0, 2, -1, 0.5f, 0.25f, 3, -2, 1, 1, 0, -1, 2, 0.5f, 2};

  void SetAll(Looking* looking) const {
    looking->Set("conv/weights", {2, 1, 2, 2}, filters);
    looking->Set("conv/bias", {2}, biases);
    looking->Set("fc/weights", {3, 4}, fc);
    looking->Set("out/weights", {2, 3}, out);
  }

  // What comes back from output `unit`.
  Floats Back(int unit, Rule rule) const {
    float map[2][2][4];  // after ReLU
    for (int f = 0; f < 2; ++f) {
      for (int y = 0; y < 2; ++y) {
        for (int x = 0; x < 4; ++x) {
          float sum = biases[f];
          for (int k = 0; k < 4; ++k) sum += filters[4 * f + k] * image[(y + k / 2) * 5 + x + k % 2];
          map[f][y][x] = std::max(sum, 0.0f);
        }
      }
    }
    float pooled[4], hidden[3], back_hidden[3], back_pooled[4] = {};
    int from[4];  // which of the window's four
    for (int i = 0; i < 4; ++i) {
      from[i] = 0;
      for (int k = 1; k < 4; ++k) {
        if (At(map, i, k) > At(map, i, from[i])) from[i] = k;
      }
      pooled[i] = At(map, i, from[i]);
    }
    for (int u = 0; u < 3; ++u) {
      hidden[u] = 0;
      for (int i = 0; i < 4; ++i) hidden[u] += fc[4 * u + i] * pooled[i];
      back_hidden[u] = ThroughRelu(out[3 * unit + u], hidden[u], rule);
      for (int i = 0; i < 4; ++i) back_pooled[i] += fc[4 * u + i] * back_hidden[u];
    }
    Floats back(15);
    for (int i = 0; i < 4; ++i) {
      const int f = i / 2, y = from[i] / 2, x = 2 * (i % 2) + from[i] % 2;
      const float d = ThroughRelu(back_pooled[i], pooled[i], rule);
      for (int k = 0; k < 4; ++k) back[(y + k / 2) * 5 + x + k % 2] += d * filters[4 * f + k];
    }
    return back;
  }

 private:
  static float At(const float (&map)[2][2][4], int i, int k) { return map[i / 2][k / 2][2 * (i % 2) + k % 2]; }
  static float ThroughRelu(float d, float before, Rule rule) {
    if (rule != Rule::kGradient && d < 0) return 0;
    return rule == Rule::kDeconvolution || before > 0 ? d : 0;
  }
};

TEST(NetworkViewTest, RulesAgreeWithPlainLoops) {
  const SmallNetwork network;
  Looking looking(kSmall);
  NetworkView views[] = {looking.View("out"), looking.View("out", DeconvolutionRules()),
                         looking.View("out", GuidedRules())};
  network.SetAll(&looking);
  Floats of[3][2];
  for (const Rule rule : {Rule::kGradient, Rule::kDeconvolution, Rule::kGuided}) {
    for (int unit : {0, 1}) {
      const Tensor image = Image(network.image, 3, 5), seed = SeedAt(Shape{2}, unit);
      const auto back =
          views[static_cast<int>(rule)].Backward(absl::MakeConstSpan(&image, 1), absl::MakeConstSpan(&seed, 1));
      ASSERT_TRUE(back.ok()) << back.status();
      Floats& values = of[static_cast<int>(rule)][unit] = ValuesOf(back->front());
      const Floats expected = network.Back(unit, rule);
      for (int i = 0; i < 15; ++i) EXPECT_NEAR(values[i], expected[i], 1e-5) << static_cast<int>(rule) << " " << i;
    }
  }
  EXPECT_NE(of[0][0], of[1][0]);  // the rules do differ here
  EXPECT_NE(of[0][0], of[2][0]);
  EXPECT_NE(of[1][1], of[2][1]);
}

TEST(NetworkViewTest, SaliencyIsTheLargestMagnitudeOfTheChannels) {
  const Tensor gradient = Tensor::Of<float>({3, 1, 2}, Floats{1, -4, -3, 2, 2, 1});
  const Tensor map = SaliencyOf(gradient);
  EXPECT_EQ(map.shape(), (Shape{1, 1, 2}));
  EXPECT_EQ(ValuesOf(map), (Floats{3, 4}));
}

TEST(NetworkViewTest, ExamplesThatFillNoBatch) {
  const SmallNetwork network;
  Looking looking(kSmall);
  NetworkView::Options options;
  options.layer = "pool";
  options.batch = 2;
  auto pairs = looking.Make(options);
  options.batch = 1;
  auto single = looking.Make(options);
  ASSERT_TRUE(pairs.ok() && single.ok());
  network.SetAll(&looking);
  EXPECT_EQ(pairs->layer_shape(), (Shape{2, 1, 2}));
  std::vector<Tensor> images;
  for (float scale : {1.0f, -1.0f, 2.0f}) {
    Floats values = network.image;
    for (float& value : values) value *= scale;
    images.push_back(Image(values, 3, 5));
  }
  const auto two = pairs->Forward(images), one = single->Forward(images);
  ASSERT_TRUE(two.ok() && one.ok());
  ASSERT_EQ(two->size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ValuesOf((*two)[i]), ValuesOf((*one)[i]));
}

// Images of one pixel of 1 at a place of its own, times a strength; a unit sees the image itself.
TEST(NetworkViewTest, TheStrongestExamplesComeFirst) {
  Looking looking("input { name: 'image' dims: [1, 2, 3] } layer { name: 'c' conv { filters: 2 kernel: 1 } }");
  NetworkView::Options options;
  options.layer = "c";
  options.batch = 2;
  auto view = looking.Make(options);
  ASSERT_TRUE(view.ok()) << view.status();
  looking.Set("c/weights", {2, 1, 1, 1}, {1, -1});
  const Floats strengths = {1, 5, 3, -4, 2, 9};
  Tensor images(TensorType{DType::kFloat32, {6, 1, 2, 3}});
  for (int i = 0; i < 6; ++i) images.values<float>()[7 * i] = strengths[i];
  const auto find = [&](int64_t examples, int64_t count) {
    auto data = std::make_shared<MemoryDataset>();
    EXPECT_TRUE(data->Add("image", images.Clone()).ok());
    LoaderOptions setup;
    setup.batch_size = 4;
    setup.remainder = Remainder::kPad;
    auto loader = Loader::Make(data, setup);
    EXPECT_TRUE(loader.ok()) << loader.status();
    auto strongest = FindStrongest(&*view, loader->get(), 0, examples, {0, 1}, count);
    EXPECT_TRUE(strongest.ok()) << strongest.status();
    return *std::move(strongest);
  };
  const auto found = find(5, 3);
  ASSERT_EQ(found.size(), 2u);
  ASSERT_EQ(found[0].size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const int example = i == 0 ? 1 : 2 * i;
    EXPECT_EQ(found[0][i].value, strengths[example]);
    EXPECT_EQ(found[0][i].place, example);
    EXPECT_EQ(found[0][i].image.values<float>()[example], strengths[example]);
  }
  EXPECT_EQ(found[1][0].value, 4);
  EXPECT_EQ(found[1][0].place, 6 + 3);
  EXPECT_EQ(find(100, 1)[0][0].value, 9);  // each once, without padding
  EXPECT_EQ(find(100, 100)[0].size(), 6u);
}

// Convolution 3 x 3, pooling 2 x 2, convolution 3 x 3: 8 pixels see the place, whatever the image is.
TEST(NetworkViewTest, TheReceptiveFieldIsWhatCanReachAPlace) {
  Looking looking(R"(input { name: 'image' dims: [1, 20, 24] }
                     layer { name: 'a' conv { filters: 2 kernel: 3 padding: SAME activation: RELU } }
                     layer { name: 'p' pool { kernel: 2 } }
                     layer { name: 'b' conv { filters: 3 kernel: 3 padding: SAME activation: RELU } })");
  NetworkView deconvolution = looking.View("b", DeconvolutionRules());
  NetworkView field = looking.View("b", ReceptiveFieldRules());
  std::vector<Strongest> places;
  for (const auto& [y, x] : std::vector<std::pair<int, int>>{{4, 5}, {0, 11}}) {
    places.push_back({Tensor(TensorType{DType::kFloat32, {1, 20, 24}}), (1 * 10 + y) * 12 + x, 2.0f});
  }
  const auto projections = Project(&deconvolution, &field, places);
  ASSERT_TRUE(projections.ok()) << projections.status();
  const Box inner = (*projections)[0].field, corner = (*projections)[1].field;
  EXPECT_EQ((std::vector<int64_t>{inner.y, inner.x, inner.height, inner.width}), (std::vector<int64_t>{5, 7, 8, 8}));
  EXPECT_EQ((std::vector<int64_t>{corner.y, corner.x, corner.height, corner.width}),
            (std::vector<int64_t>{0, 19, 5, 5}));
}

// The score is what lies in one corner; the rest of the image counts for nothing.
TEST(NetworkViewTest, TheOcclusionMapIsDarkestWhereItMatters) {
  Looking looking("input { name: 'image' dims: [1, 8, 8] } layer { name: 'out' dense { units: 2 } }");
  NetworkView view = looking.View("out");
  Floats weights(2 * 64);
  for (int i = 0; i < 4; ++i) weights[64 + (4 + i / 2) * 8 + 2 + i % 2] = 1;
  looking.Set("out/weights", {2, 64}, weights);
  const Tensor image = Image(Floats(64, 1), 8, 8);
  for (int64_t stride : {1, 2}) {
    const auto map = OcclusionMap(&view, image, 1, {2, stride, 0});
    ASSERT_TRUE(map.ok()) << map.status();
    const Floats values = ValuesOf(*map);
    const float darkest = *std::min_element(values.begin(), values.end());
    for (int i = 0; i < 64; ++i) {
      const bool matters = i / 8 >= 4 && i / 8 < 6 && i % 8 >= 2 && i % 8 < 4;
      EXPECT_TRUE(matters || values[i] > darkest) << i;
    }
    EXPECT_EQ(values[0], 4);
  }
  const auto other = OcclusionMap(&view, image, 0, {3, 1, 0});
  EXPECT_EQ(ValuesOf(*other), Floats(64, 0));  // the other score is 0 whatever is laid over
}

TEST(NetworkViewTest, AscentMakesTheActivationLarger) {
  const SmallNetwork network;
  Looking looking(kSmall);
  NetworkView::Options options;
  options.layer = "out";
  options.batch = 2;
  options.ascent = AscentOptions{0.05, 0.1, -1, 1};
  auto view = looking.Make(options);
  ASSERT_TRUE(view.ok()) << view.status();
  network.SetAll(&looking);
  std::vector<Tensor> starts;
  for (int i = 0; i < 2; ++i) starts.push_back(NoiseAround(0.2f, {-1, 1}, Shape{1, 3, 5}, 7, i));
  const auto maximized = MaximizeActivations(&*view, starts, {0, 1}, 30);
  ASSERT_TRUE(maximized.ok()) << maximized.status();
  for (const Maximized& unit : *maximized) {
    EXPECT_GT(unit.after, unit.before + 1);
    for (float value : unit.image.values<float>()) EXPECT_TRUE(value >= -1 && value <= 1) << value;
  }
}

// One step by hand: a linear score w x goes up along w / rms(w).
TEST(NetworkViewTest, AStepOfAscentIsAsLongAsTheRateSays) {
  Looking looking("input { name: 'image' dims: [1, 1, 2] } layer { name: 'out' dense { units: 1 } }");
  NetworkView::Options options;
  options.layer = "out";
  options.ascent = AscentOptions{0.5, 0, -10, 1};
  auto view = looking.Make(options);
  ASSERT_TRUE(view.ok()) << view.status();
  looking.Set("out/weights", {1, 2}, {3, -4});
  const Tensor image = Image({0.5f, 0}, 1, 2), seed = SeedAt(Shape{1}, 0);
  const auto next = view->Ascend(absl::MakeConstSpan(&image, 1), absl::MakeConstSpan(&seed, 1));
  ASSERT_TRUE(next.ok()) << next.status();
  const float rms = std::sqrt(12.5f);
  EXPECT_NEAR(next->front().values<float>()[0], 0.5f + 0.5f * 3 / rms, 1e-5);
  EXPECT_NEAR(next->front().values<float>()[1], -0.5f * 4 / rms, 1e-5);
}

TEST(NetworkViewTest, Mistakes) {
  Looking looking(R"(input { name: 'image' dims: [1, 4, 4] } input { name: 'other' dims: [1, 4, 4] }
                     layer { name: 'conv' conv { filters: 2 kernel: 3 } }
                     layer { name: 'flat' reshape { dims: [2, 4] } }
                     layer { name: 'out' dense { units: 2 } })");
  auto message = [&](const std::string& layer, const std::string& input) {
    NetworkView::Options options;
    options.layer = layer;
    options.backward = true;
    return std::string(looking.Make(options, input).status().message());
  };
  EXPECT_EQ(message("convl", "image"), "the model has no layer 'convl'; did you mean 'conv'?");
  EXPECT_EQ(message("conv", "imag"), "the model has no input 'imag'; did you mean 'image'?");
  EXPECT_EQ(message("flat", "image"),
            "layer 'flat' gives f32[1, 2, 4]; a view needs maps, f32[N, C, H, W], or f32[N, units]");
  EXPECT_EQ(message("out", "other"),
            "no gradient flows from layer 'out' to input 'other': it cannot be looked at this way");
}

}  // namespace
}  // namespace gradus
