/*
 * A plain C program on one struct in a System V segment, which it finds by ftok(".", ID): counters, and the mutex that guards them.
 *
 *   segment-peer make   ID         makes the segment with its robust mutex; prints "BYTES" and the offsets of the other members
 *   segment-peer count  ID TIMES   under the mutex, counts so many times; repairs the struct when an owner died, and prints "repaired"
 *   segment-peer hold   ID         locks the mutex, spoils the total, prints "locked", and waits to be killed
 *   segment-peer show   ID         under the mutex, prints "FROM_C FROM_SCRIPTS TOTAL LAST"
 *   segment-peer remove ID
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

struct board {
  pthread_mutex_t mutex;
  uint32_t from_c;
  uint32_t from_scripts;
  uint64_t total; /* the sum of the two */
  char last[24];  /* who was the last one, as text */
};

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static void say(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static struct board *attach(int id) {
  struct board *board = shmat(id, NULL, 0);
  check(board != (void *)-1, "shmat");
  return board;
}

static void make(key_t key) {
  int id = shmget(key, sizeof(struct board), IPC_CREAT | IPC_EXCL | 0600);
  check(id != -1, "shmget");
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  check(pthread_mutex_init(&attach(id)->mutex, &attributes) == 0, "pthread_mutex_init");
  printf("%zu %zu %zu %zu %zu\n", sizeof(struct board), offsetof(struct board, from_c), offsetof(struct board, from_scripts),
         offsetof(struct board, total), offsetof(struct board, last));
}

static void lock(struct board *board) {
  int result = pthread_mutex_lock(&board->mutex);
  if (result == EOWNERDEAD) {
    board->total = (uint64_t)board->from_c + board->from_scripts;
    result = pthread_mutex_consistent(&board->mutex);
    say("repaired");
  }
  check(result == 0, "pthread_mutex_lock");
}

static void unlock(struct board *board) {
  check(pthread_mutex_unlock(&board->mutex) == 0, "pthread_mutex_unlock");
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1];
  key_t key = ftok(".", atoi(argv[2]));
  check(key != -1, "ftok");
  if (strcmp(verb, "make") == 0) return make(key), 0;
  int id = shmget(key, sizeof(struct board), 0);
  check(id != -1, "shmget");
  if (strcmp(verb, "remove") == 0) return shmctl(id, IPC_RMID, NULL) == 0 ? 0 : 1;
  struct board *board = attach(id);
  if (strcmp(verb, "count") == 0 && argc == 4) {
    for (long times = atol(argv[3]); times > 0; times--) {
      lock(board);
      board->from_c++;
      board->total++;
      snprintf(board->last, sizeof board->last, "C, %u", board->from_c);
      unlock(board);
    }
  } else if (strcmp(verb, "hold") == 0) {
    lock(board);
    board->total += 1000000;
    say("locked");
    pause();
  } else if (strcmp(verb, "show") == 0) {
    lock(board);
    printf("%u %u %llu %s\n", board->from_c, board->from_scripts, (unsigned long long)board->total, board->last);
    unlock(board);
  } else {
    return 2;
  }
  return 0;
}
