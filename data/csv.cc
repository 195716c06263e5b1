#include "data/csv.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/error_list.h"

namespace gradus {
namespace {

class Reader {
 public:
  Reader(absl::string_view text, CsvTable* table, ErrorList* errors) : text_(text), table_(table), errors_(errors) {}

  // The cells of the next line that is not empty; none at the end.
  std::vector<CsvCell> Line() {
    while (SkipLineEnd()) {
    }
    std::vector<CsvCell> cells;
    if (AtEnd()) return cells;
    for (;;) {
      cells.push_back(Cell());
      if (AtEnd() || SkipLineEnd()) return cells;
      Skip(1);  // the comma
    }
  }

  void Error(int line, int column, absl::string_view message) {
    errors_->Add({table_->file, line, column, nullptr}, message);
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  bool AtLineEnd() const { return text_[at_] == '\n' || absl::StartsWith(text_.substr(at_), "\r\n"); }
  void Skip(size_t bytes) {
    for (; bytes > 0; --bytes, ++at_) {
      ++column_;
      if (text_[at_] != '\n') continue;
      ++line_;
      column_ = 1;
    }
  }
  bool SkipLineEnd() {
    if (AtEnd() || !AtLineEnd()) return false;
    Skip(text_[at_] == '\n' ? 1 : 2);
    return true;
  }

  CsvCell Cell() {
    CsvCell cell = {"", line_, column_};
    if (!AtEnd() && text_[at_] == '"') {
      Quoted(&cell);
    } else {
      Plain(&cell);
    }
    return cell;
  }

  void Plain(CsvCell* cell) {
    for (; !AtEnd() && text_[at_] != ',' && !AtLineEnd(); Skip(1)) {
      if (text_[at_] == '"') Error(line_, column_, "a quote inside a cell that does not begin with one");
      cell->text.push_back(text_[at_]);
    }
  }

  void Quoted(CsvCell* cell) {
    Skip(1);
    for (;; Skip(1)) {
      if (AtEnd()) return Error(cell->line, cell->column, "the quote that begins here has no end");
      if (text_[at_] == '"') {
        Skip(1);
        if (AtEnd() || text_[at_] != '"') break;
      }
      cell->text.push_back(text_[at_]);
    }
    if (AtEnd() || text_[at_] == ',' || AtLineEnd()) return;
    Error(line_, column_, "text behind a quoted cell; expected a comma or the end of the line");
    while (!AtEnd() && text_[at_] != ',' && !AtLineEnd()) Skip(1);
  }

  const absl::string_view text_;
  CsvTable* table_;
  ErrorList* errors_;
  size_t at_ = 0;
  int line_ = 1, column_ = 1;
};

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const std::string& name) {
  CsvTable table;
  table.file = std::make_shared<const std::string>(name);
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");  // a byte order mark
  ErrorList errors;
  Reader reader(text, &table, &errors);
  table.names = reader.Line();
  if (table.names.empty()) reader.Error(0, 0, "the file is empty; it begins with a line of names");
  for (;;) {
    std::vector<CsvCell> cells = reader.Line();
    if (cells.empty()) break;
    if (cells.size() != table.names.size()) {
      reader.Error(cells[0].line, cells[0].column,
                   absl::StrCat("there are ", cells.size(), " cells for ", table.names.size(), " names"));
      continue;
    }
    table.rows.push_back(std::move(cells));
  }
  if (!errors.empty()) return errors.ToStatus();
  return table;
}

}  // namespace gradus
