#include "train/ranks.h"

#include <cstdlib>

#ifdef MTCNN_HAS_MPI
#include <mpi.h>
#endif

namespace mtcnn {

Result<std::unique_ptr<Ranks>> Ranks::join() {
  auto ranks = std::make_unique<Ranks>();
  // What Open MPI, MPICH and Slurm set: MPI is not started without need.
  bool others = false;
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    others = others || std::getenv(name) != nullptr;
  }
  if (!others) return ranks;
#ifdef MTCNN_HAS_MPI
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &ranks->rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks->size_);
  ranks->started_ = true;
  return ranks;
#else
  return Error{ErrorCode::kUnsupported,
               "started by mpirun, but this build has no MPI: install libopenmpi-dev and build again"};
#endif
}

Ranks::~Ranks() {
#ifdef MTCNN_HAS_MPI
  if (started_) MPI_Finalize();
#endif
}

void Ranks::sum(const torch::Tensor& values) {
  if (size_ == 1) return;
#ifdef MTCNN_HAS_MPI
  const torch::Tensor host = values.detach().to(torch::kCPU).contiguous();
  const bool is_double = host.scalar_type() == torch::kDouble;
  TORCH_CHECK(is_double || host.scalar_type() == torch::kFloat);
  MPI_Allreduce(MPI_IN_PLACE, host.data_ptr(), static_cast<int>(host.numel()),
                is_double ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  if (host.data_ptr() != values.data_ptr()) {
    const torch::NoGradGuard no_gradients;
    values.detach().copy_(host);
  }
#else
  static_cast<void>(values);
#endif
}

torch::Tensor Ranks::gather(const torch::Tensor& values) {
  if (size_ == 1) return values;
#ifdef MTCNN_HAS_MPI
  const torch::Tensor host = values.detach().to(torch::kCPU, torch::kFloat).contiguous().flatten();
  const torch::Tensor all = torch::empty({size_ * host.numel()});
  const int count = static_cast<int>(host.numel());
  MPI_Allgather(host.data_ptr(), count, MPI_FLOAT, all.data_ptr(), count, MPI_FLOAT, MPI_COMM_WORLD);
  return all.to(values.device());
#else
  return values;
#endif
}

std::vector<std::vector<std::byte>> Ranks::gather(const std::vector<std::byte>& bytes) {
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(size_));
  all[static_cast<std::size_t>(rank_)] = bytes;
#ifdef MTCNN_HAS_MPI
  if (size_ == 1) return all;
  // In pieces: MPI counts with ints.
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 30;
  for (int rank = 0; rank < size_; ++rank) {
    std::vector<std::byte>& part = all[static_cast<std::size_t>(rank)];
    std::uint64_t count = part.size();
    MPI_Bcast(&count, 1, MPI_UINT64_T, rank, MPI_COMM_WORLD);
    part.resize(count);
    for (std::uint64_t at = 0; at < count; at += kPiece) {
      MPI_Bcast(part.data() + at, static_cast<int>(std::min(kPiece, count - at)), MPI_BYTE, rank,
                MPI_COMM_WORLD);
    }
  }
#endif
  return all;
}

void Ranks::end_all() {
#ifdef MTCNN_HAS_MPI
  if (size_ > 1) MPI_Abort(MPI_COMM_WORLD, 1);
#endif
}

void Ranks::wait() {
#ifdef MTCNN_HAS_MPI
  if (size_ > 1) MPI_Barrier(MPI_COMM_WORLD);
#endif
}

}  // namespace mtcnn
