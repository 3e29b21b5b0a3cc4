/*
 * What the kernel's own transports take when both sides are written in C, as their measure. This process receives, or sends and waits for
 * the echo; the other side is a child that it forks.
 *
 *   transports receive pipe|unix|sysv|mq SIZE WARM_UP COUNT
 *   transports ping pipe|unix|sysv|mq SIZE WARM_UP COUNT SAMPLES [RATE]
 *
 * On pipes and sockets a message goes behind its length, in one call; the receiver reads what is there and cuts it. A message that a
 * queue does not take (8 KiB is the system's limit) goes in pieces. Each message begins and ends with its number, which the other side
 * compares. `receive` prints the nanoseconds from the end of the warm-up to the last message. `ping` writes the nanoseconds of each round
 * trip behind the warm-up to SAMPLES as 32-bit words; with RATE (messages for each second) from the time at which each was due.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_BYTES = 8192, QUEUE_MESSAGES = 10, BUFFER_BYTES = 1 << 16 };
enum kind { STREAM, SYSV, MQ };

/* One direction; each process uses one side of it. */
struct way {
  enum kind kind;
  int in, out; /* descriptors to write to and to read from; the two of a POSIX queue are opened apart, so that each has its own flags */
  int queue;
  uint8_t *buffer; /* read and not yet given out */
  uint32_t from, to, room;
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* SysV queues outlive their processes. */
static int queues[2], queues_made;

static void remove_queues(void) {
  while (queues_made > 0) msgctl(queues[--queues_made], IPC_RMID, NULL);
}

static struct way make_way(const char *transport, uint32_t size) {
  struct way way = {.kind = STREAM, .room = BUFFER_BYTES + 4 + size};
  way.buffer = malloc(way.room);
  if (way.buffer == NULL) fail("malloc");
  int ends[2];
  if (strcmp(transport, "pipe") == 0) {
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
    way.out = ends[0];
    way.in = ends[1];
  } else if (strcmp(transport, "unix") == 0) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
    way.out = ends[0];
    way.in = ends[1];
  } else if (strcmp(transport, "sysv") == 0) {
    way.kind = SYSV;
    way.queue = msgget(IPC_PRIVATE, 0600);
    if (way.queue < 0) fail("msgget");
    queues[queues_made++] = way.queue;
  } else if (strcmp(transport, "mq") == 0) {
    way.kind = MQ;
    char name[64];
    snprintf(name, sizeof name, "/millrace-bench-%d", (int)getpid());
    struct mq_attr attributes = {.mq_maxmsg = QUEUE_MESSAGES, .mq_msgsize = size < QUEUE_BYTES ? size : QUEUE_BYTES};
    way.in = mq_open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    if (way.in < 0) fail("mq_open");
    way.out = mq_open(name, O_RDONLY | O_CLOEXEC);
    mq_unlink(name);
    if (way.out < 0) fail("mq_open");
  } else {
    fprintf(stderr, "no transport %s\n", transport);
    exit(2);
  }
  return way;
}

/* With NOWAIT 0 is returned when there is no room; only messages that fit in one call are sent so. */
static int put(struct way *way, const uint8_t *message, uint32_t size, int nowait) {
  if (way->kind == STREAM) {
    const uint32_t length = size;
    struct iovec parts[2] = {{(void *)&length, 4}, {(void *)message, size}};
    uint32_t left = 4 + size;
    while (left > 0) {
      ssize_t n = writev(way->in, parts, 2);
      if (n < 0 && errno == EAGAIN && nowait && left == 4 + size) return 0;
      if (n < 0 && errno == EAGAIN) continue;
      if (n < 0) fail("writev");
      left -= (uint32_t)n;
      for (int i = 0; i < 2; i++) {
        size_t step = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;
        parts[i].iov_base = (uint8_t *)parts[i].iov_base + step;
        parts[i].iov_len -= step;
        n -= (ssize_t)step;
      }
    }
    return 1;
  }
  for (uint32_t at = 0; at < size; at += QUEUE_BYTES) {
    const uint32_t part = size - at < QUEUE_BYTES ? size - at : QUEUE_BYTES;
    if (way->kind == SYSV) {
      struct {
        long type;
        uint8_t bytes[QUEUE_BYTES];
      } item = {.type = 1};
      memcpy(item.bytes, message + at, part);
      if (msgsnd(way->queue, &item, part, nowait ? IPC_NOWAIT : 0) != 0) {
        if (errno == EAGAIN) return 0;
        fail("msgsnd");
      }
    } else if (mq_send(way->in, (const char *)message + at, part, 0) != 0) {
      if (errno == EAGAIN && nowait) return 0;
      fail("mq_send");
    }
  }
  return 1;
}

/* With NOWAIT 0 is returned when there is nothing. */
static int get(struct way *way, uint8_t *message, uint32_t size, int nowait) {
  if (way->kind == STREAM) {
    for (;;) {
      const uint32_t held = way->to - way->from;
      if (held >= 4) {
        uint32_t length;
        memcpy(&length, way->buffer + way->from, 4);
        if (length != size) {
          fprintf(stderr, "a message of %u bytes and not of %u\n", length, size);
          exit(1);
        }
        if (held >= 4 + length) {
          memcpy(message, way->buffer + way->from + 4, length);
          way->from += 4 + length;
          return 1;
        }
      }
      if (way->room - way->from < 4 + size || held == 0) {
        memmove(way->buffer, way->buffer + way->from, held);
        way->from = 0;
        way->to = held;
      }
      ssize_t n = read(way->out, way->buffer + way->to, way->room - way->to);
      if (n < 0 && errno == EAGAIN && nowait) return 0;
      if (n < 0) fail("read");
      if (n == 0) {
        fprintf(stderr, "the other side has gone\n");
        exit(1);
      }
      way->to += (uint32_t)n;
    }
  }
  for (uint32_t at = 0; at < size; at += QUEUE_BYTES) {
    const uint32_t part = size - at < QUEUE_BYTES ? size - at : QUEUE_BYTES;
    ssize_t n;
    if (way->kind == SYSV) {
      struct {
        long type;
        uint8_t bytes[QUEUE_BYTES];
      } item;
      n = msgrcv(way->queue, &item, sizeof item.bytes, 0, nowait ? IPC_NOWAIT : 0);
      if (n < 0 && errno == ENOMSG) return 0;
      if (n > 0) memcpy(message + at, item.bytes, (size_t)n);
    } else {
      n = mq_receive(way->out, (char *)message + at, part, NULL);
      if (n < 0 && errno == EAGAIN && nowait) return 0;
    }
    if (n != (ssize_t)part) fail("a piece of a message");
  }
  return 1;
}

static void stamp(uint8_t *message, uint32_t size, uint32_t number) {
  memcpy(message, &number, 4);
  memcpy(message + size - 4, &number, 4);
}

static void verify(const uint8_t *message, uint32_t size, uint32_t number) {
  uint32_t first, last;
  memcpy(&first, message, 4);
  memcpy(&last, message + size - 4, 4);
  if (first == number && last == number) return;
  fprintf(stderr, "message %u has the numbers %u and %u\n", number, first, last);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void receive_all(struct way *there, uint8_t *message, uint32_t size, uint32_t warm_up, uint32_t count) {
  uint64_t start = now();
  for (uint32_t i = 1; i <= warm_up + count; i++) {
    get(there, message, size, 0);
    verify(message, size, i);
    if (i == warm_up) start = now();
  }
  printf("%llu\n", (unsigned long long)(now() - start));
}

static void closed_loop(struct way *there, struct way *back, uint8_t *message, uint32_t size, uint32_t total, uint32_t *took) {
  for (uint32_t i = 0; i < total; i++) {
    const uint64_t start = now();
    stamp(message, size, i + 1);
    put(there, message, size, 0);
    get(back, message, size, 0);
    verify(message, size, i + 1);
    took[i] = (uint32_t)(now() - start);
  }
}

static void never_wait(enum kind kind, int fd) {
  struct mq_attr attributes = {.mq_flags = O_NONBLOCK};
  if (kind == STREAM && fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
  if (kind == MQ && mq_setattr(fd, &attributes, NULL) != 0) fail("mq_setattr");
}

static void open_loop(struct way *there, struct way *back, uint8_t *message, uint32_t size, uint32_t total, uint32_t *took,
                      double rate) {
  never_wait(there->kind, there->in);
  never_wait(back->kind, back->out);
  const double interval = 1e9 / rate;
  const uint64_t start = now();
  uint32_t sent = 0, received = 0;
  while (received < total) {
    if (sent < total && now() - start >= (uint64_t)(sent * interval)) {
      stamp(message, size, sent + 1);
      if (put(there, message, size, 1)) sent++;
    }
    if (!get(back, message, size, 1)) continue;
    verify(message, size, received + 1);
    took[received] = (uint32_t)(now() - start - (uint64_t)(received * interval));
    received++;
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  const int pings = strcmp(argv[1], "ping") == 0;
  const uint32_t size = (uint32_t)strtoul(argv[3], NULL, 10), warm_up = (uint32_t)strtoul(argv[4], NULL, 10);
  const uint32_t count = (uint32_t)strtoul(argv[5], NULL, 10), total = warm_up + count;
  uint8_t *message = calloc(1, size);
  if (message == NULL || size < 4) return 2;
  struct way there = make_way(argv[2], size);
  struct way back = pings ? make_way(argv[2], size) : there;
  atexit(remove_queues);
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t i = 1; i <= total; i++) {
      if (pings) get(&there, message, size, 0);
      else stamp(message, size, i);
      put(pings ? &back : &there, message, size, 0);
    }
    _exit(0);
  }
  if (pings && argc > 6) {
    uint32_t *took = calloc(total, sizeof *took);
    if (took == NULL) fail("calloc");
    const double rate = argc > 7 ? strtod(argv[7], NULL) : 0;
    closed_loop(&there, &back, message, size, rate > 0 ? warm_up : total, took);
    if (rate > 0) open_loop(&there, &back, message, size, count, took + warm_up, rate);
    FILE *file = fopen(argv[6], "wb");
    if (file == NULL || fwrite(took + warm_up, sizeof *took, count, file) != count || fclose(file) != 0) fail(argv[6]);
  } else {
    receive_all(&there, message, size, warm_up, count);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) fail("the other side");
  return 0;
}
