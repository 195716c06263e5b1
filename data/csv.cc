#include "data/csv.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace gradus {
namespace {

constexpr size_t kMostCells = 1000;

class Reader {
 public:
  Reader(absl::string_view text, const std::shared_ptr<const std::string>& file, ErrorList* errors)
      : text_(text), file_(file), errors_(errors) {}

  // Reads the next line that is not empty; gives the number of its cells, of which `line` gets `most`. 0 at the end.
  size_t Line(size_t most, CsvLine* line) {
    good_ = true;
    while (SkipLineEnd()) {
    }
    if (AtEnd()) return 0;
    CsvCell spare;
    for (size_t n = 0;;) {
      if (n == line->size() && n < most) line->emplace_back();
      ReadCell(n < most ? &(*line)[n] : &spare);
      ++n;
      if (AtEnd() || SkipLineEnd()) {
        line->resize(std::min(n, most));
        return n;
      }
      Skip(1);  // the comma
    }
  }

  // Whether the last line was without a mistake.
  bool good() const { return good_; }

  void Error(int line, int column, absl::string_view message) {
    good_ = false;
    errors_->Add({file_, line, column, nullptr}, message);
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

  void ReadCell(CsvCell* cell) {
    cell->text.clear();
    cell->line = line_;
    cell->column = column_;
    if (!AtEnd() && text_[at_] == '"') {
      Quoted(cell);
    } else {
      Plain(cell);
    }
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
  const std::shared_ptr<const std::string>& file_;
  ErrorList* const errors_;
  bool good_ = true;
  size_t at_ = 0;
  int line_ = 1, column_ = 1;
};

}  // namespace

void ReadCsv(absl::string_view text, const std::shared_ptr<const std::string>& file,
             absl::FunctionRef<bool(const CsvLine&)> names, absl::FunctionRef<void(const CsvLine&)> row,
             ErrorList* errors) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");  // a byte order mark
  Reader reader(text, file, errors);
  CsvLine line;
  const size_t columns = reader.Line(kMostCells, &line);
  if (columns == 0) return reader.Error(0, 0, "the file is empty; it begins with a line of names");
  if (columns > kMostCells) {
    return reader.Error(line[0].line, line[0].column,
                        absl::StrCat("there are ", columns, " names; at most ", kMostCells, " are allowed"));
  }
  if (!names(line)) return;
  while (const size_t cells = reader.Line(columns, &line)) {
    if (cells != columns) {
      reader.Error(line[0].line, line[0].column, absl::StrCat("there are ", cells, " cells for ", columns, " names"));
    } else if (reader.good()) {
      row(line);
    }
  }
}

}  // namespace gradus
