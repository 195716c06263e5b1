#include "graph/arguments.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"
#include "graph/names.h"

namespace gradus {
namespace {

std::vector<std::string> ParamNames(const BlockEntry& block) {
  std::vector<std::string> names;
  for (const BlockParam& param : block.params) names.push_back(param.name);
  return names;
}

std::string Count(size_t n, absl::string_view what) { return absl::StrCat(n, " ", what, n == 1 ? "" : "s"); }

std::string HasParams(const BlockEntry& block) {
  const std::vector<std::string> names = ParamNames(block);
  return absl::StrCat(
      "block '", block.block->name(), "' has ",
      names.empty() ? "no params" : absl::StrCat(Count(names.size(), "param"), " (", absl::StrJoin(names, ", "), ")"));
}

class Arguments {
 public:
  Arguments(const BlockEntry& block, const Origin& where, MistakeList* mistakes)
      : block_(block), where_(where), mistakes_(mistakes) {}

  std::vector<BoundArgument> Take(const Use& use) {
    for (int i = 0; i < use.args_size(); ++i) AddPositional(use.args(i), i, use.args_size());
    for (int i = 0; i < use.arg_size(); ++i) AddNamed(use.arg(i), absl::StrCat("use.", ElementPath("arg", i)), false);
    for (int i = 0; i < use.first_size(); ++i) {
      AddNamed(use.first(i), absl::StrCat("use.", ElementPath("first", i)), true);
    }
    return std::move(bound_);
  }

 private:
  void AddPositional(double value, int index, int count) {
    const std::string path = absl::StrCat("use.", ElementPath("args", index));
    const int params = static_cast<int>(block_.params.size());
    if (index == params) mistakes_->Add(where_, path, absl::StrCat(HasParams(block_), "; args has ", count));
    if (index >= params) return;
    BoundArgument argument{index, {}, false, path};
    argument.value.set_float_(value);
    bound_.push_back(std::move(argument));
  }

  void AddNamed(const Use::Argument& value, const std::string& path, bool first_copy_alone) {
    const std::vector<std::string> names = ParamNames(block_);
    const size_t param = std::find(names.begin(), names.end(), value.name()) - names.begin();
    if (value.name().empty() || param == names.size()) {
      return mistakes_->Add(where_, value.name().empty() ? path : absl::StrCat(path, ".name"),
                            value.name().empty()
                                ? std::string("an argument without a name")
                                : absl::StrCat("block '", block_.block->name(), "' has no param '", value.name(), "'",
                                               names.empty() ? "" : Suggestion(value.name(), names)));
    }
    if (value.value_case() == Use::Argument::VALUE_NOT_SET) {
      return mistakes_->Add(
          where_, path, absl::StrCat("argument '", value.name(), "' has no value: 'int', 'float', 'bool' or 'text'"));
    }
    for (const BoundArgument& other : bound_) {
      if (other.param != static_cast<int>(param) || other.first_copy_alone != first_copy_alone) continue;
      return mistakes_->Add(where_, path,
                            absl::StrCat("argument '", value.name(), "' is given twice: first at ",
                                         mistakes_->Place(where_, other.path).ToString()));
    }
    bound_.push_back({static_cast<int>(param), value, first_copy_alone, path});
  }

  const BlockEntry& block_;
  const Origin& where_;
  MistakeList* mistakes_;
  std::vector<BoundArgument> bound_;
};

}  // namespace

std::vector<BoundArgument> ArgumentsOf(const Use& use, const BlockEntry& block, const Origin& where,
                                       MistakeList* mistakes) {
  return Arguments(block, where, mistakes).Take(use);
}

std::vector<BoundField> SetArguments(const std::vector<BoundArgument>& arguments, int copy, const BlockEntry& block,
                                     const Origin& where, LayerList* layers, MistakeList* mistakes) {
  std::vector<BoundField> bound;
  for (const BoundArgument& argument : arguments) {
    if (argument.first_copy_alone && copy > 1) continue;
    const BlockParam& param = block.params[argument.param];
    std::shared_ptr<const SourceLocation> place;
    for (const BlockParam::Target& target : param.targets) {
      const absl::Status set = SetField(layers, target.field, argument.value, target.times);
      if (!set.ok() && copy == 1) {
        mistakes->Add(where, argument.path,
                      absl::StrCat("argument '", param.name, "' of block '", block.block->name(), "': '",
                                   target.field.target().name(), "' ", set.message()));
      }
      if (place == nullptr) place = std::make_shared<SourceLocation>(mistakes->Place(where, argument.path));
      bound.push_back({target.field.written, place});
    }
  }
  return bound;
}

}  // namespace gradus
