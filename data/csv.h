// Comma-separated values as RFC 4180 has them: a line of names, then lines of as many cells; a cell in double quotes
// may hold commas and line ends, and "" for a quote. Lines end with \n or \r\n; empty lines are left out. Strict: what
// is none of this is an error with its place. A function without state; thread-safe.
#ifndef GRADUS_DATA_CSV_H_
#define GRADUS_DATA_CSV_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "core/error_list.h"

namespace gradus {

struct CsvCell {
  std::string text;
  int line = 0, column = 0;  // of its first character, from 1; columns count bytes
};
using CsvLine = std::vector<CsvCell>;

// Reads a text line by line, so that it takes memory for one. `names` is told the first line, which has at least one
// cell, and may stop the reading; then `row` is told each line that is as it should be. Both may add mistakes of their
// own to `errors`, which gets those of the text. `file` is what places show.
void ReadCsv(absl::string_view text, const std::shared_ptr<const std::string>& file,
             absl::FunctionRef<bool(const CsvLine&)> names, absl::FunctionRef<void(const CsvLine&)> row,
             ErrorList* errors);

}  // namespace gradus

#endif  // GRADUS_DATA_CSV_H_
