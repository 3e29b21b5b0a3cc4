/*
 * The C library's locks, shared between processes, in a POSIX shared memory object that is there. Its layout is that of
 * test/sync/lock-memory.ts.
 *
 *   lock-peer make NAME             makes all of them: a robust mutex, a condition with CLOCK_REALTIME, a lock for readers and writers
 *   lock-peer hold NAME             locks the mutex, prints "locked", and waits to be killed
 *   lock-peer fell NAME             locks the mutex, prints "locked", and at SIGUSR1 kills the process whose id the flag is, and unlocks
 *   lock-peer lock NAME             prints "waiting", locks the mutex, prints "locked" or "owner died", repairs, unlocks, prints "done"
 *   lock-peer spoil NAME            locks the mutex, whose owner died, and unlocks it without repairing it
 *   lock-peer count NAME COUNT SLOT adds one to the counter, under the mutex, so many times, and each time to its slot; repairs
 *                                   the counter, which is the sum of the slots, when an owner died, and counts the repairs
 *   lock-peer wake NAME             under the mutex, sets the flag and signals the condition
 *   lock-peer wait NAME             under the mutex, prints "waiting", waits for the flag on the condition, and prints "woken"
 *   lock-peer read NAME             prints "waiting", takes the lock to read, prints "reading", and keeps it until SIGUSR1 comes
 *   lock-peer write NAME            prints "waiting", takes the lock to write, prints "writing", and keeps it until SIGUSR1 comes
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 256

struct shared {
  _Alignas(64) pthread_mutex_t mutex;
  _Alignas(64) pthread_cond_t cond;
  _Alignas(64) pthread_rwlock_t rwlock;
  _Alignas(64) volatile unsigned counter;
  volatile unsigned flag;
  volatile unsigned repairs;
  _Alignas(64) volatile unsigned slots[SLOTS];
};

static void check(const char *what, int result) {
  if (result == 0) return;
  fprintf(stderr, "%s: %s\n", what, strerror(result));
  exit(1);
}

static void say(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static void await_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  int signal;
  check("sigwait", sigwait(&set, &signal));
}

static void make(struct shared *shared) {
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  check("pthread_mutex_init", pthread_mutex_init(&shared->mutex, &mutex));
  pthread_condattr_t cond;
  pthread_condattr_init(&cond);
  pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
  check("pthread_cond_init", pthread_cond_init(&shared->cond, &cond));
  pthread_rwlockattr_t rwlock;
  pthread_rwlockattr_init(&rwlock);
  pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
  check("pthread_rwlock_init", pthread_rwlock_init(&shared->rwlock, &rwlock));
}

static void repair(struct shared *shared) {
  unsigned sum = 0;
  for (int slot = 0; slot < SLOTS; slot++) sum += shared->slots[slot];
  shared->counter = sum;
  shared->repairs++;
  check("pthread_mutex_consistent", pthread_mutex_consistent(&shared->mutex));
}

static void count(struct shared *shared, long times, long slot) {
  for (; times > 0; times--) {
    int result = pthread_mutex_lock(&shared->mutex);
    if (result == EOWNERDEAD) repair(shared);
    else check("pthread_mutex_lock", result);
    shared->counter++;
    shared->slots[slot]++;
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  const char *verb = argv[1];
  int fd = shm_open(argv[2], O_RDWR, 0);
  if (fd < 0) return 1;
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) return 1;
  if (strcmp(verb, "make") == 0) {
    make(shared);
  } else if (strcmp(verb, "hold") == 0) {
    check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
    say("locked");
    pause();
  } else if (strcmp(verb, "fell") == 0) {
    check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
    say("locked");
    await_signal();
    kill((pid_t)shared->flag, SIGKILL);
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  } else if (strcmp(verb, "lock") == 0) {
    say("waiting");
    int result = pthread_mutex_lock(&shared->mutex);
    if (result == EOWNERDEAD) check("pthread_mutex_consistent", pthread_mutex_consistent(&shared->mutex));
    else check("pthread_mutex_lock", result);
    say(result == 0 ? "locked" : "owner died");
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
    say("done");
  } else if (strcmp(verb, "spoil") == 0) {
    if (pthread_mutex_lock(&shared->mutex) != EOWNERDEAD) return 1;
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  } else if (strcmp(verb, "count") == 0 && argc == 5) {
    count(shared, atol(argv[3]), atol(argv[4]) % SLOTS);
  } else if (strcmp(verb, "wake") == 0) {
    check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
    shared->flag = 1;
    check("pthread_cond_signal", pthread_cond_signal(&shared->cond));
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  } else if (strcmp(verb, "wait") == 0) {
    check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
    say("waiting");
    while (shared->flag == 0) check("pthread_cond_wait", pthread_cond_wait(&shared->cond, &shared->mutex));
    say("woken");
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  } else if (strcmp(verb, "read") == 0) {
    say("waiting");
    check("pthread_rwlock_rdlock", pthread_rwlock_rdlock(&shared->rwlock));
    say("reading");
    await_signal();
    check("pthread_rwlock_unlock", pthread_rwlock_unlock(&shared->rwlock));
  } else if (strcmp(verb, "write") == 0) {
    say("waiting");
    check("pthread_rwlock_wrlock", pthread_rwlock_wrlock(&shared->rwlock));
    say("writing");
    await_signal();
    check("pthread_rwlock_unlock", pthread_rwlock_unlock(&shared->rwlock));
  } else {
    return 2;
  }
  return 0;
}
