// The data set gradus.Text: windows of a text file, as numbers of characters.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "data/utf8.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr char kDefaultText[] = "/usr/share/common-licenses/GPL-3";
constexpr int64_t kMostBytes = int64_t{1} << 30;
constexpr int64_t kMostWindow = int64_t{1} << 20;

// A window for each example. In streams, example i is place i / streams of stream i mod streams.
class TextDataset : public Dataset {
 public:
  TextDataset(std::vector<int32_t> text, std::vector<std::string> vocabulary, int64_t window, int64_t streams)
      : text_(std::move(text)),
        vocabulary_(std::move(vocabulary)),
        window_(window),
        streams_(streams),
        per_stream_(Windows(static_cast<int64_t>(text_.size()), window, streams)),
        columns_{{"text", {DType::kInt32, {window}}}, {"next", {DType::kInt32, {window}}}} {}

  // Windows of each stream (of the one that there is where `streams` is 0). The last needs a character behind it.
  static int64_t Windows(int64_t characters, int64_t window, int64_t streams) {
    return (characters - 1) / std::max<int64_t>(1, streams) / window;
  }

  int64_t size() const override { return per_stream_ * std::max<int64_t>(1, streams_); }
  const std::vector<Column>& columns() const override { return columns_; }
  std::vector<std::string> class_names() const override { return vocabulary_; }
  int64_t streams() const override { return streams_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    int64_t window = index;
    if (streams_ > 0) window = index % streams_ * per_stream_ + index / streams_;
    const int32_t* const from = text_.data() + window * window_;
    std::memcpy(columns[0], from, window_ * sizeof(int32_t));
    std::memcpy(columns[1], from + 1, window_ * sizeof(int32_t));
    return absl::OkStatus();
  }

 private:
  const std::vector<int32_t> text_;
  const std::vector<std::string> vocabulary_;
  const int64_t window_, streams_, per_stream_;
  const std::vector<Column> columns_;
};

// The characters that occur, in the order of their numbers.
std::vector<std::string> VocabularyOf(const std::vector<std::string>& characters) {
  std::vector<std::string> vocabulary = characters;
  std::sort(vocabulary.begin(), vocabulary.end());  // UTF-8 sorts as its code points do
  vocabulary.erase(std::unique(vocabulary.begin(), vocabulary.end()), vocabulary.end());
  return vocabulary;
}

// Each character's number. An error names one that the vocabulary lacks, and its line.
absl::StatusOr<std::vector<int32_t>> Encode(const std::string& path, const std::vector<std::string>& characters,
                                            const std::vector<std::string>& vocabulary) {
  absl::flat_hash_map<std::string, int32_t> numbers;
  for (size_t i = 0; i < vocabulary.size(); ++i) numbers.emplace(vocabulary[i], static_cast<int32_t>(i));
  std::vector<int32_t> text;
  text.reserve(characters.size());
  int64_t line = 1;
  for (const std::string& character : characters) {
    const auto found = numbers.find(character);
    if (found == numbers.end()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": the character '",
                                                     absl::Utf8SafeCEscape(character),
                                                     "' does not occur in the training data's text"));
    }
    text.push_back(found->second);
    line += character == "\n";
  }
  return text;
}

absl::Status CheckConfig(const Text& config) {
  if (config.window() < 1 || config.window() > kMostWindow) {
    return absl::InvalidArgumentError(absl::StrCat("text: window ", config.window(), " is not between 1 and 2^20"));
  }
  if (config.streams() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("text: streams ", config.streams(), " is below 0"));
  }
  if (!(config.test_share() > 0 && config.test_share() < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("text: test_share ", config.test_share(), " is not between 0 and 1"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenText(const google::protobuf::Message& message,
                                                  const DatasetContext& context) {
  const auto& config = static_cast<const Text&>(message);
  GRADUS_RETURN_IF_ERROR(CheckConfig(config));
  const std::string path = config.has_path() ? JoinPath(context.data_dir, config.path()) : kDefaultText;
  absl::StatusOr<std::string> bytes = ReadFile(path, kMostBytes);
  if (!bytes.ok() && !config.has_path()) {
    return absl::Status(bytes.status().code(),
                        absl::StrCat(bytes.status().message(), "; this is text's default, on Debian: give a path"));
  }
  if (!bytes.ok()) return bytes.status();
  GRADUS_ASSIGN_OR_RETURN(const std::vector<std::string> characters, SplitUtf8(*bytes, path));
  std::vector<std::string> vocabulary = context.class_names.empty() ? VocabularyOf(characters) : context.class_names;
  GRADUS_ASSIGN_OR_RETURN(std::vector<int32_t> text, Encode(path, characters, vocabulary));
  if (config.has_split()) {
    const auto test = static_cast<int64_t>(std::llround(static_cast<double>(text.size()) * config.test_share()));
    const auto cut = text.end() - test;
    text = config.split() == DatasetSplit::TEST ? std::vector<int32_t>(cut, text.end())
                                                : std::vector<int32_t>(text.begin(), cut);
  }
  const auto characters_left = static_cast<int64_t>(text.size());
  if (TextDataset::Windows(characters_left, config.window(), config.streams()) < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", characters_left, characters_left == 1 ? " character is" : " characters are", " too few for ",
        config.streams() > 0 ? absl::StrCat(config.streams(), " streams of windows of ") : "a window of ",
        config.window(), " and the character behind it"));
  }
  return std::make_unique<TextDataset>(std::move(text), std::move(vocabulary), config.window(), config.streams());
}

REGISTER_DATASET("gradus.Text", OpenText);

}  // namespace
}  // namespace gradus
