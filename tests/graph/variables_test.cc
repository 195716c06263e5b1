#include "graph/variables.h"

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/onednn.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

Variable Make(const char* name, const TensorType& type, Role role = Role::kParameter) {
  Variable variable;
  variable.name = name;
  variable.type = type;
  variable.role = role;
  return variable;
}

// A matrix whose columns are stored as channels x 2 x 2 pixels, in blocks of 8 or 16 channels.
Layout ColumnsAsImage(const TensorType& type, dnnl::memory::format_tag tag) {
  return Layout(dnnl::memory::desc({type.shape[0], type.shape[1] / 4, 2, 2}, dnnl::memory::data_type::f32, tag).data);
}

class VariablesTest : public testing::Test {
 protected:
  int Declare(const char* name, const TensorType& type) { return store_.Declare(Make(name, type)).value(); }
  void Set(int index, const Floats& values) {
    const absl::Status set = store_.Set(index, Tensor::Of<float>(store_.variable(index).type.shape, values));
    ASSERT_TRUE(set.ok()) << set;
  }
  Floats Get(int index) {
    const Tensor value = store_.Get(index).value();
    return Floats(value.values<float>().begin(), value.values<float>().end());
  }
  Floats Numbers(int count) {
    Floats numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(static_cast<float>(i + 1));
    return numbers;
  }
  // What a buffer of the layout holds, row-major.
  Floats Read(const Layout& layout, const void* data, const TensorType& type) {
    Floats values(type.shape.num_elements());
    const absl::Status read = Reorder(layout, data, Layout::Plain(type), values.data());
    EXPECT_TRUE(read.ok()) << read;
    return values;
  }

  VariableStore store_;
};

TEST_F(VariablesTest, AreDeclaredOnce) {
  const int w = Declare("w", F32({2, 3}));
  EXPECT_EQ(Declare("v", F32({2})), w + 1);
  EXPECT_EQ(Declare("w", F32({2, 3})), w);
  EXPECT_EQ(store_.size(), 2);
  EXPECT_EQ(store_.Find("v"), w + 1);
  EXPECT_EQ(store_.Find("u"), -1);
  EXPECT_EQ(store_.Declare(Make("w", F32({3, 2}))).status().message(),
            "<code>: variable 'w' is a parameter f32[3, 2] here but a parameter f32[2, 3] in an earlier plan");
  EXPECT_EQ(store_.Declare(Make("w", F32({2, 3}), Role::kState)).status().message(),
            "<code>: variable 'w' is state f32[2, 3] here but a parameter f32[2, 3] in an earlier plan");
}

TEST_F(VariablesTest, HaveTheirFirstValueBeforeAnyMemory) {
  const int w = Declare("w", F32({4}));
  EXPECT_EQ(Get(w), (Floats{0, 0, 0, 0}));
  EXPECT_EQ(store_.data(w), nullptr);
  ASSERT_TRUE(store_.FixLayout(w, Layout::Plain(F32({4}))).ok());
  ASSERT_TRUE(store_.Materialize(w).ok());
  EXPECT_NE(store_.data(w), nullptr);
  EXPECT_EQ(Get(w), (Floats{0, 0, 0, 0}));
}

TEST_F(VariablesTest, ValuesSurviveWhereverTheirLayoutIsFixed) {
  const TensorType type = F32({1, 3, 1, 2});
  const int before = Declare("before", type), after = Declare("after", type);
  Set(before, Numbers(6));
  for (int index : {before, after}) {
    EXPECT_TRUE(store_.layout(index).any());
    const absl::StatusOr<Layout> layout = store_.FixLayout(index, BlocksOf16(type.shape));
    ASSERT_TRUE(layout.ok()) << layout.status();
    EXPECT_EQ(*layout, BlocksOf16(type.shape));
    EXPECT_EQ(*store_.FixLayout(index, Layout::Plain(type)), *layout) << "the first one holds";
  }
  Set(after, Numbers(6));
  for (int index : {before, after}) {
    EXPECT_EQ(Get(index), Numbers(6));
    EXPECT_EQ(Read(BlocksOf16(type.shape), store_.data(index), type), Numbers(6));
  }
}

TEST_F(VariablesTest, OnlyValuesOfTheirTypeFit) {
  const int w = Declare("w", F32({4}));
  EXPECT_EQ(store_.Set(w, Tensor(F32({2, 2}))).message(), "variable 'w' is f32[4]; the new value is f32[2, 2]");
  EXPECT_EQ(store_.Set(w, Tensor(I32({4}))).message(), "variable 'w' is f32[4]; the new value is i32[4]");
}

TEST_F(VariablesTest, ReplicasAreConvertedOncePerVersion) {
  const TensorType type = F32({1, 3, 1, 2});
  const Layout plain = Layout::Plain(type), blocks = BlocksOf16(type.shape);
  const int w = Declare("w", type);
  ASSERT_TRUE(store_.FixLayout(w, plain).ok());
  EXPECT_EQ(store_.Replica(w, plain), -1);
  const int replica = store_.Replica(w, blocks);
  ASSERT_EQ(replica, 0);
  EXPECT_EQ(store_.Replica(w, blocks), replica);
  Set(w, Numbers(6));
  ASSERT_TRUE(store_.Materialize(w).ok());
  void* data = store_.replica_data(w, replica);
  ASSERT_NE(data, nullptr);
  ASSERT_TRUE(store_.Refresh(w, replica).ok());
  EXPECT_EQ(Read(blocks, data, type), Numbers(6));

  std::memset(data, 0, blocks.bytes());
  ASSERT_TRUE(store_.Refresh(w, replica).ok());
  EXPECT_EQ(Read(blocks, data, type), Floats(6, 0)) << "nothing has changed, so nothing is copied";
  static_cast<float*>(store_.data(w))[0] = 10;  // as a plan does
  store_.Touch(w);
  ASSERT_TRUE(store_.Refresh(w, replica).ok());
  EXPECT_EQ(Read(blocks, data, type), (Floats{10, 2, 3, 4, 5, 6}));
  EXPECT_EQ(store_.replica_data(w, replica), data);
}

// Plans that share derived variables may make them of more sources or of fewer.
TEST_F(VariablesTest, DerivedOnesAreMadeAgainWhenASourceIsWritten) {
  const int a = Declare("a", F32({1})), b = Declare("b", F32({1}));
  const int of_a = store_.Declare(Make("of a", F32({1}), Role::kDerived)).value();
  const int of_b = store_.Declare(Make("of b", F32({1}), Role::kDerived)).value();
  const auto makes = [&](std::vector<int> sources, std::vector<int> derived) {
    int made = 0;
    const absl::Status status = store_.Derive(sources, derived, [&] {
      for (int variable : derived) store_.Touch(variable);
      ++made;
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return made == 1;
  };
  Set(a, {1});
  Set(b, {1});
  EXPECT_TRUE(makes({a, b}, {of_a, of_b}));
  EXPECT_FALSE(makes({a}, {of_a}));
  EXPECT_FALSE(makes({a, b}, {of_a, of_b}));
  Set(a, {2});
  Set(b, {2});
  EXPECT_TRUE(makes({a}, {of_a}));
  EXPECT_TRUE(makes({a, b}, {of_a, of_b})) << "b's was not made again";
  EXPECT_FALSE(makes({b}, {of_b}));
}

// Weights of a dense layer after a convolution: the same numbers as a matrix and as images.
TEST_F(VariablesTest, ReplicasMayGroupDimensionsOtherwise) {
  using Tag = dnnl::memory::format_tag;
  const TensorType type = F32({2, 64});
  const Layout eights = ColumnsAsImage(type, Tag::nChw8c), sixteens = ColumnsAsImage(type, Tag::nChw16c);
  const Layout transposed(dnnl::memory::desc({2, 64}, dnnl::memory::data_type::f32, Tag::ba).data);
  const int w = Declare("w", type);
  ASSERT_TRUE(store_.FixLayout(w, eights).ok());
  const std::vector<Layout> layouts = {Layout::Plain(type), sixteens, transposed};  // the last by way of a plain one
  for (const Layout& layout : layouts) store_.Replica(w, layout);
  ASSERT_TRUE(store_.Materialize(w).ok());
  Set(w, Numbers(128));
  for (int replica = 0; replica < 3; ++replica) {
    const absl::Status refreshed = store_.Refresh(w, replica);
    ASSERT_TRUE(refreshed.ok()) << refreshed;
    EXPECT_EQ(Read(layouts[replica], store_.replica_data(w, replica), type), Numbers(128)) << replica;
  }
}

TEST_F(VariablesTest, SayWhatTheyNeed) {
  const TensorType type = F32({1, 3, 1, 2});
  const int w = Declare("w", type);
  EXPECT_EQ(store_.bytes(), 24);
  EXPECT_EQ(store_.missing_bytes(), 24);
  ASSERT_TRUE(store_.FixLayout(w, BlocksOf16(type.shape)).ok());
  EXPECT_EQ(store_.bytes(), 16 * 2 * 4) << "with padding";
  store_.Replica(w, Layout::Plain(type));
  EXPECT_EQ(store_.bytes(), 128 + 24);
  EXPECT_EQ(store_.missing_bytes(), 128 + 24);
  ASSERT_TRUE(store_.Materialize(w).ok());
  EXPECT_EQ(store_.bytes(), 128 + 24);
  EXPECT_EQ(store_.missing_bytes(), 0);
  store_.Replica(
      w, Layout(dnnl::memory::desc({1, 3, 1, 2}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc).data));
  EXPECT_EQ(store_.missing_bytes(), 24);
}

TEST_F(VariablesTest, SumsOfEnormousSizesDoNotOverflow) {
  for (int i = 0; i < 100; ++i) {
    Declare(("w" + std::to_string(i)).c_str(), F32({int64_t{1} << 28, int64_t{1} << 27}));  // 2^57 bytes each
  }
  EXPECT_EQ(store_.bytes(), int64_t{1} << 62);
  EXPECT_EQ(store_.missing_bytes(), int64_t{1} << 62);
}

TEST_F(VariablesTest, RunOutOfMemoryWithTheirName) {
  const TensorType type = F32({int64_t{1} << 28, int64_t{1} << 26});
  const int w = Declare("enormous", type);
  ASSERT_TRUE(store_.FixLayout(w, Layout::Plain(type)).ok());
  const absl::Status status = store_.Materialize(w);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(status.message().find("'enormous'"), absl::string_view::npos) << status;
}

TEST_F(VariablesTest, MayBeReadFromSeveralThreads) {
  const TensorType type = F32({1, 3, 1, 2});
  const Layout blocks = BlocksOf16(type.shape);
  const int w = Declare("w", type);
  ASSERT_TRUE(store_.FixLayout(w, Layout::Plain(type)).ok());
  Set(w, Numbers(6));
  std::vector<std::thread> threads;
  std::vector<Floats> seen(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const int replica = store_.Replica(w, blocks);
      if (!store_.Materialize(w).ok()) return;
      for (int i = 0; i < 100; ++i) {
        if (!store_.Refresh(w, replica).ok()) return;
        if (store_.Declare(Make(("v" + std::to_string(i)).c_str(), type)).value() < 0) return;
      }
      seen[t] = Read(blocks, store_.replica_data(w, replica), type);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Floats& values : seen) EXPECT_EQ(values, Numbers(6));
  EXPECT_EQ(store_.size(), 101);
}

}  // namespace
}  // namespace gradus
