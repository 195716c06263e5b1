#include "examples/pass_flags.h"

#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(std::vector<std::string>, skip_passes, {},
          "names of passes over the graph to leave out, for debugging: a,b,c; 'all' leaves out every one but prune");
ABSL_FLAG(bool, explain, false, "print what each pass over the graph did and what it could not do, and why");
ABSL_FLAG(bool, dump_graph, false, "print the graph before the first and after each pass");

namespace gradus {

std::string PrintLog(const std::string& pass, const PassLog& log) {
  std::string text = absl::StrCat(pass, ": ", log.done.size(), " done, ", log.missed.size(), " not\n");
  for (const std::string& line : log.done) absl::StrAppend(&text, "  ", line, "\n");
  for (const std::string& line : log.missed) absl::StrAppend(&text, "  not: ", line, "\n");
  return text;
}

PassOptions PassOptionsOfFlags() {
  PassOptions options;
  options.skip = absl::GetFlag(FLAGS_skip_passes);
  if (absl::GetFlag(FLAGS_explain)) {
    options.explain = [](const std::string& pass, const PassLog& log) {
      std::fprintf(stderr, "%s", PrintLog(pass, log).c_str());
    };
  }
  if (absl::GetFlag(FLAGS_dump_graph)) {
    options.dump = [](const std::string& pass, const Program& program) {
      std::fprintf(stderr, "# %s\n%s\n", pass.empty() ? "before any pass" : pass.c_str(),
                   program.graph.ToString().c_str());
    };
  }
  return options;
}

}  // namespace gradus
