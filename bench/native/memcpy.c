/*
 * One memcpy, as the measure of a copy: `memcpy SOURCE DESTINATION BYTES` maps both files whole, with all their pages, copies once to warm up
 * and five times on the clock, and prints the nanoseconds of the copy in the middle.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint8_t *map(const char *path, size_t bytes, int writable) {
  int fd = open(path, writable ? O_RDWR : O_RDONLY);
  if (fd < 0) {
    perror(path);
    exit(1);
  }
  int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  uint8_t *at = mmap(NULL, bytes, prot, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (at == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  close(fd);
  return at;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum { TIMES = 5 };

static int compare(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t bytes = strtoull(argv[3], NULL, 10);
  const uint8_t *source = map(argv[1], bytes, 0);
  uint8_t *destination = map(argv[2], bytes, 1);
  uint64_t taken[1 + TIMES];
  for (int i = 0; i <= TIMES; i++) {
    uint64_t start = now();
    memcpy(destination, source, bytes);
    /* so that the compiler keeps each of them */
    __asm__ volatile("" : : "r"(destination) : "memory");
    taken[i] = now() - start;
  }
  qsort(taken + 1, TIMES, sizeof *taken, compare);
  printf("%llu\n", (unsigned long long)taken[1 + TIMES / 2]);
  return 0;
}
