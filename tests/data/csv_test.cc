#include "data/csv.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

std::vector<std::string> Texts(const std::vector<CsvCell>& cells) {
  std::vector<std::string> texts;
  for (const CsvCell& cell : cells) texts.push_back(cell.text);
  return texts;
}

TEST(CsvTest, ReadsCells) {
  const auto table = ParseCsv(
      "\xef\xbb\xbf"
      "a,b\r\n1,\n\n\"x, \"\"y\"\"\nz\",3",
      "f.csv");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(Texts(table->names), (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_EQ(Texts(table->rows[0]), (std::vector<std::string>{"1", ""}));
  EXPECT_EQ(Texts(table->rows[1]), (std::vector<std::string>{"x, \"y\"\nz", "3"}));
  EXPECT_EQ(table->Where(table->rows[1][0]).ToString(), "f.csv:4:1");
  EXPECT_EQ(table->Where(table->rows[1][1]).ToString(), "f.csv:5:4");
}

TEST(CsvTest, SaysWhatIsWrong) {
  EXPECT_EQ(ParseCsv("", "f.csv").status().message(), "f.csv: the file is empty; it begins with a line of names");
  EXPECT_EQ(ParseCsv("a,b\n1\n1,2,3\n", "f.csv").status().message(),
            "f.csv:2:1: there are 1 cells for 2 names\nf.csv:3:1: there are 3 cells for 2 names");
  EXPECT_EQ(ParseCsv("a,b\n1,\"x\n", "f.csv").status().message(), "f.csv:2:3: the quote that begins here has no end");
  EXPECT_EQ(ParseCsv("a,b\n\"x\"y,2\n", "f.csv").status().message(),
            "f.csv:2:4: text behind a quoted cell; expected a comma or the end of the line");
  EXPECT_EQ(ParseCsv("a\nx\"y\n", "f.csv").status().message(),
            "f.csv:2:2: a quote inside a cell that does not begin with one");
}

}  // namespace
}  // namespace gradus
