// Our pass over the tokens and the library's parser agree on what is a message, on texts that were damaged at random.
#include "core/text_scanner.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/random.h"
#include "gtest/gtest.h"
#include "tests/core/foreign.pb.h"

namespace gradus {
namespace {

class Silent : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

bool LibraryAccepts(const std::string& text) {
  acme::Everything message;
  Silent silent;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  return parser.ParseFromString(text, &message);
}

bool WeAccept(const std::string& text) {
  return ScanText(text, "t", PlaceStyle::kLineAndColumn, *acme::Everything::descriptor()).ok();
}

// Pieces that damage puts in, and the whole text is made of.
constexpr char kPieces[] =
    "i32 : 5 , i64 : -7 ; u64 : 0x1F f32 : 1.5f f64 : inf flag : true text : 'a' \"b\" color : GREEN "
    "child { i32 : 1 child < u32 : 3 > } children : [ { } , { text : 'x' } ] numbers : [ 1 , - 2 ] numbers : 3 "
    "names : 'y' word : 'z' children { numbers : [ ] }";

TEST(ScanText, AgreesWithTheLibrary) {
  const std::vector<std::string> pieces = absl::StrSplit(kPieces, ' ');
  RandomSequence random(1, "damage");
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> damaged = pieces;
    const uint64_t times = random.Below(4);
    for (uint64_t i = 0; i < times; ++i) {
      const size_t place = random.Below(damaged.size());
      switch (random.Below(3)) {
        case 0:
          damaged.erase(damaged.begin() + place);
          break;
        case 1:
          damaged[place] = pieces[random.Below(pieces.size())];
          break;
        case 2:
          std::swap(damaged[place], damaged[random.Below(damaged.size())]);
          break;
      }
    }
    const std::string text = absl::StrJoin(damaged, " ");
    ASSERT_EQ(WeAccept(text), LibraryAccepts(text)) << text;
    accepted += WeAccept(text);
  }
  EXPECT_GT(accepted, 4000);
  EXPECT_LT(accepted, 16000);
}

TEST(ScanText, SurvivesRandomBytes) {
  constexpr char kBytes[] = "{}<>[]:;,-.'\"\\#/ \n\tia05exE_\xc3";
  RandomSequence random(1, "bytes");
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (uint64_t size = random.Below(40); size > 0; --size) text += kBytes[random.Below(sizeof(kBytes) - 1)];
    EXPECT_TRUE(!WeAccept(text) || LibraryAccepts(text)) << text;
  }
}

}  // namespace
}  // namespace gradus
