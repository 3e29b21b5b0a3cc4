/* system-calls NAME...: prints the numbers of system calls, one in a line, and -1 for what this architecture has not. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef SYS_poll
#define SYS_poll -1
#endif
#ifndef SYS_mknod
#define SYS_mknod -1
#endif
#ifndef SYS_unlink
#define SYS_unlink -1
#endif

#define CALL(name) {#name, SYS_##name}

static const struct {
  const char *name;
  int number;
} calls[] = {
    CALL(accept4),
    CALL(bind),
    CALL(clone),
    CALL(clone3),
    CALL(close),
    CALL(dup3),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(eventfd2),
    CALL(fallocate),
    CALL(fcntl),
    CALL(flock),
    CALL(fstat),
    CALL(ftruncate),
    CALL(inotify_add_watch),
    CALL(inotify_init1),
    CALL(linkat),
    CALL(membarrier),
    CALL(memfd_create),
    CALL(mknod),
    CALL(mknodat),
    CALL(mq_notify),
    CALL(mq_open),
    CALL(mq_timedsend),
    CALL(msgctl),
    CALL(msgget),
    CALL(msgrcv),
    CALL(msgsnd),
    CALL(msync),
    CALL(openat),
    CALL(pidfd_open),
    CALL(pidfd_send_signal),
    CALL(pipe2),
    CALL(poll),
    CALL(ppoll),
    CALL(renameat2),
    CALL(semctl),
    CALL(semget),
    CALL(semop),
    CALL(semtimedop),
    CALL(sendmsg),
    CALL(sendto),
    CALL(shmat),
    CALL(shmctl),
    CALL(shmget),
    CALL(signalfd4),
    CALL(socket),
    CALL(socketpair),
    CALL(splice),
    CALL(tee),
    CALL(timer_create),
    CALL(unlink),
    CALL(unlinkat),
    CALL(vmsplice),
};

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    int number = -1;
    for (unsigned j = 0; j < sizeof calls / sizeof *calls; j++)
      if (strcmp(calls[j].name, argv[i]) == 0) number = calls[j].number;
    printf("%d\n", number);
  }
  return 0;
}
