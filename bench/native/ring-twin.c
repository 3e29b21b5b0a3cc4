/*
 * The ring of docs/ring-layout.md in C, as its measure: one producer and one consumer that spin, without sleeping, roles or counters.
 *
 *   ring-twin send|receive SEGMENT SIZE WARM_UP COUNT BATCH_BYTES
 *   ring-twin ping|pong SEGMENT SEGMENT_BACK SIZE WARM_UP COUNT spin|futex [SAMPLES]
 *
 * SEGMENT is a file with an initialised header. The receiver prints the nanoseconds from the end of the warm-up to the last message;
 * ping prints those of all round trips, and writes those of each to SAMPLES as 32-bit words. Each message begins and ends with its number, which the other side compares.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_BYTES = 8, CAPACITY_AT = 12, HEAD_AT = 128, TAIL_AT = 256, PRODUCER_WAITER_AT = 384, CONSUMER_WAITER_AT = 512 };

struct ring {
  uint8_t *data;
  _Atomic uint32_t *head, *tail, *producer_waiter, *consumer_waiter;
  uint32_t capacity, mask, batch;
  /* own index, what of it is published, and the last known index of the other side */
  uint32_t own, published, other;
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct ring open_ring(const char *path, uint32_t batch) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) fail(path);
  uint32_t constants[4];
  if (pread(fd, constants, sizeof constants, 0) != sizeof constants) fail("pread");
  size_t header = constants[HEADER_BYTES / 4], capacity = constants[CAPACITY_AT / 4];
  uint8_t *base = mmap(NULL, header + 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) fail("mmap");
  const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
  if (mmap(base, header + capacity, prot, flags, fd, 0) == MAP_FAILED) fail("mmap");
  if (mmap(base + header + capacity, capacity, prot, flags, fd, (off_t)header) == MAP_FAILED) fail("mmap");
  close(fd);
  struct ring ring = {
      .data = base + header,
      .head = (_Atomic uint32_t *)(base + HEAD_AT),
      .tail = (_Atomic uint32_t *)(base + TAIL_AT),
      .producer_waiter = (_Atomic uint32_t *)(base + PRODUCER_WAITER_AT),
      .consumer_waiter = (_Atomic uint32_t *)(base + CONSUMER_WAITER_AT),
      .capacity = (uint32_t)capacity,
      .mask = (uint32_t)capacity - 1,
      .batch = batch,
  };
  return ring;
}

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value) {
  return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static inline uint32_t record_bytes(uint32_t length) { return (length + 23) & ~15u; }

static inline void publish(struct ring *r) {
  r->published = r->own;
  atomic_store_explicit(r->head, r->own, memory_order_release);
}

static inline void give_back(struct ring *r) {
  r->published = r->own;
  atomic_store_explicit(r->tail, r->own, memory_order_release);
}

static inline uint8_t *claim(struct ring *r, uint32_t length) {
  const uint32_t size = record_bytes(length);
  while (r->own - r->other + size > r->capacity) {
    r->other = atomic_load_explicit(r->tail, memory_order_acquire);
    if (r->own - r->other + size <= r->capacity) break;
    if (r->own != r->published) publish(r);
    relax();
  }
  return r->data + (r->own & r->mask) + 8;
}

static inline void commit(struct ring *r, uint8_t *payload, uint32_t length) {
  uint32_t *record = (uint32_t *)(payload - 8);
  record[0] = length;
  record[1] = 0;
  r->own += record_bytes(length);
  if (r->own - r->published >= r->batch) publish(r);
}

static inline const uint8_t *peek(struct ring *r, uint32_t *length) {
  while (r->own == r->other) {
    r->other = atomic_load_explicit(r->head, memory_order_acquire);
    if (r->own == r->other) relax();
  }
  const uint8_t *record = r->data + (r->own & r->mask);
  *length = *(const uint32_t *)record;
  return record + 8;
}

static inline void release_record(struct ring *r, uint32_t length) {
  r->own += record_bytes(length);
  if (r->own == r->other || r->own - r->published >= r->batch) give_back(r);
}

static void stamp(uint8_t *message, uint32_t size, uint32_t number) {
  memcpy(message, &number, 4);
  memcpy(message + size - 4, &number, 4);
}

static void verify(const uint8_t *message, uint32_t length, uint32_t size, uint32_t number) {
  uint32_t first, last;
  memcpy(&first, message, 4);
  memcpy(&last, message + size - 4, 4);
  if (length == size && first == number && last == number) return;
  fprintf(stderr, "message %u has %u bytes and the numbers %u and %u\n", number, length, first, last);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void send_all(struct ring *r, uint8_t *message, uint32_t size, uint32_t total) {
  for (uint32_t i = 1; i <= total; i++) {
    uint8_t *at = claim(r, size);
    stamp(message, size, i);
    memcpy(at, message, size);
    commit(r, at, size);
  }
  if (r->own != r->published) publish(r);
}

static void receive_all(struct ring *r, uint8_t *message, uint32_t size, uint32_t warm_up, uint32_t count) {
  uint64_t start = now();
  for (uint32_t i = 1; i <= warm_up + count; i++) {
    uint32_t length;
    const uint8_t *at = peek(r, &length);
    if (length != size) verify(message, length, size, i);
    memcpy(message, at, size);
    release_record(r, length);
    verify(message, length, size, i);
    if (i == warm_up) start = now();
  }
  printf("%llu\n", (unsigned long long)(now() - start));
}

/* One message, with a sleeping receiver woken where `parks` */
static void put(struct ring *r, uint8_t *message, uint32_t size, uint32_t number, int parks) {
  uint8_t *at = claim(r, size);
  stamp(message, size, number);
  memcpy(at, message, size);
  commit(r, at, size);
  if (!parks) return;
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(r->consumer_waiter, memory_order_relaxed) == 0) return;
  if (atomic_exchange(r->consumer_waiter, 0) != 0) futex(r->consumer_waiter, FUTEX_WAKE, 1);
}

static void get(struct ring *r, uint8_t *message, uint32_t size, uint32_t number, int parks) {
  while (parks && atomic_load_explicit(r->head, memory_order_acquire) == r->own) {
    atomic_store(r->consumer_waiter, 1);
    if (atomic_load(r->head) == r->own) futex(r->consumer_waiter, FUTEX_WAIT, 1);
    atomic_store(r->consumer_waiter, 0);
  }
  uint32_t length;
  const uint8_t *at = peek(r, &length);
  memcpy(message, at, size);
  release_record(r, length);
  verify(message, length, size, number);
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  const int pings = strcmp(argv[1], "ping") == 0, pongs = strcmp(argv[1], "pong") == 0;
  const int more = pings || pongs;
  const uint32_t size = (uint32_t)strtoul(argv[3 + more], NULL, 10), warm_up = (uint32_t)strtoul(argv[4 + more], NULL, 10);
  const uint32_t count = (uint32_t)strtoul(argv[5 + more], NULL, 10);
  uint8_t *message = calloc(1, size);
  if (message == NULL || size < 4) return 2;
  if (!more) {
    struct ring ring = open_ring(argv[2], (uint32_t)strtoul(argv[6], NULL, 10));
    if (strcmp(argv[1], "send") == 0) send_all(&ring, message, size, warm_up + count);
    else receive_all(&ring, message, size, warm_up, count);
    return 0;
  }
  struct ring there = open_ring(argv[pings ? 2 : 3], 0), back = open_ring(argv[pings ? 3 : 2], 0);
  const int parks = strcmp(argv[7], "futex") == 0;
  uint32_t *took = pings && argc > 8 ? calloc(warm_up + count, sizeof *took) : NULL;
  uint64_t start = now();
  for (uint32_t i = 1; i <= warm_up + count; i++) {
    const uint64_t began = took != NULL ? now() : 0;
    if (pings) put(&there, message, size, i, parks);
    get(&back, message, size, i, parks);
    if (pongs) put(&there, message, size, i, parks);
    if (took != NULL) took[i - 1] = (uint32_t)(now() - began);
    if (i == warm_up) start = now();
  }
  if (took != NULL) {
    FILE *file = fopen(argv[8], "wb");
    if (file == NULL || fwrite(took + warm_up, sizeof *took, count, file) != count || fclose(file) != 0) fail(argv[8]);
  }
  if (pings) printf("%llu\n", (unsigned long long)(now() - start));
  return 0;
}
