#include "data/csv.h"

#include "absl/strings/str_cat.h"
#include "core/memory_limit.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

// The cells of each line in brackets with their places, then the mistakes.
std::string Read(absl::string_view text) {
  std::string read;
  const auto print = [&read](const CsvLine& line) {
    for (const CsvCell& cell : line) absl::StrAppend(&read, "[", cell.text, "]", cell.line, ":", cell.column, " ");
    absl::StrAppend(&read, "/ ");
    return true;
  };
  ErrorList errors;
  ReadCsv(text, std::make_shared<const std::string>("f.csv"), print, print, &errors);
  return absl::StrCat(read, errors.ToStatus().message());
}

TEST(CsvTest, ReadsCells) {
  EXPECT_EQ(Read("\xef\xbb\xbf"
                 "a,b\r\n1,\n\n\"x, \"\"y\"\"\nz\",3"),
            "[a]1:1 [b]1:3 / [1]2:1 []2:3 / [x, \"y\"\nz]4:1 [3]5:4 / ");
}

TEST(CsvTest, SaysWhatIsWrong) {
  EXPECT_EQ(Read(""), "f.csv: the file is empty; it begins with a line of names");
  EXPECT_EQ(Read("a,b\n1\n1,2\n1,2,3\n"),
            "[a]1:1 [b]1:3 / [1]3:1 [2]3:3 / "
            "f.csv:2:1: there are 1 cells for 2 names\nf.csv:4:1: there are 3 cells for 2 names");
  EXPECT_EQ(Read("a,b\n1,\"x\n"), "[a]1:1 [b]1:3 / f.csv:2:3: the quote that begins here has no end");
  EXPECT_EQ(Read("a,b\n\"x\"y,2\n"),
            "[a]1:1 [b]1:3 / f.csv:2:4: text behind a quoted cell; expected a comma or the end of the line");
  EXPECT_EQ(Read("a\nx\"y\n"), "[a]1:1 / f.csv:2:2: a quote inside a cell that does not begin with one");
  EXPECT_EQ(Read(std::string(1000, ',')), "f.csv:1:1: there are 1001 names; at most 1000 are allowed");
}

TEST(CsvTest, StopsBehindNamesThatAreRefused) {
  ErrorList errors;
  const auto refuse = [](const CsvLine&) { return false; };
  const auto row = [](const CsvLine&) { FAIL(); };
  ReadCsv("a,b\n1\n1,2\n", std::make_shared<const std::string>("f.csv"), refuse, row, &errors);
  EXPECT_TRUE(errors.empty());
}

// Nothing is kept of a line once its reader has seen it, nor of cells that nobody will see.
TEST(CsvTest, KeepsOneLine) {
  const std::string commas(10'000'000, ',');
  std::string text = "a,b\n";
  for (int i = 0; i < 1'000'000; ++i) text += "1,2\n";
  const int64_t before = PeakResidentBytes();
  int64_t rows = 0;
  ErrorList errors;
  ReadCsv(
      text, std::make_shared<const std::string>("f.csv"), [](const CsvLine&) { return true; },
      [&rows](const CsvLine& row) { rows += static_cast<int64_t>(row.size()); }, &errors);
  EXPECT_EQ(rows, 2'000'000);
  Read(commas);
  EXPECT_LT(PeakResidentBytes() - before, int64_t{4} << 20);
}

}  // namespace
}  // namespace gradus
