// Rows of text in aligned columns, two blanks apart. Not thread-safe.
#ifndef GRADUS_EXAMPLES_TEXT_TABLE_H_
#define GRADUS_EXAMPLES_TEXT_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace gradus {

class TextTable {
 public:
  enum class Align { kLeft, kRight };

  explicit TextTable(std::vector<Align> columns) : columns_(std::move(columns)) {}

  // A row; cells that are left out at its end are empty.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // A line across the table.
  void AddRule() { rows_.emplace_back(); }

  // A line for each row, each ended by '\n', without blanks at its end. Text is UTF-8.
  std::string ToString() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;  // without cells: a rule
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_TEXT_TABLE_H_
