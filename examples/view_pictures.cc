#include "examples/view_pictures.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "examples/image_views.h"
#include "examples/shades.h"
#include "ops/view_rules.h"

namespace gradus {
namespace {

constexpr int64_t kUnitsByDefault = 8;

NetworkView::Options LayerOptions(const PictureOptions& options, int64_t batch) {
  NetworkView::Options setup;
  setup.layer = options.layer;
  setup.batch = batch;
  return setup;
}

// The units asked for, or the first ones of the layer.
absl::StatusOr<std::vector<int64_t>> Units(const NetworkView& view, const PictureOptions& options) {
  for (int64_t unit : options.units) {
    if (unit >= 0 && unit < view.units()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("layer '", view.layer(), "' has no unit ", unit, "; its units are 0 to ", view.units() - 1));
  }
  if (!options.units.empty()) return options.units;
  std::vector<int64_t> units(std::min(view.units(), kUnitsByDefault));
  std::iota(units.begin(), units.end(), 0);
  return units;
}

absl::Status NeedsLayer(const PictureOptions& options) {
  return options.layer.empty() ? absl::InvalidArgumentError("which layer to draw is missing") : absl::OkStatus();
}

// ---- filters

// The weights of a layer as images, f32[C, H, W] with 1 or 3 channels each.
absl::StatusOr<std::vector<Tensor>> ReadFilters(const Viewer& viewer, const std::string& layer) {
  const std::string name = absl::StrCat(layer, "/weights");
  GRADUS_ASSIGN_OR_RETURN(const Tensor weights, ReadVariable(viewer.trained().checkpoint, name));
  const Shape &shape = weights.shape(), &image = viewer.input().type.shape;
  Shape one;
  if (shape.rank() == 4 && (shape[1] == 1 || shape[1] == 3)) one = Shape{shape[1], shape[2], shape[3]};
  if (shape.rank() == 2 && shape[1] == image.num_elements()) one = image;  // a dense layer over the image
  if (one.rank() == 0) {
    return absl::FailedPreconditionError(absl::StrCat("'", name, "' is ", weights.type().ToString(),
                                                      "; only weights of 1 or 3 channels, f32[filters, 1, H, W], or of "
                                                      "every pixel, f32[units, ",
                                                      image.num_elements(),
                                                      "], are pictures. Deeper layers show what they look for with ",
                                                      "`visualize deconvolution` and `visualize maximize`"));
  }
  std::vector<Tensor> filters;
  for (int64_t i = 0; i < shape[0]; ++i) {
    filters.push_back(
        Tensor::Of<float>(one, weights.values<float>().subspan(i * one.num_elements(), one.num_elements())));
  }
  return filters;
}

absl::StatusOr<CaptionedImages> DrawFilters(Viewer* viewer, const PictureOptions& options) {
  GRADUS_RETURN_IF_ERROR(NeedsLayer(options));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> filters, ReadFilters(*viewer, options.layer));
  const ShadeRange range = RangeOf(filters);
  CaptionedImages grid;
  for (size_t i = 0; i < filters.size(); ++i) {
    grid.images.push_back(ToSignedShades(filters[i], range));
    grid.captions.push_back(absl::StrCat(i));
  }
  return grid;
}

// ---- features

absl::StatusOr<CaptionedImages> DrawFeatures(Viewer* viewer, const PictureOptions& options) {
  GRADUS_RETURN_IF_ERROR(NeedsLayer(options));
  GRADUS_ASSIGN_OR_RETURN(NetworkView view, viewer->View(LayerOptions(options, 1)));
  if (view.layer_shape().rank() != 3) {
    return absl::FailedPreconditionError(absl::StrCat("layer '", view.layer(), "' gives ", view.units(),
                                                      " numbers and no maps; features needs f32[N, C, H, W]"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> images, viewer->Images(options.files, 1));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> values, view.Forward(images));
  const int64_t height = view.image_shape()[1], width = view.image_shape()[2];
  const ShadeRange range = RangeOf(values[0]);
  CaptionedImages grid;
  grid.images.push_back(ToRgb(ToShades(images[0], RangeOf(images[0]))));
  grid.captions.push_back("image");
  for (int64_t c = 0; c < view.units(); ++c) {
    grid.images.push_back(ToRgb(Resized(ToShades(Channel(values[0], c), range), height, width)));
    grid.captions.push_back(absl::StrCat(c));
  }
  return grid;
}

// ---- deconvolution

// Two rows: patches of images, and what comes back to them.
void AddRows(const std::vector<Strongest>& strongest, const std::vector<Projection>& projections, int64_t unit,
             int64_t height, int64_t width, const ShadeRange& range, CaptionedImages* grid) {
  const auto columns = static_cast<size_t>(grid->columns);
  for (const bool picture : {false, true}) {
    for (size_t i = 0; i < columns; ++i) {
      const bool there = i < projections.size();
      const Projection& projection = projections[there ? i : 0];
      const Box box = Widened(projection.field, height, width, strongest[0].image.shape());
      Tensor tile(TensorType{DType::kFloat32, {3, box.height, box.width}});
      if (there && picture) {
        const Tensor part = Crop(projection.picture, box);
        tile = ToRgb(ToSignedShades(part, RangeOf(part)));
      } else if (there) {
        tile = ToRgb(ToShades(Crop(strongest[i].image, box), range));
      }
      grid->images.push_back(std::move(tile));
      grid->captions.push_back(there && !picture ? absl::StrFormat("%d: %.3g", unit, strongest[i].value) : "");
    }
  }
}

absl::StatusOr<CaptionedImages> DrawDeconvolution(Viewer* viewer, const PictureOptions& options) {
  NetworkView::Options setup = LayerOptions(options, 32);
  GRADUS_ASSIGN_OR_RETURN(NetworkView forward, viewer->View(setup));
  setup.batch = 1;
  setup.backward = true;
  setup.rules = DeconvolutionRules();
  GRADUS_ASSIGN_OR_RETURN(NetworkView view, viewer->View(setup));
  setup.rules = ReceptiveFieldRules();
  GRADUS_ASSIGN_OR_RETURN(NetworkView field, viewer->View(setup));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> units, Units(view, options));
  GRADUS_ASSIGN_OR_RETURN(const Viewer::Data data, viewer->OpenData());
  GRADUS_ASSIGN_OR_RETURN(
      const std::vector<std::vector<Strongest>> strongest,
      FindStrongest(&forward, data.loader.get(), data.column, options.search, units, options.count));
  std::vector<std::vector<Projection>> projections;
  int64_t height = 1, width = 1;
  CaptionedImages grid;
  ShadeRange range = RangeOf(strongest[0][0].image);
  for (const std::vector<Strongest>& of_unit : strongest) {
    GRADUS_ASSIGN_OR_RETURN(std::vector<Projection> projected, Project(&view, &field, of_unit));
    for (size_t i = 0; i < projected.size(); ++i) {
      height = std::max(height, projected[i].field.height);
      width = std::max(width, projected[i].field.width);
      const ShadeRange own = RangeOf(of_unit[i].image);
      range = {std::min(range.least, own.least), std::max(range.largest, own.largest)};
    }
    grid.columns = std::max<int64_t>(grid.columns, static_cast<int64_t>(projected.size()));
    projections.push_back(std::move(projected));
  }
  for (size_t u = 0; u < units.size(); ++u) {
    AddRows(strongest[u], projections[u], units[u], height, width, range, &grid);
  }
  return grid;
}

// ---- guided, saliency, occlusion: an image and what becomes of it, below each other

// What a picture is of: for each image the layer's largest place, or that of the first unit asked for.
absl::StatusOr<std::vector<int64_t>> Places(const NetworkView& view, const PictureOptions& options,
                                            absl::Span<const Tensor> values) {
  GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> units, Units(view, options));
  std::vector<int64_t> places;
  for (const Tensor& value : values) {
    const absl::Span<const float> all = value.values<float>();
    places.push_back(options.units.empty() ? std::max_element(all.begin(), all.end()) - all.begin()
                                           : StrongestPlace(value, units[0]));
  }
  return places;
}

struct Looked {
  std::vector<Tensor> images;
  std::vector<int64_t> places;
  std::vector<std::string> captions;  // unit and value there
};

absl::StatusOr<Looked> LookAt(const Viewer& viewer, NetworkView* view, const PictureOptions& options) {
  Looked looked;
  GRADUS_ASSIGN_OR_RETURN(looked.images, viewer.Images(options.files, options.count));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> values, view->Forward(looked.images));
  GRADUS_ASSIGN_OR_RETURN(looked.places, Places(*view, options, values));
  const Shape& layer = view->layer_shape();
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t unit = looked.places[i] / layer.ElementsBetween(1, layer.rank());
    looked.captions.push_back(
        absl::StrFormat("%s: %.3g", viewer.NameOf(*view, unit), values[i].values<float>()[looked.places[i]]));
  }
  return looked;
}

CaptionedImages BelowEachOther(const Looked& looked, std::vector<Tensor> pictures, std::vector<std::string> captions) {
  CaptionedImages grid;
  grid.columns = static_cast<int64_t>(looked.images.size());
  const ShadeRange range = RangeOf(looked.images);
  for (const Tensor& image : looked.images) grid.images.push_back(ToRgb(ToShades(image, range)));
  grid.captions = looked.captions;
  for (const Tensor& picture : pictures) grid.images.push_back(ToRgb(picture));
  captions.resize(pictures.size());
  grid.captions.insert(grid.captions.end(), captions.begin(), captions.end());
  return grid;
}

absl::StatusOr<CaptionedImages> DrawBackward(Viewer* viewer, const PictureOptions& options,
                                             const GradientOptions& rules, bool with_sign) {
  NetworkView::Options setup = LayerOptions(options, 1);
  setup.backward = true;
  setup.rules = rules;
  GRADUS_ASSIGN_OR_RETURN(NetworkView view, viewer->View(setup));
  GRADUS_ASSIGN_OR_RETURN(const Looked looked, LookAt(*viewer, &view, options));
  std::vector<Tensor> seeds;
  for (int64_t place : looked.places) seeds.push_back(SeedAt(view.layer_shape(), place));
  GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> pictures, view.Backward(looked.images, seeds));
  for (Tensor& picture : pictures) {
    if (!with_sign) picture = SaliencyOf(picture);
    picture = with_sign ? ToSignedShades(picture, RangeOf(picture)) : ToShades(picture, {0, RangeOf(picture).largest});
  }
  return BelowEachOther(looked, std::move(pictures), {});
}

absl::StatusOr<CaptionedImages> DrawGuided(Viewer* viewer, const PictureOptions& options) {
  return DrawBackward(viewer, options, GuidedRules(), /*with_sign=*/true);
}

absl::StatusOr<CaptionedImages> DrawSaliency(Viewer* viewer, const PictureOptions& options) {
  return DrawBackward(viewer, options, {}, /*with_sign=*/false);
}

absl::StatusOr<CaptionedImages> DrawOcclusion(Viewer* viewer, const PictureOptions& options) {
  const Shape& image = viewer->input().type.shape;
  if (options.square > std::min(image[1], image[2])) {
    return absl::InvalidArgumentError(absl::StrCat("a square of ", options.square, " x ", options.square,
                                                   " pixels does not fit into an image of ", image[1], " x ",
                                                   image[2]));
  }
  GRADUS_ASSIGN_OR_RETURN(NetworkView view, viewer->View(LayerOptions(options, 32)));
  GRADUS_ASSIGN_OR_RETURN(const Looked looked, LookAt(*viewer, &view, options));
  OcclusionOptions occlusion = {options.square, options.stride, 0};
  std::vector<Tensor> pictures;
  std::vector<std::string> captions;
  for (size_t i = 0; i < looked.images.size(); ++i) {
    occlusion.fill = MeanOf(absl::MakeConstSpan(&looked.images[i], 1));
    GRADUS_ASSIGN_OR_RETURN(const Tensor map, OcclusionMap(&view, looked.images[i], looked.places[i], occlusion));
    const ShadeRange range = RangeOf(map);
    pictures.push_back(ToShades(map, range));
    captions.push_back(absl::StrFormat("%.2g..%.2g", range.least, range.largest));
  }
  return BelowEachOther(looked, std::move(pictures), std::move(captions));
}

// ---- maximize

// What any of the units sees of the image; all of it where nothing says so.
Box BoxAround(absl::Span<const Tensor> reached) {
  Box box;
  for (const Tensor& image : reached) box = Union(box, NonzeroBox(image));
  const Shape& shape = reached[0].shape();
  return box.height == 0 ? Box{0, 0, shape[1], shape[2]} : box;
}

absl::StatusOr<CaptionedImages> DrawMaximized(Viewer* viewer, const PictureOptions& options) {
  // The range of real images is the range of those that are made.
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> real, viewer->Images({}, 32));
  const ShadeRange range = RangeOf(real);
  NetworkView::Options setup = LayerOptions(options, 8);
  setup.before_activation = true;
  setup.ascent =
      AscentOptions{options.rate * (double{range.largest} - range.least), options.blur, range.least, range.largest};
  GRADUS_ASSIGN_OR_RETURN(NetworkView view, viewer->View(setup));
  setup = LayerOptions(options, 1);
  setup.backward = true;
  setup.rules = ReceptiveFieldRules();
  GRADUS_ASSIGN_OR_RETURN(NetworkView field, viewer->View(setup));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> units, Units(view, options));
  std::vector<Tensor> starts, seeds;
  std::vector<int64_t> places;
  for (int64_t unit : units) {
    places.push_back(MiddlePlace(view.layer_shape(), unit));
    seeds.push_back(SeedAt(view.layer_shape(), places.back()));
    starts.push_back(NoiseAround(MeanOf(real), range, view.image_shape(), options.seed, unit));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Maximized> maximized,
                          MaximizeActivations(&view, starts, places, options.steps));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> reached, field.Backward(starts, seeds));
  const Box box = BoxAround(reached);
  CaptionedImages grid;
  for (size_t i = 0; i < units.size(); ++i) {
    grid.images.push_back(ToShades(Crop(maximized[i].image, box), range));
    grid.captions.push_back(absl::StrFormat("%s: %.3g", viewer->NameOf(view, units[i]), maximized[i].after));
    std::printf("%s %s: %.4g at first, %.4g after %lld steps\n", view.layer().c_str(),
                viewer->NameOf(view, units[i]).c_str(), maximized[i].before, maximized[i].after,
                static_cast<long long>(options.steps));
  }
  return grid;
}

struct Picture {
  absl::string_view name;
  absl::StatusOr<CaptionedImages> (*draw)(Viewer*, const PictureOptions&);
};
constexpr Picture kPictures[] = {
    {"filters", DrawFilters},   {"features", DrawFeatures}, {"deconvolution", DrawDeconvolution},
    {"guided", DrawGuided},     {"saliency", DrawSaliency}, {"occlusion", DrawOcclusion},
    {"maximize", DrawMaximized}};

}  // namespace

std::vector<std::string> PictureNames() {
  std::vector<std::string> names;
  for (const Picture& picture : kPictures) names.emplace_back(picture.name);
  return names;
}

absl::StatusOr<CaptionedImages> DrawPicture(absl::string_view name, const PictureOptions& options, Viewer* viewer) {
  for (const Picture& picture : kPictures) {
    if (picture.name != name) continue;
    GRADUS_ASSIGN_OR_RETURN(CaptionedImages grid, picture.draw(viewer, options));
    grid.stretch = false;
    return grid;
  }
  return absl::NotFoundError(absl::StrCat("there is no picture '", name, "'", Suggestion(name, PictureNames())));
}

}  // namespace gradus
