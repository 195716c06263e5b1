#include "train/checkpoint_state.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/crc32c.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

CheckpointState SomeState() {
  CheckpointState state;
  state.set_format_version(kCheckpointFormatVersion);
  state.set_library_version("0.1.0");
  state.set_step(1200);
  state.set_epoch(3);
  state.set_seed(18446744073709551615u);
  DataCursor* cursor = state.add_data_cursor();
  cursor->set_epoch(3);
  cursor->set_batch(17);
  SourceFile* file = state.add_source_file();
  file->set_name("lenet.textproto");
  file->set_text(std::string("name: \"lenet\"\n\0\xff # \u00e9", 21));
  state.add_class_name("caf\u00e9");
  state.mutable_best()->set_value(0.1);
  TensorRecord* record = state.add_tensor();
  record->set_file("model.safetensors");
  record->set_name("conv1/weights");
  record->set_type("f32[2, 3]");
  record->set_crc32c(0xe3069283);
  return state;
}

// `body` with the right last line.
std::string WithChecksum(const std::string& body) { return absl::StrFormat("%s# crc32c: %08x\n", body, Crc32c(body)); }

TEST(CheckpointState, PrintsAsText) {
  EXPECT_EQ(PrintCheckpointState(SomeState()),
            WithChecksum("# proto-file: proto/checkpoint.proto\n"
                         "# proto-message: gradus.CheckpointState\n"
                         "format_version: 1\n"
                         "library_version: \"0.1.0\"\n"
                         "step: 1200\n"
                         "epoch: 3\n"
                         "data_cursor {\n  epoch: 3\n  batch: 17\n}\n"
                         "seed: 18446744073709551615\n"
                         "source_file {\n  name: \"lenet.textproto\"\n"
                         "  text: \"name: \\\"lenet\\\"\\n\\000\\377 # \\303\\251\"\n}\n"
                         "class_name: \"caf\u00e9\"\n"
                         "tensor {\n  file: \"model.safetensors\"\n  name: \"conv1/weights\"\n"
                         "  type: \"f32[2, 3]\"\n  crc32c: 3808858755\n}\n"
                         "best {\n  value: 0.1\n}\n"));
}

TEST(CheckpointState, ComesBack) {
  const auto state = ParseCheckpointState(PrintCheckpointState(SomeState()));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->SerializeAsString(), SomeState().SerializeAsString());
}

TEST(CheckpointState, ShowsEveryDamage) {
  const std::string good = PrintCheckpointState(SomeState());
  for (size_t i = 0; i < good.size(); ++i) {
    ASSERT_EQ(ParseCheckpointState(good.substr(0, i)).status().code(), absl::StatusCode::kDataLoss) << i;
    for (const int mask : {1, 0x20, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ mask);
      ASSERT_EQ(ParseCheckpointState(bad).status().code(), absl::StatusCode::kDataLoss) << i;
    }
  }
  EXPECT_EQ(ParseCheckpointState("").status().message(), "it has no line with its checksum");
  EXPECT_EQ(ParseCheckpointState("format_version: 1\nstep: 10\n").status().message(),
            "it should end in '# crc32c: 84dab8e4', so it has been cut off or changed");
}

TEST(CheckpointState, RefusesANewerFormatEvenWhenItKnowsNotAllOfIt) {
  const absl::Status status =
      ParseCheckpointState(WithChecksum("format_version: 3\nquantum_state { a: [1, 2] b: \"x\" }\nstep: 7\n")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "was written by a newer version (format 3; this build reads up to 1)");
}

TEST(CheckpointState, DropsFieldsOfItsOwnFormatThatItDoesNotKnow) {
  const auto state = ParseCheckpointState(WithChecksum("format_version: 1\nremark: \"x\"\nstep: 7\n"));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->step(), 7);
}

TEST(CheckpointState, NamesThePlaceOfAnError) {
  EXPECT_EQ(ParseCheckpointState(WithChecksum("format_version: 1\nstep: \"x\"\n")).status().message(),
            "line 2, column 7: Expected integer, got: \"x\"");
  EXPECT_EQ(ParseCheckpointState(WithChecksum("step: 7\n")).status().message(), "it has no format version");
}

}  // namespace
}  // namespace gradus
