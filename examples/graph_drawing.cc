#include "examples/graph_drawing.h"

#include <errno.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"

extern char** environ;

namespace gradus {
namespace {

constexpr char kFont[] = "fontname=\"Helvetica,Arial,sans-serif\"";

// Lines of a label in one string of the language.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

// The names that a node is inside of: of "a/b/c" those are "a" and "a/b". A gradient is where its node is.
std::vector<std::string> ScopesOf(absl::string_view name) {
  const size_t gradient = name.rfind("/gradient");
  if (gradient != absl::string_view::npos) name = name.substr(0, gradient);
  std::vector<std::string> scopes;
  for (size_t slash = name.find('/'); slash != absl::string_view::npos; slash = name.find('/', slash + 1)) {
    scopes.emplace_back(name.substr(0, slash));
  }
  return scopes;
}

// A box of the drawing.
struct Cluster {
  std::string name;
  int nodes = 0;                                             // in it and in its boxes
  std::vector<int> own;                                      // in it alone
  std::map<std::string, std::unique_ptr<Cluster>> clusters;  // by name
};

class Drawing {
 public:
  Drawing(absl::string_view title, const Differentiated& network)
      : title_(title), network_(network), graph_(network.network.graph) {}

  std::string Draw() {
    NoteRoles();
    NoteAssigned();
    for (int i = 0; i < graph_.size(); ++i) {
      if (IsDrawn(i)) Place(i);
    }
    absl::StrAppend(&text_, "digraph ", Quoted(title_), " {\n", "  graph [", kFont, " fontsize=10]\n",
                    "  node [shape=box style=\"rounded,filled\" margin=\"0.2,0.08\" ", kFont, " fontsize=10]\n",
                    "  edge [", kFont, " fontsize=8]\n");
    DrawCluster(forward_, "  ");
    if (backward_.nodes > 0) DrawCluster(backward_, "  ");
    for (int i = 0; i < graph_.size(); ++i) {
      if (IsDrawn(i)) DrawEdges(i);
    }
    text_ += "}\n";
    return std::move(text_);
  }

 private:
  bool IsBackward(int node) const { return node >= network_.forward_nodes; }

  // Parameters are named where they are read. What only makes the next state (running statistics) is left out, as are
  // constants.
  bool IsDrawn(int node) const {
    const Node& n = graph_.node(node);
    return graph_.variable_of(node) < 0 && !only_assigned_[node] && (!n.inputs.empty() || n.op->is_source());
  }

  void NoteAssigned() {
    std::vector<int> reads(graph_.size(), 0), assigns(graph_.size(), 0);
    for (const Node& node : graph_.nodes()) {
      for (const Value input : node.inputs) {
        ++reads[input.node];
        assigns[input.node] += node.op->is_sink();
      }
    }
    for (int i = 0; i < graph_.size(); ++i) only_assigned_.push_back(reads[i] > 0 && reads[i] == assigns[i]);
  }

  void NoteRoles() {
    const Network& network = network_.network;
    for (const LossTerm& loss : network.losses) roles_[loss.values.node].push_back(absl::StrCat("loss ", loss.name));
    for (const NamedValue& output : network.outputs) {
      roles_[output.value.node].push_back(absl::StrCat("output ", output.name));
    }
    for (const NamedValue& gradient : network_.gradients) {
      roles_[gradient.value.node].push_back(absl::StrCat("gradient of ", gradient.name));
    }
    for (const Node& node : graph_.nodes()) {
      for (const std::string& scope : ScopesOf(node.name)) ++members_[scope];
    }
  }

  // A node whose name is itself a beginning of others' is in their box: a convolution and its activation.
  void Place(int node) {
    const std::string& name = graph_.node(node).name;
    std::vector<std::string> scopes = ScopesOf(name);
    const std::string own(name.substr(0, name.rfind("/gradient")));
    if (members_.contains(own)) scopes.push_back(own);
    Cluster* cluster = IsBackward(node) ? &backward_ : &forward_;
    ++cluster->nodes;
    for (const std::string& scope : scopes) {
      std::unique_ptr<Cluster>& child = cluster->clusters[scope];
      if (child == nullptr) {
        child =
            std::make_unique<Cluster>(Cluster{absl::StrCat(IsBackward(node) ? "gradients of " : "", scope), 0, {}, {}});
      }
      cluster = child.get();
      ++cluster->nodes;
    }
    cluster->own.push_back(node);
  }

  void DrawCluster(const Cluster& cluster, const std::string& indent) {
    const bool box = !cluster.name.empty() && cluster.nodes > 1;
    const std::string inner = box ? indent + "  " : indent;
    if (box) {
      absl::StrAppend(&text_, indent, "subgraph ", Quoted("cluster_" + cluster.name), " {\n", inner,
                      "label=", Quoted(cluster.name), " color=\"#a0a0a0\"\n");
    }
    for (const int node : cluster.own) DrawNode(node, inner);
    for (const auto& [name, child] : cluster.clusters) DrawCluster(*child, inner);
    if (box) absl::StrAppend(&text_, indent, "}\n");
  }

  void DrawNode(int i, const std::string& indent) {
    const Node& node = graph_.node(i);
    std::string label = absl::StrCat(node.name, "\n", node.op->name());
    if (!node.outputs.empty()) absl::StrAppend(&label, "  ", node.outputs[0].ToString());
    for (const Value input : node.inputs) {
      if (graph_.variable_of(input.node) < 0) continue;
      absl::StrAppend(&label, "\n", graph_.node(input).name, "  ", graph_.type(input).ToString());
    }
    const auto roles = roles_.find(i);
    if (roles != roles_.end()) {
      for (const std::string& role : roles->second) absl::StrAppend(&label, "\n", role);
    }
    const char* color = node.op->is_source() ? "#dcefdc" : IsBackward(i) ? "#f8e4d8" : "#e4ecf8";
    absl::StrAppend(&text_, indent, "n", i, " [label=", Quoted(label), " fillcolor=\"", color, "\"",
                    roles != roles_.end() ? " penwidth=2" : "", "]\n");
  }

  // The way back is drawn from the bottom to the top, beside the way forward: its arrows are written from their heads
  // to their tails. What it takes from the way forward is dashed, and has no say in where things are.
  void DrawEdges(int i) {
    for (const Value input : graph_.node(i).inputs) {
      if (!IsDrawn(input.node)) continue;
      std::vector<std::string> attributes;
      const bool back = IsBackward(input.node);
      if (back) attributes.push_back("dir=back");
      if (IsBackward(i) && !back) attributes.push_back("style=dashed color=\"#808080\" constraint=false");
      if (input.output > 0) attributes.push_back(absl::StrCat("label=\"output ", input.output, "\""));
      absl::StrAppend(&text_, "  n", back ? i : input.node, " -> n", back ? input.node : i);
      if (!attributes.empty()) absl::StrAppend(&text_, " [", absl::StrJoin(attributes, " "), "]");
      text_ += "\n";
    }
  }

  absl::string_view title_;
  const Differentiated& network_;
  const Graph& graph_;
  absl::flat_hash_map<int, std::vector<std::string>> roles_;
  absl::flat_hash_map<std::string, int> members_;  // of each scope
  std::vector<bool> only_assigned_;                // by node
  Cluster forward_ = {"", 0, {}, {}}, backward_ = {"", 0, {}, {}};
  std::string text_;
};

}  // namespace

absl::StatusOr<Differentiated> Differentiate(Network network) {
  if (network.losses.empty()) {
    return absl::InvalidArgumentError("the model has no loss that runs in training, so there are no gradients");
  }
  Differentiated result;
  result.forward_nodes = network.graph.size();
  std::vector<Value> ys, wrt;
  for (const LossTerm& loss : network.losses) ys.push_back(loss.values);
  const std::vector<Variable>& variables = network.graph.variables();
  for (size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].role != Role::kParameter) continue;
    wrt.push_back(network.graph.ReadOf(static_cast<int>(i)));
    result.gradients.push_back({variables[i].name, {}});
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Value> gradients,
                          AddGradients(&network.graph, ys, std::vector<Value>(ys.size()), wrt));
  std::vector<NamedValue> reached;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].valid()) reached.push_back({result.gradients[i].name, gradients[i]});
  }
  result.gradients = std::move(reached);
  result.network = std::move(network);
  return result;
}

std::string DrawGraph(absl::string_view title, const Differentiated& network) { return Drawing(title, network).Draw(); }

// The drawing goes to `dot` in a file of no name, and what it makes comes back in another, so that no file of a user's
// is touched and no path can be taken for a flag.
absl::Status WriteSvg(absl::string_view drawing, const std::string& path) {
  GRADUS_RETURN_IF_ERROR(CheckWritable(path));
  const FileDescriptor text(memfd_create("drawing.dot", MFD_CLOEXEC)), svg(memfd_create("drawing.svg", MFD_CLOEXEC));
  if (text.get() < 0 || svg.get() < 0) return absl::ErrnoToStatus(errno, "cannot make a file for 'dot'");
  GRADUS_RETURN_IF_ERROR(WriteAll(text.get(), "drawing.dot", drawing));
  if (lseek(text.get(), 0, SEEK_SET) != 0) return absl::ErrnoToStatus(errno, "cannot read what 'dot' is to draw");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, text.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, svg.get(), STDOUT_FILENO);
  std::string program = "dot", format = "-Tsvg";
  char* const argv[] = {program.data(), format.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, "dot", &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    return absl::FailedPreconditionError(
        "SVG files are made by Graphviz's program 'dot', which is not installed (Debian's package graphviz); an "
        "--output that ends in .dot needs no program");
  }
  if (error != 0) return absl::ErrnoToStatus(error, "cannot run 'dot'");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat("'dot' could not draw '", path, "'"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::string picture, ReadFile(absl::StrCat("/proc/self/fd/", svg.get())));
  return WriteFileAtomically(path, picture);
}

}  // namespace gradus
