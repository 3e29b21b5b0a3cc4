/*
 * A plain C program on standard input and output, which are a pipe or a FIFO. It knows nothing of millrace but the frames of "length".
 *
 *   stream-peer upper            reads lines with fgets, prints each in capitals
 *   stream-peer pattern BYTES    writes BYTES bytes i * 7, a few at a time, in pieces of changing size
 *   stream-peer sum              reads to the end, prints how many bytes came and their sum
 *   stream-peer echo             reads frames (uint32 little-endian length, payload), writes each back reversed, passes the end frame on
 *   stream-peer sleep            does nothing until it is killed
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_all(void *memory, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = read(0, (char *)memory + done, length - done);
    if (count <= 0) return 0;
    done += (size_t)count;
  }
  return 1;
}

static void write_all(const void *memory, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = write(1, (const char *)memory + done, length - done);
    if (count <= 0) exit(1);
    done += (size_t)count;
  }
}

static int echo(void) {
  uint32_t length;
  while (read_all(&length, sizeof length)) {
    if (length == UINT32_MAX) {
      write_all(&length, sizeof length);
      return 0;
    }
    unsigned char *payload = malloc(length + 1);
    if (payload == NULL || !read_all(payload, length)) return 1;
    for (uint32_t i = 0; i < length / 2; i++) {
      unsigned char byte = payload[i];
      payload[i] = payload[length - 1 - i];
      payload[length - 1 - i] = byte;
    }
    write_all(&length, sizeof length);
    write_all(payload, length);
    free(payload);
  }
  return 2;
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  if (strcmp(verb, "echo") == 0) return echo();
  if (strcmp(verb, "upper") == 0) {
    static char line[100000];
    while (fgets(line, sizeof line, stdin) != NULL) {
      for (char *c = line; *c != '\0'; c++) *c = (char)toupper((unsigned char)*c);
      fputs(line, stdout);
      fflush(stdout);
    }
    return 0;
  }
  if (strcmp(verb, "pattern") == 0) {
    long total = atol(argv[2]);
    unsigned char piece[1000];
    for (long at = 0, size = 1; at < total; at += size, size = size % 997 + 1) {
      if (size > total - at) size = total - at;
      for (long i = 0; i < size; i++) piece[i] = (unsigned char)((at + i) * 7);
      write_all(piece, (size_t)size);
    }
    return 0;
  }
  if (strcmp(verb, "sum") == 0) {
    static unsigned char bytes[4096];
    unsigned long count = 0, sum = 0;
    for (ssize_t got; (got = read(0, bytes, sizeof bytes)) > 0; count += (unsigned long)got) {
      for (ssize_t i = 0; i < got; i++) sum += bytes[i];
    }
    printf("%lu %lu\n", count, sum);
    return 0;
  }
  if (strcmp(verb, "sleep") == 0) return pause();
  return 2;
}
