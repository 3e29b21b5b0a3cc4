/*
 * Uses semaphores and events as any C program would.
 *
 *   semaphore-peer named-make NAME VALUE        makes a named semaphore, prints "made", and waits to be killed
 *   semaphore-peer named-post NAME COUNT        posts a named semaphore
 *   semaphore-peer named-wait NAME COUNT        prints "waiting", waits for it, prints "taken", each time
 *   semaphore-peer named-count NAME FILE SLOT COUNT
 *   semaphore-peer shared-init FILE OFFSET VALUE, shared-post FILE OFFSET COUNT, shared-wait FILE OFFSET COUNT
 *   semaphore-peer array-make KEY VALUE...      makes an array with these values
 *   semaphore-peer array-half KEY COUNT         makes an array and never sets it
 *   semaphore-peer array-op ID NUM OP UNDO      operates, prints "done", and waits to be killed
 *   semaphore-peer array-do ID NUM OP           operates
 *   semaphore-peer array-count ID FILE SLOT COUNT [EVERY]  under semaphore 0 with SEM_UNDO; naps in the middle of every so many-th
 *                                               addition, so that it may be killed there
 *   semaphore-peer event-set FILE OFFSET, event-wait FILE OFFSET COUNT: prints "waiting", then "released", each time
 *   semaphore-peer event-set-many FILE OFFSET COUNT  sets it COUNT times, each time when it is not set
 *   semaphore-peer event-echo FILE OFFSET COUNT  waits for the event at OFFSET and sets the one 64 bytes after it, COUNT times
 *
 * A count: takes the semaphore, adds one to word 0 of the file, and to word SLOT, gives the semaphore back, COUNT times.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void check(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static void say(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static char *map(const char *file) {
  struct stat status;
  int fd = open(file, O_RDWR);
  check(fd >= 0 && fstat(fd, &status) == 0, file);
  char *memory = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(memory != MAP_FAILED, "mmap");
  return memory;
}

static void post(sem_t *sem, long count) {
  for (; count > 0; count--) check(sem_post(sem) == 0, "sem_post");
}

static void await_one(sem_t *sem) {
  while (sem_wait(sem) != 0) check(errno == EINTR, "sem_wait");
}

static void await_some(sem_t *sem, long count) {
  for (; count > 0; count--) {
    say("waiting");
    await_one(sem);
    say("taken");
  }
}

static void operate(int array, int num, int op, int flags) {
  struct sembuf sops = {.sem_num = num, .sem_op = op, .sem_flg = flags};
  while (semop(array, &sops, 1) != 0) check(errno == EINTR, "semop");
}

/*
 * Plain stores, not atomic ones: the semaphore has to keep others away. Who is killed in the middle has noted at LOG what was before
 * (1, word 0, its slot, the slot's word), and the next one in the critical section puts that back, and counts that in the word after it.
 */
enum { LOG = 512 };

static void add(volatile uint32_t *words, long slot, int naps) {
  if (words[LOG]) {
    words[0] = words[LOG + 1];
    words[words[LOG + 2]] = words[LOG + 3];
    words[LOG + 4] = words[LOG + 4] + 1;
    words[LOG] = 0;
  }
  words[LOG + 1] = words[0];
  words[LOG + 2] = slot;
  words[LOG + 3] = words[slot];
  words[LOG] = 1;
  words[0] = words[0] + 1;
  if (naps) usleep(1);
  words[slot] = words[slot] + 1;
  words[LOG] = 0;
}

/* docs/semaphores.md has the layout. */
enum { SET = 1, AUTO = 2, GENERATION = 8 };

struct event {
  _Atomic uint32_t state;
  _Atomic uint32_t waiters;
};

static void set(struct event *event) {
  uint32_t state = atomic_load(&event->state);
  while (!(state & SET) && !atomic_compare_exchange_weak(&event->state, &state, (state + GENERATION) | SET)) {
  }
  if (atomic_load(&event->waiters) != 0) syscall(SYS_futex, &event->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int take(struct event *event, uint32_t first) {
  uint32_t state = atomic_load(&event->state);
  if (!(state & AUTO)) return (state & SET) || state / GENERATION != first / GENERATION;
  while (state & SET)
    if (atomic_compare_exchange_weak(&event->state, &state, state & ~SET)) return 1;
  return 0;
}

static void await_event(struct event *event) {
  uint32_t first = atomic_load(&event->state);
  if (take(event, first)) return;
  atomic_fetch_add(&event->waiters, 1);
  for (;;) {
    uint32_t state = atomic_load(&event->state);
    if (take(event, first)) break;
    if (!(state & SET)) syscall(SYS_futex, &event->state, FUTEX_WAIT, state, NULL, NULL, 0);
  }
  atomic_fetch_sub(&event->waiters, 1);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const char *verb = argv[1];
  const char *object = argv[2];
  long number = strtol(argv[3], NULL, 0);
  long count = argc > 4 ? atol(argv[4]) : 0;
  if (strcmp(verb, "named-make") == 0) {
    check(sem_open(object, O_CREAT | O_EXCL, 0600, number) != SEM_FAILED, "sem_open");
    say("made");
    pause();
  } else if (strncmp(verb, "named-", 6) == 0) {
    sem_t *sem = sem_open(object, 0);
    check(sem != SEM_FAILED, "sem_open");
    if (strcmp(verb, "named-post") == 0) post(sem, number);
    if (strcmp(verb, "named-wait") == 0) await_some(sem, number);
    if (strcmp(verb, "named-count") == 0) {
      volatile uint32_t *words = (void *)map(argv[3]);
      for (long left = atol(argv[5]); left > 0; left--) {
        await_one(sem);
        add(words, count, 0);
        post(sem, 1);
      }
    }
  } else if (strncmp(verb, "shared-", 7) == 0) {
    sem_t *sem = (void *)(map(object) + number);
    if (strcmp(verb, "shared-init") == 0) check(sem_init(sem, 1, count) == 0, "sem_init");
    if (strcmp(verb, "shared-post") == 0) post(sem, count);
    if (strcmp(verb, "shared-wait") == 0) await_some(sem, count);
  } else if (strcmp(verb, "array-make") == 0) {
    int array = semget(strtoul(object, NULL, 0), argc - 3, IPC_CREAT | IPC_EXCL | 0600);
    check(array >= 0, "semget");
    for (int num = 0; num < argc - 3; num++) operate(array, num, atoi(argv[3 + num]), 0);
    printf("%d\n", array);
  } else if (strcmp(verb, "array-half") == 0) {
    int array = semget(strtoul(object, NULL, 0), number, IPC_CREAT | IPC_EXCL | 0600);
    check(array >= 0, "semget");
    printf("%d\n", array);
  } else if (strcmp(verb, "array-op") == 0) {
    say("waiting");
    operate(atoi(object), number, count, atoi(argv[5]) ? SEM_UNDO : 0);
    say("done");
    pause();
  } else if (strcmp(verb, "array-do") == 0) {
    operate(atoi(object), number, count, 0);
  } else if (strcmp(verb, "array-count") == 0) {
    volatile uint32_t *words = (void *)map(argv[3]);
    long every = argc > 6 ? atol(argv[6]) : 0;
    for (long left = atol(argv[5]); left > 0; left--) {
      operate(atoi(object), 0, -1, SEM_UNDO);
      add(words, count, every > 0 && left % every == 0);
      operate(atoi(object), 0, 1, SEM_UNDO);
    }
  } else if (strcmp(verb, "event-set") == 0) {
    set((void *)(map(object) + number));
  } else if (strcmp(verb, "event-set-many") == 0) {
    struct event *event = (void *)(map(object) + number);
    for (; count > 0; count--) {
      while (atomic_load(&event->state) & SET) sched_yield();
      set(event);
    }
  } else if (strcmp(verb, "event-wait") == 0) {
    for (; count > 0; count--) {
      say("waiting");
      await_event((void *)(map(object) + number));
      say("released");
    }
  } else if (strcmp(verb, "event-echo") == 0) {
    char *at = map(object) + number;
    for (; count > 0; count--) {
      await_event((void *)at);
      set((void *)(at + 64));
    }
  } else {
    return 2;
  }
  return 0;
}
