/*
 * `boost::lockfree::spsc_queue` in a segment that two processes share, as a measure: fixed-size messages, both sides spin.
 *
 *   boost-queue receive SIZE WARM_UP COUNT
 *   boost-queue ping SIZE WARM_UP COUNT SAMPLES
 *
 * The other side is a child that this process forks. Output as of transports.c. SIZE is one for which the queue is compiled, see main().
 */
#include <boost/lockfree/spsc_queue.hpp>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <vector>

namespace {

constexpr std::size_t capacity_bytes = 1 << 20;

template <std::size_t Size>
struct message {
  unsigned char bytes[Size];
};

template <std::size_t Size>
using queue_of = boost::lockfree::spsc_queue<message<Size>, boost::lockfree::capacity<capacity_bytes / Size>>;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

std::uint64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::uint64_t(t.tv_sec) * 1000000000u + std::uint64_t(t.tv_nsec);
}

template <std::size_t Size>
queue_of<Size> *share() {
  void *memory = mmap(nullptr, sizeof(queue_of<Size>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  return new (memory) queue_of<Size>();
}

template <std::size_t Size>
void put(queue_of<Size> &queue, message<Size> &item, std::uint32_t number) {
  std::memcpy(item.bytes, &number, 4);
  std::memcpy(item.bytes + Size - 4, &number, 4);
  while (!queue.push(item)) relax();
}

template <std::size_t Size>
void get(queue_of<Size> &queue, message<Size> &item, std::uint32_t number) {
  while (!queue.pop(item)) relax();
  std::uint32_t first, last;
  std::memcpy(&first, item.bytes, 4);
  std::memcpy(&last, item.bytes + Size - 4, 4);
  if (first == number && last == number) return;
  std::fprintf(stderr, "message %u has the numbers %u and %u\n", number, first, last);
  std::exit(1);
}

template <std::size_t Size>
int run(const char *role, std::uint32_t warm_up, std::uint32_t count, const char *samples) {
  const bool pings = std::strcmp(role, "ping") == 0;
  const std::uint32_t total = warm_up + count;
  queue_of<Size> &there = *share<Size>(), &back = *share<Size>();
  static message<Size> item;
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (std::uint32_t i = 1; i <= total; i++) {
      if (pings) get<Size>(there, item, i);
      put<Size>(pings ? back : there, item, i);
    }
    _exit(0);
  }
  if (pings) {
    std::vector<std::uint32_t> took(total);
    for (std::uint32_t i = 1; i <= total; i++) {
      const std::uint64_t start = now();
      put<Size>(there, item, i);
      get<Size>(back, item, i);
      took[i - 1] = std::uint32_t(now() - start);
    }
    std::FILE *file = std::fopen(samples, "wb");
    if (file == nullptr || std::fwrite(took.data() + warm_up, 4, count, file) != count || std::fclose(file) != 0) {
      std::perror(samples);
      return 1;
    }
  } else {
    std::uint64_t start = now();
    for (std::uint32_t i = 1; i <= total; i++) {
      get<Size>(there, item, i);
      if (i == warm_up) start = now();
    }
    std::printf("%llu\n", static_cast<unsigned long long>(now() - start));
  }
  int status;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  const auto size = std::strtoul(argv[2], nullptr, 10);
  const auto warm_up = std::uint32_t(std::strtoul(argv[3], nullptr, 10)), count = std::uint32_t(std::strtoul(argv[4], nullptr, 10));
  const char *samples = argc > 5 ? argv[5] : "/dev/null";
  switch (size) {
    case 64: return run<64>(argv[1], warm_up, count, samples);
    case 1024: return run<1024>(argv[1], warm_up, count, samples);
    case 16384: return run<16384>(argv[1], warm_up, count, samples);
    case 262144: return run<262144>(argv[1], warm_up, count, samples);
    default: std::fprintf(stderr, "not compiled for %lu bytes\n", size); return 2;
  }
}
