/*
 * The textbook's four copies without a runtime: `file-through-pipe source|sink FILE CHUNK_BYTES [counting]`, an end of a pipe as descriptor 3. The source
 * reads the file and writes the pipe, the sink reads the pipe and writes the file. It takes the orders and says the reports of bench/copies/worker.ts.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIPE = 3 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Milliseconds on the clock of all processes */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void move(int from, int to, char *room, size_t chunk, size_t bytes) {
  while (bytes > 0) {
    ssize_t got = read(from, room, bytes < chunk ? bytes : chunk);
    if (got <= 0) fail("read");
    for (ssize_t put = 0; put < got;) {
      ssize_t some = write(to, room + put, (size_t)(got - put));
      if (some < 0) fail("write");
      put += some;
    }
    bytes -= (size_t)got;
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const int is_source = strcmp(argv[1], "source") == 0, counting = argc > 4;
  /* 1 MiB, as the others have it, or what the system allows */
  if (is_source) fcntl(PIPE, F_SETPIPE_SZ, 1 << 20);
  const size_t chunk = strtoull(argv[3], NULL, 10);
  char *room = malloc(chunk), line[64];
  if (room == NULL) fail("malloc");
  printf("{\"ready\":[%d]}\n", (int)getpid());
  fflush(stdout);
  size_t bytes;
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "pass %zu", &bytes) == 1) {
    if (counting) kill(getpid(), 0);
    const double started = now();
    int file = open(argv[2], is_source ? O_RDONLY : O_WRONLY);
    if (file < 0) fail(argv[2]);
    move(is_source ? file : PIPE, is_source ? PIPE : file, room, chunk, bytes);
    close(file);
    const double ended = now();
    if (counting) kill(getpid(), 0);
    printf("{\"started\":%.6f,\"ended\":%.6f,\"copied\":0}\n", started, ended);
    fflush(stdout);
  }
  return 0;
}
