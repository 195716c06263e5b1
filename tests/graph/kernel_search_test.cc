#include "graph/kernel_search.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "graph/kernel_times.h"
#include "graph/op.h"
#include "graph/session.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

// A node with a kernel for plain images, which is its first, and one for blocks of 8 channels. Attributes tell such
// nodes apart.
REGISTER_OP(ToyPicky).Inputs(1).Types(SameAsInput).NoGradient("a toy");
// Like it, but one of the two idles for a while: the one of plain images if its factor is odd, that of blocks else.
REGISTER_OP(ToyIdle).Inputs(1).Types(SameAsInput).NoGradient("a toy");
// One that takes what it gets.
REGISTER_OP(ToyEasy).Inputs(1).Types(SameAsInput).NoGradient("a toy");

int copies_done = 0;

FunctionKernel::Function Copy(const Layout& layout) {
  return [n = layout.stored_elements()](const Buffers& b) {
    ++copies_done;
    std::copy_n(b.in<float>(0), n, b.out<float>(0));
    return absl::OkStatus();
  };
}

Layout Blocks(const TensorType& type) { return InFormat(type, ImageFormat::kBlocks8); }

absl::StatusOr<std::vector<Candidate>> PickyCandidates(const KernelContext& context) {
  std::vector<Candidate> candidates;
  for (const Layout& layout : {Layout::Plain(context.output_type(0)), Blocks(context.output_type(0))}) {
    candidates.push_back(FunctionCandidate("toy:picky", {layout}, {layout}, Copy(layout)));
  }
  return candidates;
}

absl::StatusOr<std::vector<Candidate>> IdleCandidates(const KernelContext& context) {
  const bool plain_idles = static_cast<int>(context.attrs<FactorAttrs>().factor) % 2 == 1;
  std::vector<Candidate> candidates;
  for (const bool plain : {true, false}) {
    const Layout layout = plain ? Layout::Plain(context.output_type(0)) : Blocks(context.output_type(0));
    const bool idle = plain == plain_idles;
    candidates.push_back(
        FunctionCandidate("toy:idle", {layout}, {layout}, [idle, copy = Copy(layout)](const Buffers& buffers) {
          if (idle) std::this_thread::sleep_for(std::chrono::milliseconds(20));
          return copy(buffers);
        }));
  }
  return candidates;
}

absl::StatusOr<std::vector<Candidate>> EasyCandidates(const KernelContext& context) {
  const Layout& layout = context.inputs[0];
  return std::vector<Candidate>{FunctionCandidate("toy:easy", {layout}, {layout}, Copy(layout))};
}

REGISTER_KERNEL(ToyPicky, PickyCandidates);
REGISTER_KERNEL(ToyIdle, IdleCandidates);
REGISTER_KERNEL(ToyEasy, EasyCandidates);

// Searches among times that the test says: nothing is measured.
class KernelSearchTest : public testing::Test {
 protected:
  const TensorType kImage = F32({2, 16, 4, 4});

  Value Picky(const char* name, Value x, double plain, double blocks) {
    const Value y = AddNode(&program_.graph, "ToyPicky", name, {x}, FactorAttrs{next_++});
    SetTime(y, "toy:picky", plain, blocks);
    return y;
  }
  Value Easy(const char* name, Value x) {
    const Value y = AddNode(&program_.graph, "ToyEasy", name, {x}, FactorAttrs{next_++});
    SetTime(y, "toy:easy", 0.1, 0.1);
    return y;
  }
  void SetTime(Value y, const char* implementation, double plain, double blocks) {
    const std::string key = OperationKey(program_.graph, program_.graph.node(y), false);
    cache_.Add(absl::StrCat(key, " | ", implementation, " (abcd -> abcd)"), {plain, false});
    cache_.Add(absl::StrCat(key, " | ", implementation, " (aBcd8b -> aBcd8b)"), {blocks, false});
    cache_.Add(absl::StrCat(key, " | ", implementation, " (acdb -> acdb)"), {plain, false});
  }
  void SetReorderTime(double milliseconds) {
    KernelCatalog catalog(false, 1);
    std::vector<Layout> layouts;
    for (ImageFormat format : ImageFormats()) layouts.push_back(InFormat(kImage, format));
    for (const Layout& from : layouts) {
      for (const Layout& to : layouts) {
        if (from == to) continue;
        const ChoicePtr reorder = *catalog.Reorder(from, to);
        cache_.Add(absl::StrCat("reorder 2x16x4x4 | ", NameOf(reorder->candidate).ToString()), {milliseconds, false});
      }
    }
  }
  KernelSearchResult Search() {
    const size_t known = cache_.size();
    absl::StatusOr<KernelSearchResult> result = SearchKernels(program_, store_, options_, &cache_);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(cache_.size(), known) << "something was measured";
    return result.ok() ? *result : KernelSearchResult();
  }
  std::string LayoutsOf(const KernelSearchResult& result, const char* node) {
    const auto found = result.choices.find(node);
    return found == result.choices.end() ? "none" : found->second.layouts;
  }

  Program program_;
  VariableStore store_;
  PlanOptions options_;
  TuningCache cache_{1};
  double next_ = 1;
};

TEST_F(KernelSearchTest, AChainMovesToTheLayoutThatPaysForItsReorders) {
  SetReorderTime(1);
  const Value a = Picky("a", AddInput(&program_.graph, "x", kImage), 2, 1);
  const Value c = Picky("c", Easy("b", a), 2, 1);
  const Value e = Picky("e", Easy("d", c), 2, 1);
  program_.fetches.push_back({"e", e});
  const KernelSearchResult result = Search();
  for (const char* node : {"a", "b", "c", "d", "e"}) EXPECT_EQ(LayoutsOf(result, node), "aBcd8b -> aBcd8b") << node;
  EXPECT_DOUBLE_EQ(result.milliseconds, 3 + 0.2 + 2);
  EXPECT_DOUBLE_EQ(result.first_milliseconds, 6 + 0.2);
  EXPECT_EQ(result.notes,
            std::vector<std::string>{"a: toy:picky (aBcd8b -> aBcd8b) takes 1.000 ms and 1.000 ms of layout changes "
                                     "before it; without any, toy:picky (abcd -> abcd) takes 2.000 ms"});
}

TEST_F(KernelSearchTest, AGainThatReordersEatUpIsNone) {
  SetReorderTime(1);
  program_.fetches.push_back({"a", Picky("a", AddInput(&program_.graph, "x", kImage), 2, 0.5)});
  const KernelSearchResult result = Search();
  EXPECT_EQ(LayoutsOf(result, "a"), "abcd -> abcd");
  EXPECT_TRUE(result.notes.empty());
}

TEST_F(KernelSearchTest, NoiseMovesNothing) {
  SetReorderTime(0);
  program_.fetches.push_back({"a", Picky("a", AddInput(&program_.graph, "x", kImage), 1, 0.98)});
  EXPECT_EQ(LayoutsOf(Search(), "a"), "abcd -> abcd");
}

// Also where the plan's own candidates would not include them: those of other nodes that came before decide.
TEST_F(KernelSearchTest, APlanRepeatsTheChoices) {
  SetReorderTime(0.1);
  const Value a = Picky("a", AddInput(&program_.graph, "x", kImage), 1, 3);
  const Value b = Picky("b", a, 3, 1);
  program_.fetches.push_back({"c", Easy("c", Picky("d", b, 1, 3))});
  const KernelSearchResult result = Search();
  EXPECT_EQ(LayoutsOf(result, "a"), "abcd -> abcd");
  EXPECT_EQ(LayoutsOf(result, "b"), "aBcd8b -> aBcd8b");
  options_.kernel_choices = result.choices;
  const absl::StatusOr<std::unique_ptr<Plan>> plan = Plan::Compile(program_, &store_, options_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  for (const auto& [node, name] : (*plan)->Choices()) EXPECT_EQ(name, result.choices.at(node)) << node;
  EXPECT_EQ((*plan)->reorders(), 2);
  EXPECT_EQ((*plan)->Explain(), "reorder a abcd -> aBcd8b: wanted by b\nreorder b aBcd8b -> abcd: wanted by d\n");
}

TEST_F(KernelSearchTest, VariablesThatLieAlreadyAreNotMovedForNothing) {
  SetReorderTime(1);
  const Value w = AddVariable(&program_.graph, "w", kImage);
  program_.fetches.push_back({"y", Easy("y", Picky("a", w, 2, 1.5))});
  ASSERT_TRUE(store_.FixLayout(*store_.Declare(program_.graph.variables()[0]), Layout::Plain(kImage)).ok());
  EXPECT_EQ(LayoutsOf(Search(), "a"), "abcd -> abcd");
  EXPECT_EQ(store_.bytes(), kImage.bytes()) << "a trial has left a replica";
}

TEST_F(KernelSearchTest, TheLimitIsTheFastestInAnyLayout) {
  SetReorderTime(100);
  const Value a = Picky("a", AddInput(&program_.graph, "x", kImage), 2, 1);
  program_.fetches.push_back({"b", Picky("b", a, 2, 3)});
  const absl::StatusOr<std::vector<NodeLimit>> limits = PrimitiveLimits(program_, options_, &cache_);
  ASSERT_TRUE(limits.ok()) << limits.status();
  ASSERT_EQ(limits->size(), 2u);
  EXPECT_EQ((*limits)[0].node, "a");
  EXPECT_EQ((*limits)[0].layout, "aBcd8b");
  EXPECT_EQ((*limits)[0].milliseconds, 1);
  EXPECT_EQ((*limits)[1].layout, "abcd");
  EXPECT_EQ((*limits)[1].milliseconds, 2);
}

// One run that counts and one before it, for all nodes that share a kernel.
TEST_F(KernelSearchTest, TheLimitIsTimedAgain) {
  SetReorderTime(100);
  const Value x = AddInput(&program_.graph, "x", kImage);
  const Value a = AddNode(&program_.graph, "ToyEasy", "a", {x}, FactorAttrs{7});
  const Value b = AddNode(&program_.graph, "ToyEasy", "b", {a}, FactorAttrs{7});
  SetTime(a, "toy:easy", 0.1, 0.2);
  program_.fetches.push_back({"c", Easy("c", b)});
  const absl::StatusOr<std::vector<NodeLimit>> limits = PrimitiveLimits(program_, options_, &cache_);
  ASSERT_TRUE(limits.ok()) << limits.status();
  ASSERT_EQ(limits->size(), 3u);
  LimitTimer timer(*limits);
  copies_done = 0;
  const absl::StatusOr<double> time = timer.Time();
  ASSERT_TRUE(time.ok()) << time.status();
  EXPECT_GT(*time, 0);
  EXPECT_EQ(copies_done, 4);
}

// Whatever the times of kernels alone say: the plan that is slower as a whole is not taken.
TEST_F(KernelSearchTest, ATunedPlanMustWinAsAWhole) {
  SetReorderTime(0.1);
  for (const bool plain_idles : {true, false}) {
    SCOPED_TRACE(plain_idles);
    Program program;
    const Value x = AddInput(&program.graph, "x", kImage);
    const Value y = AddNode(&program.graph, "ToyIdle", "y", {x}, FactorAttrs{plain_idles ? 1.0 : 2.0});
    program.fetches.push_back({"y", y});
    auto cache = std::make_shared<TuningCache>(1);
    *cache = cache_;
    const std::string key = OperationKey(program.graph, program.graph.node(y), false);
    cache->Add(absl::StrCat(key, " | toy:idle (abcd -> abcd)"), {2, false});
    cache->Add(absl::StrCat(key, " | toy:idle (aBcd8b -> aBcd8b)"), {1, false});
    SessionOptions options;
    options.threads = 1;
    options.tuning = cache;
    Session session(std::make_shared<VariableStore>(), options);
    const absl::StatusOr<Plan*> plan = session.Compile(program);
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ((*plan)->Choices().size(), 1u);
    EXPECT_EQ((*plan)->Choices()[0].second.layouts, plain_idles ? "aBcd8b -> aBcd8b" : "abcd -> abcd");
    const std::string explained = (*plan)->Explain();
    EXPECT_EQ(absl::StrContains(explained, "kernels that are faster alone are not used"), !plain_idles) << explained;
    EXPECT_TRUE(absl::StrContains(explained, "a whole run takes")) << explained;
  }
}

// Layouts that are the same bytes have the same name, whoever described them.
TEST_F(KernelSearchTest, NamesOfEqualLayouts) {
  const auto name = [](const Layout& layout) { return NameOf(FunctionCandidate("k", {}, {layout}, nullptr)).layouts; };
  const TensorType one_block = F32({2, 8, 4, 4}), pixels = F32({4, 64, 1, 1}), padded = F32({2, 5, 4, 4});
  EXPECT_EQ(name(InFormat(one_block, ImageFormat::kBlocks8)), " -> acdb");
  EXPECT_EQ(name(InFormat(one_block, ImageFormat::kChannelsLast)), " -> acdb");
  EXPECT_EQ(name(InFormat(pixels, ImageFormat::kBlocks8)), " -> abcd");
  EXPECT_EQ(name(InFormat(kImage, ImageFormat::kBlocks8)), " -> aBcd8b");
  EXPECT_NE(name(InFormat(padded, ImageFormat::kBlocks8)), name(InFormat(padded, ImageFormat::kChannelsLast)));
  using Tag = dnnl::memory::format_tag;
  const auto weights = [&](const dnnl::memory::dims& dims, Tag tag) {
    return name(Layout(dnnl::memory::desc(dims, dnnl::memory::data_type::f32, tag).data));
  };
  EXPECT_EQ(weights({32, 16, 3, 3}, Tag::ABcd8b8a), " -> ABcd8b8a");
  EXPECT_EQ(weights({32, 16, 3, 3}, Tag::Acdb8a), " -> Acdb8a");
  EXPECT_EQ(weights({32, 16, 1, 1}, Tag::cdba), " -> ba");
  EXPECT_EQ(weights({32, 16, 1, 1}, Tag::bacd), " -> ba");
}

// What is measured ends up in the cache, and once only.
TEST_F(KernelSearchTest, MeasuresWhatIsNotKnown) {
  const Value x = AddInput(&program_.graph, "x", kImage);
  const Value a = AddNode(&program_.graph, "ToyPicky", "a", {x}, FactorAttrs{1});
  program_.fetches.push_back({"b", AddNode(&program_.graph, "ToyPicky", "b", {a}, FactorAttrs{1})});
  ASSERT_TRUE(SearchKernels(program_, store_, options_, &cache_).ok());
  const size_t measured = cache_.measured();
  EXPECT_GT(measured, 0u);
  EXPECT_EQ(measured, cache_.size());
  ASSERT_TRUE(SearchKernels(program_, store_, options_, &cache_).ok());
  EXPECT_EQ(cache_.measured(), measured);
}

}  // namespace
}  // namespace gradus
