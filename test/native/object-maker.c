/* object-maker NAME: makes objects as any C program does, prints "KIND NAME" for each, and keeps them open until its input ends. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

static int check(const char *what, int result) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const char *name = argv[1];
    int segment = check("shmget", shmget(IPC_PRIVATE, 12288, IPC_CREAT | 0640));
    char *memory = shmat(segment, NULL, 0);
    if (memory == (char *)-1) return 1;
    int queue = check("msgget", msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    struct { long type; char text[5]; } message = {1, "hello"};
    check("msgsnd", msgsnd(queue, &message, sizeof message.text, 0));
    int array = check("semget", semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
    int shared = check("shm_open", shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    check("ftruncate", ftruncate(shared, 8192));
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    if (semaphore == SEM_FAILED) return 1;
    printf("sysv-shm %d\nsysv-msg %d\nsysv-sem %d\nposix-shm %s\nposix-sem %s\nready\n", segment, queue, array, name, name);
    fflush(stdout);
    /* until somebody has looked */
    while (getchar() != EOF) {
    }
    return 0;
}
