#include "data/loader.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr int kMaxThreads = 256;

absl::StatusOr<TensorType> BatchType(const Column& column, int64_t batch_size) {
  Dims dims = column.type.shape.dims();
  dims.insert(dims.begin(), batch_size);
  absl::StatusOr<Shape> shape = Shape::Make(dims);
  if (!shape.ok()) {
    return absl::Status(shape.status().code(), absl::StrCat("a batch of column '", column.name, "' of ",
                                                            column.type.ToString(), ": ", shape.status().message()));
  }
  return TensorType{column.type.dtype, *std::move(shape)};
}

// Refuses what the machine cannot hold before it is touched: more than its memory, or more than the allocator gives.
absl::Status CheckMemory(double bytes, int64_t batch_size, size_t buffers) {
  const double machine = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes < machine) {
    void* probe = std::malloc(static_cast<size_t>(bytes));
    std::free(probe);
    if (probe != nullptr) return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(buffers, " batches of ", batch_size, " examples need ", bytes / 1e6,
                                                   " MB, the machine has ", machine / 1e6,
                                                   " MB; use a smaller batch or fewer loader threads"));
}

}  // namespace

struct Loader::Buffer {
  Batch batch;
  absl::Status status;  // of reading it
  bool ready = false;   // guarded by the loader's mutex
};

// Fills one batch after the other; each thread has its own.
class Loader::Reader {
 public:
  Reader(const Loader* loader, ExampleSource::Scratch scratch)
      : loader_(*loader), scratch_(std::move(scratch)), rows_(loader->columns().size()) {}

  void Fill(int64_t step, Buffer* buffer) {
    Batch& batch = buffer->batch;
    batch.place = loader_.order_.PlaceOf(step);
    batch.num_examples = loader_.order_.Fill(step, absl::MakeSpan(batch.examples));
    const absl::Span<float> weights = batch.weights.values<float>();
    std::fill(weights.begin(), weights.begin() + batch.num_examples, 1.0f);
    std::fill(weights.begin() + batch.num_examples, weights.end(), 0.0f);
    batch.skipped.clear();
    buffer->status = ReadExamples(&batch);
    if (buffer->status.ok()) Pad(&batch);
  }

 private:
  // A file is as large as its writer liked.
  absl::Status ReadExamples(Batch* batch) try {
    for (int64_t i = 0; i < batch->num_examples; ++i) {
      for (size_t c = 0; c < rows_.size(); ++c) rows_[c] = Row(batch, c, i);
      absl::Status status = loader_.source_.Read(loader_.options_.seed, batch->examples[i], rows_, &scratch_);
      if (!status.ok() && loader_.source_.IsDamage(status)) status = LeaveOut(i, status, batch);
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat("example ", batch->examples[i].index, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory left for reading batch ", batch->place.number, " of epoch ", batch->place.epoch));
  }

  // Puts another example in the place of number `i`, or takes its weight.
  absl::Status LeaveOut(int64_t i, const absl::Status& damage, Batch* batch) {
    batch->skipped.push_back({batch->examples[i].index, std::string(damage.message())});
    if (loader_.options_.remainder != Remainder::kPad) {
      return loader_.source_.ReadSubstitute(loader_.options_.seed, batch->examples[i], rows_, &scratch_);
    }
    batch->weights.values<float>()[i] = 0;
    return absl::OkStatus();
  }

  // What has no weight is made a copy of the first example that has, or zeros.
  void Pad(Batch* batch) {
    const absl::Span<const float> weights = batch->weights.values<float>();
    const int64_t good = std::find(weights.begin(), weights.end(), 1.0f) - weights.begin();
    for (size_t c = 0; c < rows_.size(); ++c) {
      const int64_t bytes = loader_.columns()[c].type.bytes();
      for (int64_t i = 0; i < loader_.options_.batch_size; ++i) {
        if (weights[i] != 0) continue;
        if (good < loader_.options_.batch_size) {
          std::memcpy(Row(batch, c, i), Row(batch, c, good), bytes);
        } else {
          std::memset(Row(batch, c, i), 0, bytes);
        }
      }
    }
  }

  uint8_t* Row(Batch* batch, size_t column, int64_t i) const {
    return batch->columns[column].data() + i * loader_.columns()[column].type.bytes();
  }

  const Loader& loader_;
  ExampleSource::Scratch scratch_;
  std::vector<uint8_t*> rows_;  // of the example that is being read
};

absl::StatusOr<std::unique_ptr<Loader>> Loader::Make(std::shared_ptr<const Dataset> dataset,
                                                     const LoaderOptions& options) {
  GRADUS_ASSIGN_OR_RETURN(ExampleSource source, ExampleSource::Make(std::move(dataset)));
  return Make(std::move(source), options);
}

absl::StatusOr<std::unique_ptr<Loader>> Loader::Make(ExampleSource source, const LoaderOptions& options) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.threads, " loader threads; they are between 0 and ", kMaxThreads));
  }
  if (const int64_t streams = source.dataset().streams(); streams > 0) {
    if (options.shuffle) return absl::InvalidArgumentError("streams go in their order: leave shuffle out");
    if (options.batch_size != streams) {
      return absl::InvalidArgumentError(absl::StrCat("the data are ", streams,
                                                     " streams side by side, so batches must have ", streams,
                                                     " examples; the batch size is ", options.batch_size));
    }
  }
  GRADUS_ASSIGN_OR_RETURN(const BatchOrder order, BatchOrder::Make({source.size(), options.batch_size, options.shuffle,
                                                                    options.seed, options.remainder}));
  std::unique_ptr<Loader> loader(new Loader(std::move(source), options, order));
  GRADUS_RETURN_IF_ERROR(loader->AllocateBuffers());
  GRADUS_RETURN_IF_ERROR(loader->StartThreads());
  return loader;
}

Loader::Loader(ExampleSource source, const LoaderOptions& options, const BatchOrder& order)
    : source_(std::move(source)), options_(options), order_(order) {}

Loader::~Loader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

// One buffer that the caller holds, one that each thread fills, and one that is ready.
absl::Status Loader::AllocateBuffers() {
  const size_t count = options_.threads == 0 ? 1 : options_.threads + 2;
  const double weights_bytes = static_cast<double>(options_.batch_size) * (sizeof(float) + sizeof(ExamplePlace));
  double bytes = weights_bytes;
  std::vector<TensorType> types;
  for (const Column& column : columns()) {
    GRADUS_ASSIGN_OR_RETURN(TensorType type, BatchType(column, options_.batch_size));
    bytes += static_cast<double>(type.bytes());
    types.push_back(std::move(type));
  }
  GRADUS_RETURN_IF_ERROR(CheckMemory(bytes * static_cast<double>(count), options_.batch_size, count));
  for (size_t i = 0; i < count; ++i) {
    buffers_.push_back(std::make_unique<Buffer>());
    Batch& batch = buffers_.back()->batch;
    for (const TensorType& type : types) batch.columns.emplace_back(type);
    batch.weights = Tensor(TensorType{DType::kFloat32, {options_.batch_size}});
    batch.examples.resize(options_.batch_size);
  }
  return absl::OkStatus();
}

absl::Status Loader::StartThreads() {
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    GRADUS_ASSIGN_OR_RETURN(ExampleSource::Scratch scratch, source_.MakeScratch());
    readers_.push_back(std::make_unique<Reader>(this, std::move(scratch)));
  }
  for (int i = 0; i < options_.threads; ++i) {
    try {
      threads_.emplace_back(&Loader::ReadAhead, this, readers_[i].get());
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("loader thread ", i, " of ", options_.threads, " does not start: ", error.what()));
    }
  }
  return absl::OkStatus();
}

void Loader::ReadAhead(Reader* reader) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    work_.wait(lock, [this] {
      const int64_t first_kept = next_step_ - (caller_holds_ ? 1 : 0);
      return stop_ || (!paused_ && taken_ < first_kept + static_cast<int64_t>(buffers_.size()));
    });
    if (stop_) return;
    const int64_t step = taken_++;
    ++reading_;
    Buffer& buffer = BufferOf(step);
    buffer.ready = false;
    lock.unlock();
    reader->Fill(step, &buffer);
    lock.lock();
    buffer.ready = true;
    --reading_;
    ready_.notify_one();
  }
}

absl::StatusOr<const Batch*> Loader::Next() {
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<const Batch*> batch = NextBatch();
  seconds_waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return batch;
}

absl::StatusOr<const Batch*> Loader::NextBatch() {
  Buffer& buffer = BufferOf(next_step_);
  std::unique_lock<std::mutex> lock(mutex_);
  caller_holds_ = false;
  if (options_.threads == 0) {
    readers_[0]->Fill(next_step_, &buffer);
  } else {
    paused_ = false;
    work_.notify_all();
    ready_.wait(lock, [&] { return taken_ > next_step_ && buffer.ready; });
  }
  if (!buffer.status.ok()) return buffer.status;
  GRADUS_RETURN_IF_ERROR(CountSkipped(buffer.batch));
  caller_holds_ = true;
  ++next_step_;
  return &buffer.batch;
}

// The caller's thread counts, batch by batch, so the limit is hit at the same batch whoever reads.
absl::Status Loader::CountSkipped(const Batch& batch) {
  constexpr int64_t kMessages = 3;
  if (batch.place.epoch != skipped_epoch_) {
    skipped_epoch_ = batch.place.epoch;
    skipped_ = 0;
    skipped_messages_.clear();
  }
  int64_t count = skipped_;
  std::string messages = skipped_messages_;
  for (const SkippedExample& example : batch.skipped) {
    if (++count <= kMessages) absl::StrAppend(&messages, "\n", example.message);
  }
  if (100 * count > num_examples()) {
    if (count > kMessages) absl::StrAppend(&messages, "\nand ", count - kMessages, " more");
    return absl::DataLossError(absl::StrCat(count, " of ", num_examples(),
                                            " examples cannot be used, which is more than 1 %; the data need to be "
                                            "put in order:",
                                            messages));
  }
  skipped_ = count;
  skipped_messages_ = std::move(messages);
  return absl::OkStatus();
}

// Lets the threads finish what they read, then starts again at the new place with every buffer free.
absl::Status Loader::Seek(BatchPlace place, int64_t skipped) {
  GRADUS_ASSIGN_OR_RETURN(const int64_t step, order_.StepOf(place));
  std::unique_lock<std::mutex> lock(mutex_);
  paused_ = true;
  ready_.wait(lock, [this] { return reading_ == 0; });
  caller_holds_ = false;
  next_step_ = step;
  taken_ = step;
  skipped_epoch_ = order_.PlaceOf(step).epoch;
  skipped_ = skipped;
  skipped_messages_.clear();
  return absl::OkStatus();
}

}  // namespace gradus
