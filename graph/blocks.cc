#include "graph/blocks.h"

#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "graph/names.h"

namespace gradus {
namespace {

using ::google::protobuf::FieldDescriptor;

bool IsNumber(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return false;
    default:
      return true;
  }
}

}  // namespace

BlockTable::BlockTable(absl::Span<const Model* const> models, MistakeList* mistakes) : mistakes_(mistakes) {
  for (int file = 0; file < static_cast<int>(models.size()); ++file) {
    for (int i = 0; i < models[file]->block_size(); ++i) {
      Add(models[file]->block(i), Origin{file, ElementPath("block", i), nullptr});
    }
  }
}

int BlockTable::Find(absl::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? -1 : found->second;
}

std::vector<std::string> BlockTable::Names() const {
  std::vector<std::string> names;
  for (const BlockEntry& entry : entries_) names.push_back(entry.block->name());
  return names;
}

void BlockTable::Add(const Block& block, Origin origin) {
  const std::string mistake = NameMistake(block.name(), /*may_have_dots=*/false);
  if (block.name().empty()) {
    mistakes_->Add(origin, "", "a block without a name");
  } else if (!mistake.empty()) {
    mistakes_->Add(origin, "name", absl::StrCat("block '", block.name(), "' ", mistake));
  }
  if (block.layer().empty()) mistakes_->Add(origin, "", absl::StrCat("block '", block.name(), "' has no layer"));
  CheckInputs(block, origin);
  BlockEntry entry{&block, origin, {}, 0};
  for (const Layer& layer : block.layer()) entry.bytes += static_cast<int64_t>(layer.SpaceUsedLong());
  LayerList layers = block.layer();  // mutable: reflection reaches into messages no other way
  for (int i = 0; i < block.param_size(); ++i) AddParam(block.param(i), ElementPath("param", i), &layers, &entry);
  const auto [known, added] = by_name_.try_emplace(block.name(), static_cast<int>(entries_.size()));
  if (!added && !block.name().empty()) {
    mistakes_->Add(origin, "name",
                   absl::StrCat("a second block '", block.name(), "': the first is at ",
                                mistakes_->Place(entries_[known->second].origin, "name").ToString()));
  }
  entries_.push_back(std::move(entry));
}

void BlockTable::CheckInputs(const Block& block, const Origin& origin) {
  absl::flat_hash_set<absl::string_view> names;
  for (int i = 0; i < block.input_size(); ++i) {
    const std::string& name = block.input(i);
    const std::string mistake = NameMistake(name, /*may_have_dots=*/false);
    if (name.empty()) mistakes_->Add(origin, ElementPath("input", i), "an input without a name");
    if (!mistake.empty()) mistakes_->Add(origin, ElementPath("input", i), absl::StrCat("input '", name, "' ", mistake));
    if (!names.insert(name).second) {
      mistakes_->Add(origin, ElementPath("input", i), absl::StrCat("a second input '", name, "'"));
    }
    if (name == block.output()) {
      mistakes_->Add(origin, "output",
                     absl::StrCat("output '", name, "' is an input; it must be a layer of the block"));
    }
  }
}

void BlockTable::AddParam(const Block::Param& param, const std::string& path, LayerList* layers, BlockEntry* entry) {
  BlockParam added{param.name(), {}};
  const auto mistake = [&](absl::string_view field, absl::string_view message) {
    mistakes_->Add(entry->origin, field.empty() ? path : absl::StrCat(path, ".", field), message);
  };
  if (param.name().empty()) mistake("", "a param without a name");
  for (const BlockParam& other : entry->params) {
    if (other.name == param.name() && !param.name().empty()) {
      mistake("name", absl::StrCat("a second param '", param.name(), "'"));
    }
  }
  if (param.target().empty()) {
    mistake("",
            absl::StrCat("param '", param.name(), "' has no target, like 'target { path: \"conv1.conv.filters\" }'"));
  }
  for (int i = 0; i < param.target_size(); ++i) {
    const Block::Target& target = param.target(i);
    const std::string element = ElementPath("target", i);
    absl::StatusOr<FieldPath> field = FindField(layers, target.path());
    if (!field.ok()) {
      mistake(absl::StrCat(element, ".path"), absl::StrCat("path '", target.path(), "': ", field.status().message()));
      continue;
    }
    if (!std::isfinite(target.times()) || (target.has_times() && !IsNumber(field->target()))) {
      mistake(absl::StrCat(element, ".times"),
              IsNumber(field->target()) ? "'times' has to be a finite number"
                                        : absl::StrCat("'times' multiplies numbers; '", target.path(), "' takes none"));
      continue;
    }
    field->written = absl::StrCat(entry->origin.path, ".", field->written);
    added.targets.push_back({*std::move(field), target.times()});
  }
  entry->params.push_back(std::move(added));
}

}  // namespace gradus
