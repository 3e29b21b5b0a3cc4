/*
 * Signals, from and to C.
 *
 *   signal-peer interrupt PID TID SIGNAL     sends it to the thread every 2 ms, until there is no such thread
 *   signal-peer interrupt-all PID 0 SIGNAL   sends it to each thread of the process every 2 ms, until it ends
 *   signal-peer queue PID TID SIGNAL VALUE...   sends it to the thread with each number
 *   signal-peer burst PID SIGNAL COUNT       sends it to the process with the numbers 0 to COUNT - 1, by sigqueue
 *   signal-peer storm PID SIGNAL...          sends all of them to the process every 0.05 ms, until it ends
 *   signal-peer wait SIGNAL COUNT            prints "ready", then "SIGNAL CODE PID UID VALUE" for each that comes
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  if (strcmp(argv[1], "interrupt") == 0) {
    struct timespec pause = {0, 2 * 1000 * 1000};
    while (syscall(SYS_tgkill, atoi(argv[2]), atoi(argv[3]), atoi(argv[4])) == 0) nanosleep(&pause, NULL);
    return 0;
  }
  if (strcmp(argv[1], "interrupt-all") == 0 && argc == 5) {
    struct timespec pause = {0, 2 * 1000 * 1000};
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/task", argv[2]);
    for (DIR *tasks; (tasks = opendir(path)) != NULL; closedir(tasks), nanosleep(&pause, NULL))
      for (struct dirent *task; (task = readdir(tasks)) != NULL;)
        if (task->d_name[0] != '.') syscall(SYS_tgkill, atoi(argv[2]), atoi(task->d_name), atoi(argv[4]));
    return 0;
  }
  if (strcmp(argv[1], "queue") == 0) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = atoi(argv[4]);
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    for (int i = 5; i < argc; i++) {
      info.si_value.sival_int = atoi(argv[i]);
      if (syscall(SYS_rt_tgsigqueueinfo, atoi(argv[2]), atoi(argv[3]), info.si_signo, &info) != 0) return 1;
    }
    return 0;
  }
  if (strcmp(argv[1], "burst") == 0 && argc == 5) {
    for (union sigval value = {.sival_int = 0}; value.sival_int < atoi(argv[4]); value.sival_int++) {
      while (sigqueue(atoi(argv[2]), atoi(argv[3]), value) != 0)
        if (errno != EAGAIN) return 1;
    }
    return 0;
  }
  if (strcmp(argv[1], "storm") == 0) {
    union sigval value = {.sival_int = 7};
    struct timespec pause = {0, 50 * 1000};
    for (;; nanosleep(&pause, NULL))
      for (int i = 3; i < argc; i++)
        if (sigqueue(atoi(argv[2]), atoi(argv[i]), value) != 0 && errno != EAGAIN) return 0;
  }
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, atoi(argv[2]));
  sigprocmask(SIG_BLOCK, &set, NULL);
  printf("ready\n");
  fflush(stdout);
  for (int count = atoi(argv[3]); count > 0; count--) {
    siginfo_t info;
    if (sigwaitinfo(&set, &info) < 0) return 1;
    printf("%d %d %d %d %d\n", info.si_signo, info.si_code, info.si_pid, (int)info.si_uid, info.si_value.sival_int);
    fflush(stdout);
  }
  return 0;
}
