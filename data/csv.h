// Comma-separated values as RFC 4180 has them: a line of names, then lines of as many cells; a cell in double quotes
// may hold commas and line ends, and "" for a quote. Lines end with \n or \r\n; empty lines are left out. Strict: what
// is none of this is an error with its place. A pure function; thread-safe.
#ifndef GRADUS_DATA_CSV_H_
#define GRADUS_DATA_CSV_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"

namespace gradus {

struct CsvCell {
  std::string text;
  int line = 0, column = 0;  // of its first character, from 1; columns count bytes
};

struct CsvTable {
  std::shared_ptr<const std::string> file;
  std::vector<CsvCell> names;
  std::vector<std::vector<CsvCell>> rows;  // each with as many cells as there are names

  SourceLocation Where(const CsvCell& cell) const { return {file, cell.line, cell.column, nullptr}; }
};

// `name` is that of the file, for messages. Errors: all mistakes of the text, one a line.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const std::string& name);

}  // namespace gradus

#endif  // GRADUS_DATA_CSV_H_
