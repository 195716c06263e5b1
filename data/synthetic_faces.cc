// The data set gradus.SyntheticFaces.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "data/face_columns.h"
#include "data/face_person.h"
#include "data/face_picture.h"
#include "data/face_portrait.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

using Faces = absl::InlinedVector<Face, 4>;

float Uniform(RandomSequence* random, double low, double high) {
  return static_cast<float>(random->Uniform(low, high));
}

class SyntheticFacesDataset : public Dataset {
 public:
  SyntheticFacesDataset(FaceColumns columns, int64_t size, uint64_t seed, int64_t identities, const std::string& split)
      : columns_(std::move(columns)),
        size_(size),
        seed_(seed),
        identities_(identities),
        name_(absl::StrCat("synthetic_faces/", split)),
        person_name_(absl::StrCat(name_, "/person")) {}

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_.columns(); }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    RandomSequence random(seed_, name_, static_cast<uint64_t>(index));
    const int side = columns_.size();
    Canvas canvas(side, side, reinterpret_cast<float*>(columns[0]));
    switch (columns_.kind()) {
      case FaceExample::FACE: {
        const int64_t identity = AnyIdentity(&random);
        columns_.WriteFace(DrawFace(identity, /*live=*/index % 2 == 1, &random, &canvas), columns);
        break;
      }
      case FaceExample::SCENE:
        columns_.WriteScene(DrawScene(&random, &canvas), columns);
        break;
      case FaceExample::PAIR: {
        const bool same = index % 2 == 1;
        const int64_t one = AnyIdentity(&random);
        const auto step = static_cast<int64_t>(1 + random.Below(identities_ - 1));
        Canvas other(side, side, reinterpret_cast<float*>(columns[1]));
        DrawFace(one, /*live=*/true, &random, &canvas);
        DrawFace(same ? one : (one + step) % identities_, /*live=*/true, &random, &other);
        columns_.WritePair(same, columns);
        break;
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t AnyIdentity(RandomSequence* random) const { return static_cast<int64_t>(random->Below(identities_)); }
  Person PersonOf(int64_t identity) const { return MakePerson(seed_, person_name_, static_cast<uint64_t>(identity)); }

  // A face as a detector would cut it out: not quite in the middle, and not quite of the right size.
  Face DrawFace(int64_t identity, bool live, RandomSequence* random, Canvas* canvas) const {
    const auto side = static_cast<float>(columns_.size());
    const Person person = PersonOf(identity);
    const Point2 middle = {side * Uniform(random, 0.44, 0.56), side * Uniform(random, 0.44, 0.56)};
    Shot shot = RandomShot(random, middle, side / 2 / kFaceCrop * Uniform(random, 0.9, 1.1));
    if (!live) FlattenLight(random, &shot);
    const int shapes = static_cast<int>(random->Below(5));
    DrawBackground(random, shapes, canvas);
    DrawPortrait(person, shot, canvas);
    if (!live) MakeSpoof(random, canvas);
    TakePicture(random, canvas);
    Face face = FaceOf(person, shot);
    face.live = live ? 1 : 0;
    face.identity = static_cast<int32_t>(identity);
    return face;
  }

  struct Placed {
    Person person;
    Shot shot;
    Face face;
  };
  // Whether the head and shoulders of the one would hide the face of the other.
  static bool Hides(const Placed& a, const Placed& b) {
    const Point2 c = a.shot.center;
    const float s = a.shot.size;
    const Extent body = {c.x - 1.7f * s, c.y - 1.4f * s, c.x + 1.7f * s, c.y + 3.2f * s};
    return std::max(body.left, b.face.box.left) < std::min(body.right, b.face.box.right) &&
           std::max(body.top, b.face.box.top) < std::min(body.bottom, b.face.box.bottom);
  }

  // None to four faces, the small ones behind the large ones.
  Faces DrawScene(RandomSequence* random, Canvas* canvas) const {
    const auto side = static_cast<float>(columns_.size());
    DrawBackground(random, static_cast<int>(4 + random->Below(14)), canvas);
    std::vector<Placed> placed;
    const auto wanted = static_cast<size_t>(random->Below(5));
    for (int attempt = 0; attempt < 24 && placed.size() < wanted; ++attempt) {
      const int64_t identity = AnyIdentity(random);
      const float size = side * std::exp(Uniform(random, std::log(0.09), std::log(0.32)));
      const Point2 middle = {Uniform(random, size, side - size), Uniform(random, 1.05 * size, side - 1.05 * size)};
      Placed one = {PersonOf(identity), RandomShot(random, middle, size), {}};
      one.face = FaceOf(one.person, one.shot);
      const bool free = std::none_of(placed.begin(), placed.end(), [&one](const Placed& other) {
        return other.shot.size < one.shot.size ? Hides(one, other) : Hides(other, one);
      });
      if (free) placed.push_back(one);
    }
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.shot.size < b.shot.size; });
    Faces faces;
    for (const Placed& one : placed) {
      DrawPortrait(one.person, one.shot, canvas);
      faces.push_back(one.face);
    }
    TakePicture(random, canvas);
    return faces;
  }

  const FaceColumns columns_;
  const int64_t size_;
  const uint64_t seed_;
  const int64_t identities_;
  const std::string name_;  // of the randomness: training and test examples differ
  const std::string person_name_;
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenSyntheticFaces(const google::protobuf::Message& message,
                                                            const DatasetContext&) {
  constexpr int64_t kMostExamples = int64_t{1} << 40;
  constexpr int64_t kMostIdentities = (int64_t{1} << 31) - 1;
  const auto& config = static_cast<const SyntheticFaces&>(message);
  const bool test = config.split() == DatasetSplit::TEST;
  const int64_t examples = config.has_examples() ? config.examples() : test ? 2000 : 20000;
  const int64_t identities = config.has_identities() ? config.identities() : test ? 200 : 2000;
  if (examples < 1 || examples > kMostExamples) {
    return absl::InvalidArgumentError(
        absl::StrCat("synthetic_faces: examples ", examples, " is not between 1 and 2^40"));
  }
  if (identities < 2 || identities > kMostIdentities) {
    return absl::InvalidArgumentError(
        absl::StrCat("synthetic_faces: identities ", identities, " is not between 2 and 2^31 - 1"));
  }
  GRADUS_ASSIGN_OR_RETURN(FaceColumns columns, FaceColumns::Make(config, "synthetic_faces"));
  return std::make_unique<SyntheticFacesDataset>(std::move(columns), examples, config.seed(), identities,
                                                 test ? "test" : "train");
}

REGISTER_DATASET("gradus.SyntheticFaces", OpenSyntheticFaces);

}  // namespace
}  // namespace gradus
