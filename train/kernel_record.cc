#include "train/kernel_record.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "absl/status/statusor.h"
#include "core/file.h"

namespace gradus {
namespace {

constexpr char kFile[] = "kernels.textproto";

// A damaged file is as good as none, and no affair of stderr.
class Silent : public google::protobuf::io::ErrorCollector {
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

}  // namespace

void Record(const Plan& plan, KernelRecord* record) {
  for (const auto& [node, name] : plan.Choices()) {
    KernelChoice* choice = record->Add();
    choice->set_node(node);
    choice->set_implementation(name.implementation);
    choice->set_layouts(name.layouts);
  }
}

KernelChoices ChoicesOf(const KernelRecord& record) {
  KernelChoices choices;
  for (const KernelChoice& choice : record) choices[choice.node()] = {choice.implementation(), choice.layouts()};
  return choices;
}

absl::Status WriteRunKernels(absl::string_view run, const RunKernels& kernels) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(kernels, &text);
  return WriteFileAtomically(JoinPath(run, kFile), text);
}

RunKernels ReadRunKernels(absl::string_view run) {
  RunKernels kernels;
  const absl::StatusOr<std::string> text = ReadFile(JoinPath(run, kFile));
  Silent silent;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  if (!text.ok() || !parser.ParseFromString(*text, &kernels)) return RunKernels();
  return kernels;
}

}  // namespace gradus
