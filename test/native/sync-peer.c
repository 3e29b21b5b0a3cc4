/*
 * The C library's process-shared objects, in a POSIX shared memory object that is there.
 *
 *   sync-peer make NAME          makes all of them: a robust mutex, a semaphore of value 0, a condition with CLOCK_MONOTONIC
 *   sync-peer hold NAME          locks the mutex, prints "locked", and waits to be killed
 *   sync-peer count NAME COUNT   adds one to the counter, under the mutex, so many times
 *   sync-peer wake NAME          under the mutex, sets the flag and signals the condition
 *   sync-peer ruin NAME          has the mutex's owner die, unlocks it without repair, and wakes who waits for the condition
 *   sync-peer post NAME COUNT    posts the semaphore
 *   sync-peer wait NAME COUNT    prints "waiting", waits for the semaphore, and prints "taken", each time
 *   sync-peer read NAME          prints "waiting", takes the lock to read, prints "reading", and waits to be killed
 *   sync-peer named NAME         posts the named semaphore NAME
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
  _Alignas(64) pthread_mutex_t mutex;
  _Alignas(64) pthread_cond_t cond;
  _Alignas(64) pthread_rwlock_t rwlock;
  _Alignas(64) sem_t sem;
  _Alignas(64) unsigned counter;
  unsigned flag;
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

static void make(struct shared *shared) {
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  check("pthread_mutex_init", pthread_mutex_init(&shared->mutex, &mutex));
  pthread_condattr_t cond;
  pthread_condattr_init(&cond);
  pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
  pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
  check("pthread_cond_init", pthread_cond_init(&shared->cond, &cond));
  pthread_rwlockattr_t rwlock;
  pthread_rwlockattr_init(&rwlock);
  pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
  check("pthread_rwlock_init", pthread_rwlock_init(&shared->rwlock, &rwlock));
  if (sem_init(&shared->sem, 1, 0) != 0) exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1];
  long count = argc > 3 ? atol(argv[3]) : 0;
  if (strcmp(verb, "named") == 0) {
    sem_t *named = sem_open(argv[2], 0);
    return named == SEM_FAILED || sem_post(named) != 0;
  }
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
  } else if (strcmp(verb, "count") == 0) {
    for (; count > 0; count--) {
      check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
      shared->counter++;
      check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
    }
  } else if (strcmp(verb, "wake") == 0) {
    check("pthread_mutex_lock", pthread_mutex_lock(&shared->mutex));
    shared->flag = 1;
    check("pthread_cond_signal", pthread_cond_signal(&shared->cond));
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
  } else if (strcmp(verb, "ruin") == 0) {
    pid_t owner = fork();
    if (owner == 0) {
      pthread_mutex_lock(&shared->mutex);
      _exit(0);
    }
    if (waitpid(owner, NULL, 0) != owner) return 1;
    if (pthread_mutex_lock(&shared->mutex) != EOWNERDEAD) return 1;
    check("pthread_mutex_unlock", pthread_mutex_unlock(&shared->mutex));
    check("pthread_cond_broadcast", pthread_cond_broadcast(&shared->cond));
  } else if (strcmp(verb, "post") == 0) {
    for (; count > 0; count--)
      if (sem_post(&shared->sem) != 0) return 1;
  } else if (strcmp(verb, "wait") == 0) {
    for (; count > 0; count--) {
      say("waiting");
      if (sem_wait(&shared->sem) != 0) return 1;
      say("taken");
    }
  } else if (strcmp(verb, "read") == 0) {
    say("waiting");
    check("pthread_rwlock_rdlock", pthread_rwlock_rdlock(&shared->rwlock));
    say("reading");
    pause();
  } else {
    return 2;
  }
  return 0;
}
