#include "examples/text_table.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(TextTableTest, AlignsColumnsAndEndsNoLineWithBlanks) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kRight, TextTable::Align::kLeft});
  table.Add({"name", "n", "note"});
  table.AddRule();
  table.Add({"a", "1,000", "x"});
  table.Add({"longer", "2"});
  EXPECT_EQ(table.ToString(),
            "name        n  note\n"
            "-------------------\n"
            "a       1,000  x\n"
            "longer      2\n");
}

TEST(TextTableTest, LettersCountNotBytes) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kLeft});
  table.Add({"Käfer", "1"});
  table.Add({"Hunde", "2"});
  EXPECT_EQ(table.ToString(), "Käfer  1\nHunde  2\n");
}

TEST(TextTableTest, NoRowsAreNoText) { EXPECT_EQ(TextTable({TextTable::Align::kLeft}).ToString(), ""); }

}  // namespace
}  // namespace gradus
