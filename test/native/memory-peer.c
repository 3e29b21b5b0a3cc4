/*
 * A plain C program on shared memory, as in the textbooks.
 *
 *   memory-peer posix-make NAME SIZE TEXT     shm_open, ftruncate, mmap; writes TEXT at its beginning
 *   memory-peer posix-unsized NAME            only shm_open: what others see between shm_open and ftruncate
 *   memory-peer posix-read NAME               prints "SIZE TEXT"
 *   memory-peer posix-count NAME COUNT        adds 1 to the word at its beginning, COUNT times, atomically
 *   memory-peer posix-remove NAME
 *   memory-peer descriptor FD TEXT            maps an inherited descriptor, prints its text and replaces it with TEXT
 *   memory-peer sysv-make PATH ID             a segment of ftok(PATH, ID) with a struct record; prints its id and the record's size
 *   memory-peer sysv-show PATH ID             prints "COUNTER TOTAL RATIO NAME" of the record
 *   memory-peer sysv-count PATH ID COUNT      adds 1 to its counter, COUNT times, atomically
 *   memory-peer sysv-hold PATH ID             attaches, prints "attached", and holds until it is killed
 *   memory-peer sysv-nattch PATH ID           prints how many times it is attached, without attaching
 *   memory-peer sysv-remove PATH ID
 *   memory-peer ftok PATH ID                  prints the key in decimal
 *   memory-peer alignment                     prints SHMLBA
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

struct record {
  _Atomic uint32_t counter;
  int64_t total;
  double ratio;
  char name[32];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static char *map(int fd, size_t *size) {
  struct stat status;
  if (fstat(fd, &status) == -1) fail("fstat");
  *size = (size_t)status.st_size;
  char *bytes = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) fail("mmap");
  return bytes;
}

static char *map_named(const char *name, size_t *size) {
  int fd = shm_open(name, O_RDWR, 0);
  if (fd == -1) fail("shm_open");
  return map(fd, size);
}

static void make_posix(const char *name, off_t bytes, const char *text) {
  int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd == -1) fail("shm_open");
  if (text == NULL) return;
  if (ftruncate(fd, bytes) == -1) fail("ftruncate");
  size_t size;
  strncpy(map(fd, &size), text, (size_t)bytes);
}

static key_t key_of(char **argv) {
  key_t key = ftok(argv[2], (int)strtol(argv[3], NULL, 0));
  if (key == -1) fail("ftok");
  return key;
}

static int segment(char **argv) {
  int id = shmget(key_of(argv), 0, 0);
  if (id == -1) fail("shmget");
  return id;
}

static struct record *attach(int id) {
  struct record *record = shmat(id, NULL, 0);
  if (record == (void *)-1) fail("shmat");
  return record;
}

static int sysv(const char *verb, char **argv) {
  if (strcmp(verb, "make") == 0) {
    int id = shmget(key_of(argv), sizeof(struct record), IPC_CREAT | IPC_EXCL | 0600);
    if (id == -1) fail("shmget");
    struct record *record = attach(id);
    record->counter = 7;
    record->total = -5000000000;
    record->ratio = 0.25;
    strcpy(record->name, "made by C");
    printf("%d %zu\n", id, sizeof *record);
  } else if (strcmp(verb, "show") == 0) {
    struct record *record = attach(segment(argv));
    printf("%u %lld %g %s\n", record->counter, (long long)record->total, record->ratio, record->name);
  } else if (strcmp(verb, "count") == 0) {
    struct record *record = attach(segment(argv));
    for (long i = 0; i < atol(argv[4]); i++) atomic_fetch_add(&record->counter, 1);
  } else if (strcmp(verb, "hold") == 0) {
    attach(segment(argv));
    puts("attached");
    fflush(stdout);
    pause();
  } else if (strcmp(verb, "nattch") == 0) {
    struct shmid_ds status;
    if (shmctl(segment(argv), IPC_STAT, &status) == -1) fail("shmctl IPC_STAT");
    printf("%lu\n", (unsigned long)status.shm_nattch);
  } else if (strcmp(verb, "remove") == 0) {
    if (shmctl(segment(argv), IPC_RMID, NULL) == -1) fail("shmctl IPC_RMID");
  } else {
    return 2;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  const char *verb = argv[1];
  size_t size;
  if (strcmp(verb, "alignment") == 0) {
    printf("%ld\n", (long)SHMLBA);
  } else if (argc < 3) {
    return 2;
  } else if (strcmp(verb, "posix-make") == 0) {
    make_posix(argv[2], atol(argv[3]), argv[4]);
  } else if (strcmp(verb, "posix-unsized") == 0) {
    make_posix(argv[2], 0, NULL);
  } else if (strcmp(verb, "posix-read") == 0) {
    char *bytes = map_named(argv[2], &size);
    printf("%zu %.*s\n", size, (int)strnlen(bytes, size), bytes);
  } else if (strcmp(verb, "posix-count") == 0) {
    _Atomic uint32_t *counter = (_Atomic uint32_t *)map_named(argv[2], &size);
    for (long i = 0; i < atol(argv[3]); i++) atomic_fetch_add(counter, 1);
  } else if (strcmp(verb, "posix-remove") == 0) {
    if (shm_unlink(argv[2]) == -1) fail("shm_unlink");
  } else if (strcmp(verb, "descriptor") == 0) {
    char *bytes = map(atoi(argv[2]), &size);
    printf("%zu %.*s\n", size, (int)strnlen(bytes, size), bytes);
    strcpy(bytes, argv[3]);
  } else if (strcmp(verb, "ftok") == 0) {
    printf("%u\n", (unsigned)key_of(argv));
  } else if (strncmp(verb, "sysv-", 5) == 0) {
    return sysv(verb + 5, argv);
  } else {
    return 2;
  }
  return 0;
}
