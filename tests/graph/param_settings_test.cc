#include "graph/param_settings.h"

#include "core/text_proto.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

const std::vector<std::string>& Variables() {
  static const auto* names =
      new std::vector<std::string>{"conv1/weights", "conv1/bias", "conv1/norm/scale", "fc/weights", "fc/bias"};
  return *names;
}

absl::StatusOr<std::vector<ParamSettings>> Resolve(absl::string_view model_text, absl::string_view training_text) {
  Model model, training;
  const SourceMap model_source = *ParseText(model_text, "model", &model);
  const SourceMap training_source = *ParseText(training_text, "train", &training);
  ParamSettings defaults;
  defaults.weight_decay = 0.5;
  return ResolveParamSettings(Variables(), {model.param_group(), model_source},
                              {training.param_group(), training_source}, defaults);
}

TEST(ResolveParamSettings, LastMatchWinsPerField) {
  const auto settings = Resolve(
      "param_group { match: '**/bias' weight_decay: 0 learning_rate_scale: 2 }"
      "param_group { match: ['conv1/**', 'fc/bias'] freeze: true }",
      "param_group { match: '*/bias' learning_rate_scale: 3 } param_group { match: 'fc/*' freeze: false }");
  ASSERT_TRUE(settings.ok()) << settings.status();
  const ParamSettings& conv_bias = (*settings)[1];
  EXPECT_EQ(conv_bias.weight_decay, 0);
  EXPECT_EQ(conv_bias.learning_rate_scale, 3);
  EXPECT_TRUE(conv_bias.freeze);
  EXPECT_TRUE((*settings)[2].freeze);
  EXPECT_FALSE((*settings)[4].freeze);
  EXPECT_EQ((*settings)[3].weight_decay, 0.5);
  EXPECT_EQ((*settings)[3].learning_rate_scale, 1);
}

TEST(ResolveParamSettings, ReportsAllMistakesAtOnce) {
  EXPECT_EQ(Resolve("param_group { match: ['*/bias', '**/weight'] }\nparam_group { freeze: true }",
                    "param_group { match: '**' weight_decay: -1 learning_rate_scale: nan }\n"
                    "param_group { match: 'fc[0]' }")
                .status()
                .message(),
            "model:1:33: pattern '**/weight' matches no parameter; did you mean 'weights'?\n"
            "model:2:1: a param_group needs a pattern: 'match'\n"
            "train:1:27: 'weight_decay' is -1; it must be a number of at least 0\n"
            "train:1:44: 'learning_rate_scale' is nan; it must be a number of at least 0\n"
            "train:2:15: pattern 'fc[0]' has '[', which no name has; wildcards are '*', '**' and '?'");
}

}  // namespace
}  // namespace gradus
