// Model files that import others.
#include "graph/load_model.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

constexpr char kBlock[] = "block { name: 'b' layer { name: 'fc' dense { units: 3 } } }\n";

class ImportTest : public testing::Test {
 protected:
  ImportTest() : folder_(ScratchFolder()) {}

  void Put(absl::string_view name, absl::string_view text) {
    PutFile(absl::StrCat(folder_, "/", name), std::string(text));
  }
  // With the folder's name left out.
  std::string Error(absl::string_view name) {
    const absl::StatusOr<LoadedModel> loaded = LoadModel(absl::StrCat(folder_, "/", name));
    return absl::StrReplaceAll(loaded.status().message(), {{folder_ + "/", ""}});
  }

  std::string folder_;
};

TEST_F(ImportTest, TakesBlocksAndNothingElse) {
  std::filesystem::create_directories(folder_ + "/lib");
  Put("lib/a.textproto", "import: 'deeper.textproto'\ndefaults { dense { bias: false } }\noutput: 'nothing'\n");
  Put("lib/deeper.textproto", kBlock);
  Put("m.textproto",
      "import: ['lib/a.textproto', 'lib/../lib/deeper.textproto']\ninput { name: 'x' }\n"
      "layer { name: 'u' use { block: 'b' } }\n");
  const absl::StatusOr<LoadedModel> loaded = LoadModel(folder_ + "/m.textproto");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->model.model().layer_size(), 1);
  EXPECT_EQ(loaded->model.model().layer(0).name(), "u/fc");
  EXPECT_FALSE(loaded->model.model().layer(0).dense().has_bias());
  EXPECT_EQ(loaded->model.model().import_size(), 0);
  ASSERT_EQ(loaded->imports.size(), 2u);  // each once
  EXPECT_EQ(loaded->imports[0].path, folder_ + "/lib/deeper.textproto");
  EXPECT_EQ(loaded->imports[0].text, kBlock);
  EXPECT_EQ(absl::StrReplaceAll(loaded->model.Where("layer[0].dense.units").ToString(), {{folder_ + "/", ""}}),
            "lib/deeper.textproto:1:46 (used at m.textproto:3:1)");
}

TEST_F(ImportTest, Mistakes) {
  Put("blocks.textproto", kBlock);
  Put("m.textproto", "import: 'block.textproto'\nimport: ''\n");
  EXPECT_EQ(Error("m.textproto"),
            "m.textproto:1:1: import: cannot open 'block.textproto': No such file or directory; did you mean "
            "'blocks.textproto'?\nm.textproto:2:1: import names no file");
  Put("m.textproto", absl::StrCat("import: '", std::string(5000, 'x'), "'"));
  EXPECT_EQ(Error("m.textproto"), "m.textproto:1:1: import is a name of 5000 bytes; no path is that long");
  Put("m.textproto", "import: '.'");
  EXPECT_EQ(Error("m.textproto"), "m.textproto:1:1: import: cannot read '.': it is a folder");
  Put("bad.textproto", "blok {}\nblock { nam: 'b' }\n");
  Put("m.textproto", "import: 'bad.textproto'");
  EXPECT_EQ(Error("m.textproto"),
            "bad.textproto:1:1: message 'Model' has no field 'blok'; did you mean 'block'?\n"
            "bad.textproto:2:9: message 'Block' has no field 'nam'; did you mean 'name'?");
  Put("m.textproto", absl::StrCat("import: 'blocks.textproto'\n", kBlock,
                                  "input { name: 'x' } layer { name: 'u' use { block: 'b' } }"));
  EXPECT_EQ(Error("m.textproto"), "blocks.textproto:1:9: a second block 'b': the first is at m.textproto:2:9");
  Model model;
  model.add_import("x");
  EXPECT_EQ(ModelFromProto(model).status().message(),
            "a model that is built in code imports no files; add their blocks to it");
}

TEST_F(ImportTest, RefusesCycles) {
  Put("a.textproto", "import: 'b.textproto'");
  Put("b.textproto", "# beside\nimport: './a.textproto'");
  EXPECT_EQ(Error("a.textproto"), "b.textproto:2:1: imports form a cycle: a.textproto -> b.textproto -> ./a.textproto");
  Put("self.textproto", "import: 'self.textproto'");
  EXPECT_EQ(Error("self.textproto"), "self.textproto:1:1: imports form a cycle: self.textproto -> self.textproto");
}

TEST_F(ImportTest, RefusesTooManyFiles) {
  for (int i = 0; i < 150; ++i) Put(absl::StrCat(i, ".textproto"), absl::StrCat("import: '", i + 1, ".textproto'"));
  Put("150.textproto", kBlock);
  EXPECT_EQ(Error("0.textproto"), "99.textproto:1:1: more than 100 files are imported");
}

}  // namespace
}  // namespace gradus
