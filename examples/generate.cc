// Writes text with a trained character model: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "data/utf8.h"
#include "examples/command_line.h"
#include "examples/trained_model.h"
#include "train/model_variables.h"
#include "train/predictor.h"

namespace {

constexpr char kUsage[] = R"(Writes text with a character model that was trained on the data set `text`.

  generate --run_dir=runs/characters --prompt="The license " --length=300
  generate --checkpoint=runs/characters/checkpoints/best --temperature=0.5 --seed=7

The model reads the prompt character by character, then each next character is drawn from what it says, and read in turn.
Its recurrent layers must carry their state (carry_state: true), and its input must take texts of any length (dims: [-1]).

--temperature divides the logits: below 1 the text is safer, above 1 wilder; 0 takes the likeliest character always.
Equal checkpoints, flags and seeds give equal texts.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, prompt, "", "how the text begins; nothing: as after a new line");
ABSL_FLAG(int64_t, length, 500, "how many characters to write after the prompt");
ABSL_FLAG(double, temperature, 1, "0 or more");
ABSL_FLAG(uint64_t, seed, 1, "of the random numbers");
ABSL_FLAG(int, threads, 1, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

// Whether the layer is recurrent, and if so whether it carries its state.
struct Memory {
  bool recurrent = false, carries = false;
};

Memory MemoryOf(const Layer& layer) {
  if (layer.has_rnn()) return {true, layer.rnn().carry_state()};
  if (layer.has_lstm()) return {true, layer.lstm().carry_state()};
  if (layer.has_gru()) return {true, layer.gru().carry_state()};
  return {};
}

absl::Status CheckModel(const TrainedModel& trained) {
  if (trained.class_names.empty()) {
    return absl::FailedPreconditionError(
        "the checkpoint has no vocabulary: generate needs a model trained on the data set `text`");
  }
  bool carries = false;
  for (const Layer& layer : trained.file.model.model.model().layer()) {
    const Memory memory = MemoryOf(layer);
    if (memory.recurrent && !memory.carries) {
      return absl::FailedPreconditionError(absl::StrCat("layer '", layer.name(),
                                                        "' forgets its state after each batch; generate needs "
                                                        "carry_state: true, so train the model with it"));
    }
    carries |= memory.carries;
  }
  if (carries) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the model has no recurrent layer that carries its state from character to "
      "character: rnn, lstm or gru with carry_state: true");
}

// One character for every input that takes any number of them.
InputDims OneCharacter(const Model& model) {
  InputDims dims;
  for (const Input& input : model.input()) {
    if (input.dims_size() == 1 && input.dims(0) == -1) dims.emplace(input.name(), Shape{1});
  }
  return dims;
}

class Writer {
 public:
  static absl::StatusOr<std::unique_ptr<Writer>> Make(const TrainedModel& trained) {
    GRADUS_RETURN_IF_ERROR(CheckModel(trained));
    const ExpandedModel& model = trained.file.model.model;
    const InputDims dims = OneCharacter(model.model());
    GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<VariableStore> variables, DeclareVariables(trained, dims));
    SessionOptions options;
    options.threads = absl::GetFlag(FLAGS_threads);
    std::unique_ptr<Writer> writer(new Writer);
    GRADUS_ASSIGN_OR_RETURN(writer->predictor_, Predictor::Create(model, variables, 1, std::move(options), dims));
    GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, /*optimizer=*/false, variables.get()));
    const std::vector<std::string>& feeds = writer->predictor_->plan().feeds();
    if (feeds.size() != 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("the model takes ", feeds.size(), " inputs; generate needs one, i32[-1], the characters"));
    }
    writer->input_ = feeds[0];
    for (const Input& input : model.model().input()) {
      const bool fits =
          input.dtype() == Input::INT32 && input.dims_size() == 1 && (input.dims(0) == -1 || input.dims(0) == 1);
      if (input.name() == feeds[0] && !fits) {
        return absl::FailedPreconditionError(
            absl::StrCat("the input '", input.name(),
                         "' does not take one character; generate needs dtype: INT32 and "
                         "dims: [-1]"));
      }
    }
    return writer;
  }

  // Reads a character; the logits of the next one.
  absl::StatusOr<Tensor> Read(int32_t character) {
    const int32_t characters[] = {character};
    const Tensor text = Tensor::Of<int32_t>(Shape{1, 1}, characters);
    GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor_->Run({{input_, &text}}));
    return std::move(outputs[0]);
  }

  const std::string& output() const { return predictor_->outputs()[0]; }

 private:
  std::unique_ptr<Predictor> predictor_;
  std::string input_;
};

// A character drawn with probability proportional to exp(logit / temperature); the likeliest at temperature 0.
int32_t Draw(absl::Span<const float> logits, double temperature, RandomSequence* random) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  if (temperature == 0) return static_cast<int32_t>(largest - logits.begin());
  std::vector<double> sums;
  double sum = 0;
  for (float logit : logits) {
    sum += std::exp((static_cast<double>(logit) - *largest) / temperature);
    sums.push_back(sum);
  }
  const auto drawn = std::upper_bound(sums.begin(), sums.end(), random->Uniform(0, 1) * sum);
  return static_cast<int32_t>(std::min<size_t>(drawn - sums.begin(), sums.size() - 1));
}

// The numbers of the prompt's characters.
absl::StatusOr<std::vector<int32_t>> Encode(const std::string& prompt, const std::vector<std::string>& vocabulary) {
  absl::StatusOr<std::vector<std::string>> characters = SplitUtf8(prompt, "--prompt");
  if (!characters.ok()) return WrongFlags(characters.status().message());
  std::vector<int32_t> text;
  for (const std::string& character : *characters) {
    const auto found = std::find(vocabulary.begin(), vocabulary.end(), character);
    if (found == vocabulary.end()) {
      return WrongFlags(absl::StrCat("--prompt: the character '", absl::Utf8SafeCEscape(character),
                                     "' does not occur in the text that the model was trained on"));
    }
    text.push_back(static_cast<int32_t>(found - vocabulary.begin()));
  }
  return text;
}

absl::StatusOr<int> Generate(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("length", absl::GetFlag(FLAGS_length), 0));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  const double temperature = absl::GetFlag(FLAGS_temperature);
  if (!(temperature >= 0 && std::isfinite(temperature))) {
    return WrongFlags(absl::StrCat("--temperature is ", temperature, "; it must be 0 or more"));
  }
  if (!arguments.empty())
    return WrongFlags(absl::StrCat("what is '", arguments[0], "'? The text begins with --prompt"));
  GRADUS_ASSIGN_OR_RETURN(const TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer, Writer::Make(trained));
  const std::vector<std::string>& vocabulary = trained.class_names;
  GRADUS_ASSIGN_OR_RETURN(std::vector<int32_t> prompt, Encode(absl::GetFlag(FLAGS_prompt), vocabulary));
  std::fputs(absl::GetFlag(FLAGS_prompt).c_str(), stdout);
  if (prompt.empty()) {
    const auto line = std::find(vocabulary.begin(), vocabulary.end(), "\n");
    prompt = {line == vocabulary.end() ? 0 : static_cast<int32_t>(line - vocabulary.begin())};
  }
  Tensor logits;
  for (int32_t character : prompt) {
    GRADUS_ASSIGN_OR_RETURN(logits, writer->Read(character));
  }
  const auto characters = static_cast<int64_t>(vocabulary.size());
  if (logits.dtype() != DType::kFloat32 || logits.shape().num_elements() < characters) {
    return absl::FailedPreconditionError(absl::StrCat("the model's output '", writer->output(), "' is ",
                                                      logits.type().ToString(), "; expected a logit for each of the ",
                                                      characters, " characters"));
  }
  RandomSequence random(absl::GetFlag(FLAGS_seed), "generate", 0);
  for (int64_t i = 0; i < absl::GetFlag(FLAGS_length); ++i) {
    const int32_t next = Draw(logits.values<float>().first(characters), temperature, &random);
    std::fputs(vocabulary[next].c_str(), stdout);
    std::fflush(stdout);
    GRADUS_ASSIGN_OR_RETURN(logits, writer->Read(next));
  }
  std::fputs("\n", stdout);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Generate); }
