#include "core/text_proto.h"

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "proto/model.pb.h"
#include "tests/core/foreign.pb.h"

namespace gradus {
namespace {

template <typename Message>
std::string ErrorOf(absl::string_view text) {
  Message message;
  const absl::StatusOr<SourceMap> source = ParseText(text, "m", &message);
  EXPECT_EQ(message.ByteSizeLong() == 0, !source.ok() || text.empty()) << "an error leaves nothing";
  return std::string(source.status().message());
}

std::string Repeated(absl::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += std::string(piece);
  return text;
}

constexpr char kLeNet[] = R"(# proto-file: proto/model.proto
name: "lenet"
input { name: "image" dims: [1, 28, 28] }
layer { name: "conv1" conv { filters: 20 kernel: 5 kernel: 3 } }
layer <
  name: 'two' ' strings', [acme.roi_align] { size: 7; ratio: [] }
>
)";

TEST(ParseText, GivesValuesAndPlaces) {
  Model model;
  const absl::StatusOr<SourceMap> source = ParseText(kLeNet, "lenet.textproto", &model);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(model.layer(0).conv().kernel(1), 3);
  EXPECT_EQ(model.layer(1).name(), "two strings");
  EXPECT_EQ(model.layer(1).GetExtension(acme::roi_align).size(), 7);
  const auto place = [&](absl::string_view path) { return source->Lookup(path).ToString(); };
  EXPECT_EQ(place("name"), "lenet.textproto:2:1");
  EXPECT_EQ(place("input[0].dims[2]"), "lenet.textproto:3:37");
  EXPECT_EQ(place("layer[0].conv.filters"), "lenet.textproto:4:30");
  EXPECT_EQ(place("layer[0].conv.kernel[1]"), "lenet.textproto:4:52");
  EXPECT_EQ(place("layer[1].[acme.roi_align].size"), "lenet.textproto:6:46");
  // What is not in the text has the place of what is around it.
  EXPECT_EQ(place("layer[0].conv.kernel[7]"), "lenet.textproto:4:42");
  EXPECT_EQ(place("layer[0].conv.bias"), "lenet.textproto:4:23");
  EXPECT_EQ(place("layer[0].only"), "lenet.textproto:4:1");
  EXPECT_EQ(place("loss[0].input"), "lenet.textproto");
}

TEST(ParseText, ReportsAllMistakesAtOnce) {
  EXPECT_EQ(ErrorOf<Model>(R"(nam: "lenet"
layer { name: "conv1" conv { filters: 20 kernal: 5 } }
layer { name: "pool1" pool { kind: MAXX kernel: 2.5 } }
layer { name: "conv2" con { filters: 20 } dense { units: "10" } }
)"),
            "m:1:1: message 'Model' has no field 'nam'; did you mean 'name'?\n"
            "m:2:42: message 'Conv' has no field 'kernal'; did you mean 'kernel'?\n"
            "m:3:36: 'MAXX' is not a value of 'pool.kind'; did you mean 'MAX'?\n"
            "m:3:49: 'pool.kernel' takes an integer, not '2.5'\n"
            "m:4:23: message 'Layer' has no field 'con'; did you mean 'conv'?\n"
            "m:4:58: 'dense.units' takes an integer, not \"10\"");
}

TEST(ParseText, KnowsNamesOfEnclosingMessagesAndExtensions) {
  EXPECT_EQ(ErrorOf<Model>("layer { conv { filters: 3 input: \"x\" } }"),
            "m:1:27: message 'Conv' has no field 'input'; it is a field of the 'Layer' around it");
  EXPECT_EQ(ErrorOf<Model>("layer { [acme.roi_algn] { size: 7 } }"),
            "m:1:9: message 'Layer' has no extension '[acme.roi_algn]'; did you mean '[acme.roi_align]'?");
  EXPECT_EQ(ErrorOf<Model>("layer { roi_align { size: 7 } }"),
            "m:1:9: message 'Layer' has no field 'roi_align'; did you mean '[acme.roi_align]'?");
  EXPECT_EQ(ErrorOf<Model>("loss { [acme.roi_align] {} }"),
            "m:1:8: message 'Loss' has no extension '[acme.roi_align]'");
  EXPECT_EQ(ErrorOf<Model>("layer { flatten { axis: 1 } }"), "m:1:19: message 'Flatten' has no field 'axis'");
  EXPECT_EQ(ErrorOf<Model>("layer { dropout { probability: 1 } }"),
            "m:1:19: message 'Dropout' has no field 'probability'; known: rate");
}

TEST(ParseText, ChecksValues) {
  const std::pair<const char*, const char*> rows[] = {
      {"i32: 2147483648", "m:1:6: 'i32' is out of range: '2147483648' (from -2147483648 to 2147483647)"},
      {"i32: -2147483649", "m:1:6: 'i32' is out of range: '-2147483649' (from -2147483648 to 2147483647)"},
      {"i64: 9223372036854775808",
       "m:1:6: 'i64' is out of range: '9223372036854775808' (from -9223372036854775808 to 9223372036854775807)"},
      {"u32: -1", "m:1:6: 'u32' cannot be negative: '-1'"},
      {"u64: 18446744073709551616",
       "m:1:6: 'u64' is out of range: '18446744073709551616' (from 0 to 18446744073709551615)"},
      {"f32: 1e39", "m:1:6: 'f32' is out of range: '1e39'"},
      {"f64: 1e999", "m:1:6: 'f64' is out of range: '1e999'"},
      {"f64: 0x10", "m:1:6: 'f64' takes a decimal number, not '0x10'"},
      {"f64: many", "m:1:6: 'f64' takes a number, not 'many'"},
      {"flag: yes", "m:1:7: 'flag' takes true or false, not 'yes'"},
      {"flag: 2", "m:1:7: 'flag' takes true or false, not '2'"},
      {"text: lenet", "m:1:7: 'text' takes a string in quotes: \"lenet\""},
      {"text: 5", "m:1:7: 'text' takes a string in quotes, not '5'"},
      {"color: \"RED\"", "m:1:8: 'color' takes a name without quotes, not \"RED\""},
      {"color: red", "m:1:8: 'red' is not a value of 'color'; did you mean 'RED'?"},
      {"color: 7", "m:1:8: '7' is not a value of 'color'; known: RED, GREEN, BLUE"},
      {"child: 5", "m:1:8: 'child' takes a message in braces, not '5'"},
      {"i32 { i32: 1 }", "m:1:5: 'i32' takes an integer, not '{'"},
      {"i32: [1, 2]", "m:1:6: 'i32' takes one value, not a list"},
      {"child: [{}]", "m:1:8: 'child' takes one message, not a list"},
      {"numbers: [1, 2,]", "m:1:16: 'numbers' takes an integer, not ']'"},
      {"numbers: [1 2]", "m:1:13: expected ',' or ']', not '2'"},
      {"children: [{} {}]", "m:1:15: expected ',' or ']', not '{'"},
      {"i32:", "m:1:5: 'i32' takes an integer, not the end of the text"},
      {"i32: i64: 5", "m:1:6: 'i32' takes an integer, not 'i64'"},
      {"child { i32: }", "m:1:14: 'child.i32' takes an integer, not '}'"},
  };
  for (const auto& [text, message] : rows) EXPECT_EQ(ErrorOf<acme::Everything>(text), message) << text;
}

TEST(ParseText, AcceptsWhatTheLibraryAccepts) {
  acme::Everything all;
  const absl::StatusOr<SourceMap> source = ParseText(
      "\xef\xbb\xbfi32: -0x10 i64: 010, u32: 0XfF; u64: 18446744073709551615 f32: -1.5f f64: -inf flag: t\r\n"
      "text: \"a\\n\" 'b' color: -2 child: { f64: 7 } children: [{ flag: 0 }, < text: '\xc3\xa9' >] "
      "children {} numbers: [1, -2] numbers: 3 names: [\"x\" 'y', \"z\"] either {} # end",
      "m", &all);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(all.i32(), -16);
  EXPECT_EQ(all.i64(), 8);
  EXPECT_EQ(all.children_size(), 3);
  EXPECT_EQ(all.numbers(2), 3);
  EXPECT_EQ(all.names(0), "xy");
  EXPECT_EQ(source->Lookup("numbers[2]").ToString(), "m:2:114");
  EXPECT_EQ(source->Lookup("children[1].text").ToString(), "m:2:71");
}

TEST(ParseText, RefusesFieldsGivenTwice) {
  EXPECT_EQ(ErrorOf<Model>("name: 'a'\nname: 'b'"), "m:2:1: 'name' is given twice: first at m:1:1");
  EXPECT_EQ(ErrorOf<Model>("layer { conv {}\n conv {} }"), "m:2:2: 'layer.conv' is given twice: first at m:1:9");
  EXPECT_EQ(ErrorOf<Model>("layer { conv {}\n pool {} }"),
            "m:2:2: 'pool' besides 'conv' (m:1:9): a Layer has one operation");
}

TEST(ParseText, FindsMissingAndStrayBraces) {
  EXPECT_EQ(ErrorOf<Model>("layer { name: 'a' conv { filters: 1 }\nlayer { name: 'b' }\nlayer { nam: 'c' }"),
            "m:1:7: 'layer {' is not closed: a '}' is missing before m:2:1\n"
            "m:3:9: message 'Layer' has no field 'nam'; did you mean 'name'?");
  EXPECT_EQ(ErrorOf<Model>("layer {\n conv {\n filters: 1\n"),
            "m:1:7: 'layer {' is not closed: a '}' is missing before the end\n"
            "m:2:7: 'conv {' is not closed: a '}' is missing before the end");
  EXPECT_EQ(ErrorOf<Model>("layer { } }\nname: 'a'"), "m:1:11: '}' closes nothing");
  EXPECT_EQ(ErrorOf<Model>("layer { >"), "m:1:9: '>' does not close 'layer' of m:1:7: expected '}'");
}

TEST(ParseText, FindsMissingColonsAndStrayTokens) {
  EXPECT_EQ(ErrorOf<Model>("name 'a'"), "m:1:6: expected ':' after 'name', not 'a'");
  EXPECT_EQ(ErrorOf<Model>("name = 'a'"), "m:1:6: expected ':' after 'name', not '='");
  EXPECT_EQ(ErrorOf<Model>("{ \"name\": \"lenet\", \"layer\": [] }"), "m:1:1: expected the name of a field, not '{'");
  EXPECT_EQ(ErrorOf<Model>("name: 'a' ) output: 5"),
            "m:1:11: expected the name of a field, not ')'\nm:1:21: 'output' takes a string in quotes, not '5'");
  EXPECT_EQ(ErrorOf<Model>("name: \"lenet\noutput: 'a'"), "m:1:7: a string is not closed on its line");
  EXPECT_EQ(ErrorOf<Model>("name: \"a\\qb\""), "m:1:7: a string has an escape sequence that does not exist");
  EXPECT_EQ(ErrorOf<Model>("n\xc3\xa4me: \"a\""), "m:1:2: a character that is not ASCII stands outside quotes");
  EXPECT_EQ(ErrorOf<Model>("layer { [acme.roi_align { } }"), "m:1:25: expected ']' after '[acme.roi_align', not '{'");
}

TEST(ParseText, RefusesNewerLanguagesBeforeAnythingElse) {
  EXPECT_EQ(ErrorOf<Model>("blocks { x: 5 }\nlanguage_version: 2 layer { new_thing {} }"),
            "m:2:19: this file needs version 2 of the language; this program knows version 1: a newer Gradus is "
            "needed");
  EXPECT_EQ(ErrorOf<Model>("language_version: 0"), "m:1:19: this file names version 0 of the language; the first is 1");
  EXPECT_EQ(ErrorOf<Model>("language_version: 1"), "");
}

TEST(ParseText, SurvivesHostileText) {
  EXPECT_EQ(ErrorOf<Model>(""), "");
  EXPECT_EQ(ErrorOf<Model>(absl::string_view("name: \0", 7)), "m:1:7: this is not a text file: it holds the byte 0x00");
  EXPECT_EQ(ErrorOf<Model>("\x7f"
                           "ELF\x02\x01"),
            "m:1:1: this is not a text file: it holds the byte 0x7f");
  EXPECT_EQ(ErrorOf<Model>("\x89\xfe\xff\x90 \xa0\n\xff"),
            "m:1:1: a character that is not ASCII stands outside quotes\n"
            "m:2:1: a character that is not ASCII stands outside quotes");
  const char kTooDeep[] = "messages are nested more than 100 deep";
  EXPECT_EQ(ErrorOf<acme::Everything>(Repeated("child {", 100000)), absl::StrCat("m:1:707: ", kTooDeep));
  EXPECT_EQ(ErrorOf<Model>(Repeated("x <", 100000)), absl::StrCat("m:1:303: ", kTooDeep));
  EXPECT_EQ(ErrorOf<acme::Everything>(Repeated("child {", 100) + Repeated("}", 100)), "");
  EXPECT_EQ(ErrorOf<Model>(absl::StrCat("x: ", Repeated("[", 100000))),
            "m:1:1: message 'Model' has no field 'x'; known: name, language_version, input, defaults, layer, loss, "
            "metric, output, param_group, import, block, variable");
  EXPECT_EQ(ErrorOf<Model>(Repeated("}", 100000)).substr(0, 54),
            "m:1:1: '}' closes nothing\nm:1:2: '}' closes nothing\nm:");
  const std::string many = ErrorOf<Model>(Repeated("x: 1 ", 100000));
  EXPECT_TRUE(absl::EndsWith(many, "\n... and 99900 more")) << many.substr(many.size() - 100);
}

TEST(ParseText, ReadsLongLinesInLinearTime) {
  constexpr int kBytes = 16 << 20;
  Model model;
  const absl::StatusOr<SourceMap> fields = ParseText(Repeated("output:'a' ", kBytes / 11), "m", &model);
  ASSERT_TRUE(fields.ok());
  EXPECT_EQ(model.output_size(), kBytes / 11);
  EXPECT_EQ(fields->Lookup("output[4000]").ToString(), "m:1:44001");
  EXPECT_EQ(fields->Lookup("output[1000000]").ToString(), "m:1:1");
  const absl::StatusOr<SourceMap> list =
      ParseText(absl::StrCat("input { dims: [1", Repeated(",1", kBytes / 2), "] }"), "m", &model);
  EXPECT_TRUE(list.ok());
  const std::string name(kBytes, 'n');
  EXPECT_TRUE(ParseText(absl::StrCat("name: '", name, "'"), "m", &model).ok());
  EXPECT_EQ(ErrorOf<Model>(absl::StrCat("name: ", name)),
            absl::StrCat("m:1:7: 'name' takes a string in quotes, not '", name.substr(0, 60), "...'"));
  EXPECT_LT(ErrorOf<Model>(absl::StrCat(name, ": 1")).size(), 250);
}

TEST(ParseTextFile, SaysWhatIsWrongWithTheFile) {
  Model model;
  const std::string folder = testing::TempDir();
  EXPECT_EQ(ParseTextFile(folder, &model).status().message(),
            absl::StrCat("cannot read '", folder, "': it is a folder"));
  const std::string path = folder + "/model.textproto";
  std::remove(path.c_str());
  EXPECT_EQ(ParseTextFile(path, &model).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(path) << "name: 'a'";
  const absl::StatusOr<TextFile> file = ParseTextFile(path, &model);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->text, "name: 'a'");
  EXPECT_EQ(file->source.Lookup("name").ToString(), path + ":1:1");
  std::ofstream(path) << "nam: 'a'";
  EXPECT_EQ(ParseTextFile(path, &model).status().message(),
            path + ":1:1: message 'Model' has no field 'nam'; did you mean 'name'?");
}

}  // namespace
}  // namespace gradus
