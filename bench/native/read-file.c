/*
 * A file comes to one process: `read-file read|mmap FILE CHUNK_BYTES BYTES [counting]` either reads it piece by piece into the same memory, or maps
 * it anew, and looks at a byte of each cache line. Once to warm up, then five times on the clock; prints the nanoseconds of the one in the middle and
 * the sum of what was looked at. When counting, it does it once, between two calls of kill(own pid, 0).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, TIMES = 5 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t look_at(const uint8_t *piece, size_t bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes; i += LINE) sum += piece[i];
  return sum;
}

static uint64_t by_read(const char *path, uint8_t *room, size_t chunk, size_t bytes) {
  int file = open(path, O_RDONLY);
  if (file < 0) fail(path);
  uint64_t sum = 0;
  for (size_t left = bytes; left > 0;) {
    ssize_t got = read(file, room, left < chunk ? left : chunk);
    if (got <= 0) fail("read");
    sum += look_at(room, (size_t)got);
    left -= (size_t)got;
  }
  close(file);
  return sum;
}

static uint64_t by_mmap(const char *path, size_t bytes) {
  int file = open(path, O_RDONLY);
  if (file < 0) fail(path);
  uint8_t *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) fail("mmap");
  close(file);
  const uint64_t sum = look_at(at, bytes);
  munmap(at, bytes);
  return sum;
}

static int compare(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  const int reads = strcmp(argv[1], "read") == 0, counting = argc > 5;
  const size_t chunk = strtoull(argv[3], NULL, 10), bytes = strtoull(argv[4], NULL, 10);
  uint8_t *room = malloc(chunk);
  if (room == NULL) fail("malloc");
  uint64_t taken[1 + TIMES] = {0}, sum = 0;
  for (int i = 0; i <= (counting ? 0 : TIMES); i++) {
    if (counting) kill(getpid(), 0);
    const uint64_t start = now();
    sum = reads ? by_read(argv[2], room, chunk, bytes) : by_mmap(argv[2], bytes);
    taken[i] = now() - start;
    if (counting) kill(getpid(), 0);
  }
  qsort(taken + 1, TIMES, sizeof *taken, compare);
  printf("%llu %llu\n", (unsigned long long)taken[1 + TIMES / 2], (unsigned long long)sum);
  return 0;
}
