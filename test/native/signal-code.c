/*
 * Runs the machine code of a signal handler (src/ffi/signal-code.ts), on the processor that it is for or an emulated one.
 *
 *   signal-code FILE ADDRESS   FILE has the code, made for data at ADDRESS (hexadecimal); prints "ok", or what is wrong
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* as the comment in signal-code.ts draws it */
struct data {
  int32_t fd;
  volatile int32_t running;
  volatile int32_t lost;
  int32_t nothing;
  uint64_t next;
};

static struct data *data;
static void (*handler)(int, siginfo_t *, void *);
static int ends[2];
static volatile int nextCalls;
static volatile int nextWrong;
static int expected;

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
      exit(1); \
    } \
  } while (0)

static void next(int signal, siginfo_t *info, void *context) {
  nextCalls++;
  /* the context of the code that was interrupted, which is on this stack too */
  char here;
  uintptr_t distance = (char *)context - &here;
  if (signal != SIGRTMIN + 1 || info->si_signo != signal || info->si_value.sival_int != expected) nextWrong++;
  if (distance > 65536) nextWrong++;
  if (data->running != 0) nextWrong++;
}

static void install(int signal) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

static void take(int signal, int value) {
  siginfo_t info;
  CHECK(read(ends[0], &info, 128) == 128);
  CHECK(info.si_signo == signal && info.si_code == SI_QUEUE);
  CHECK(info.si_value.sival_int == value && info.si_pid == getpid() && info.si_uid == getuid());
}

static void queue(int signal, int value) {
  CHECK(sigqueue(getpid(), signal, (union sigval){.sival_int = value}) == 0);
}

/*
 * Calls the handler as the kernel does not: directly, with known values in the registers that the C calling convention preserves.
 * Returns how many of them it changed, and the stack pointer counts as one.
 */
static int changedRegisters(siginfo_t *info) {
  uint64_t after[12];
  uint64_t before = 0, behind = 0;
  /* a call, so before the registers below get their values */
  uint64_t number = SIGRTMIN + 1;
#if defined(__aarch64__)
  register void *code __asm__("x9") = (void *)handler;
  register uint64_t a0 __asm__("x0") = number;
  register siginfo_t *a1 __asm__("x1") = info;
  register void *a2 __asm__("x2") = NULL;
  register uint64_t *out __asm__("x3") = after;
  __asm__ volatile(
      "sub sp, sp, #128\n stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"
      "stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n str x3, [sp, #96]\n"
      "mov x19, #1\n mov x20, #2\n mov x21, #3\n mov x22, #4\n mov x23, #5\n mov x24, #6\n mov x25, #7\n"
      "mov x26, #8\n mov x27, #9\n mov x28, #10\n mov x29, sp\n"
      "blr x9\n"
      "ldr x3, [sp, #96]\n"
      "stp x19, x20, [x3]\n stp x21, x22, [x3, #16]\n stp x23, x24, [x3, #32]\n stp x25, x26, [x3, #48]\n"
      "stp x27, x28, [x3, #64]\n mov x4, sp\n stp x29, x4, [x3, #80]\n"
      "ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n"
      "ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n add sp, sp, #128\n"
      : "+r"(code), "+r"(a0), "+r"(a1), "+r"(a2), "+r"(out)
      :
      : "x4", "x5", "x6", "x7", "x8", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x30", "cc", "memory");
  before = after[10];
  behind = after[11];
  int count = 10;
#elif defined(__x86_64__)
  register uint64_t *out __asm__("r12") = after;
  void *code = (void *)handler;
  __asm__ volatile(
      "push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
      "mov %%rsp, %%rbx\n and $-16, %%rsp\n push %%rbx\n push %%r12\n"
      "mov %%rsp, %%rbp\n mov $1, %%rbx\n mov $2, %%r13\n mov $3, %%r14\n mov $4, %%r15\n"
      "call *%%rax\n"
      "mov (%%rsp), %%r12\n"
      "mov %%rbx, (%%r12)\n mov %%r13, 8(%%r12)\n mov %%r14, 16(%%r12)\n mov %%r15, 24(%%r12)\n"
      "mov %%rbp, 80(%%r12)\n mov %%rsp, 88(%%r12)\n"
      "pop %%r12\n pop %%rsp\n"
      "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n"
      : "+a"(code), "+D"(number), "+S"(info)
      : "r"(out), "d"(NULL)
      : "rcx", "r8", "r9", "r10", "r11", "cc", "memory");
  before = after[10];
  behind = after[11];
  int count = 4;
#endif
  int changed = before != behind;
  for (int i = 0; i < count; i++) changed += after[i] != (uint64_t)i + 1;
  return changed;
}

static volatile int over;

static void *countUp(void *unused) {
  (void)unused;
  /* values in registers that signals interrupt all the time */
  for (uint64_t a = 1, b = 2, c = 3, d = 5; !over; a += 4, b += 4, c += 4, d += 4) {
    uint64_t sum = a + b * 3 + c * 5 + d * 7;
    if (b - a != 1 || c - a != 2 || d - a != 4 || sum != a * 16 + 3 + 10 + 28) return "wrong";
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t page = sysconf(_SC_PAGESIZE);
  char *address = (char *)strtoull(argv[2], NULL, 16);
  data = mmap(address, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  CHECK((char *)data == address);
  char *code = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(code != MAP_FAILED);
  int file = open(argv[1], O_RDONLY);
  CHECK(file >= 0 && read(file, code, page) > 0);
  CHECK(mprotect(code, page, PROT_READ | PROT_EXEC) == 0);
  CHECK(pipe2(ends, O_NONBLOCK) == 0);
  handler = (void (*)(int, siginfo_t *, void *))code;
  data->fd = ends[1];

  int signal = SIGRTMIN + 1;
  install(signal);
  for (int value = -5; value < 200; value++) {
    queue(signal, value);
    take(signal, value);
  }
  CHECK(data->lost == 0 && data->running == 0);
  siginfo_t info;
  CHECK(read(ends[0], &info, 128) == -1 && errno == EAGAIN);

  /* errno is not touched, whether the write works or not */
  errno = 77;
  CHECK(raise(signal) == 0 && errno == 77);
  CHECK(read(ends[0], &info, 128) == 128 && info.si_code == SI_TKILL);
  data->fd = -1;
  errno = 77;
  CHECK(raise(signal) == 0 && errno == 77);
  CHECK(data->lost == 1 && data->running == 0);
  data->fd = ends[1];

  /* what does not fit is counted */
  CHECK(fcntl(ends[1], F_SETPIPE_SZ, page) > 0);
  int room = fcntl(ends[1], F_GETPIPE_SZ) / 128;
  for (int value = 0; value < room + 5; value++) queue(signal, value);
  CHECK(data->lost == 1 + 5 && data->running == 0);
  for (int value = 0; value < room; value++) take(signal, value);

  /* the handler before it is called with the same arguments, and also when the write fails */
  data->next = (uint64_t)(uintptr_t)next;
  for (int value = 0; value < 100; value++) {
    expected = value;
    queue(signal, value);
    take(signal, value);
  }
  data->fd = -1;
  expected = 100;
  queue(signal, 100);
  data->fd = ends[1];
  CHECK(nextCalls == 101 && nextWrong == 0 && data->lost == 7);
  data->next = 0;

  memset(&info, 0, sizeof info);
  info.si_signo = signal;
  CHECK(changedRegisters(&info) == 0);
  CHECK(read(ends[0], &info, 128) == 128 && info.si_signo == signal);

  /* another thread, interrupted in the middle of its work */
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, countUp, NULL) == 0);
  struct pollfd readable = {.fd = ends[0], .events = POLLIN};
  for (int value = 0; value < 2000; value++) {
    CHECK(pthread_sigqueue(thread, signal, (union sigval){.sival_int = value}) == 0);
    /* without spinning, which would keep a busy processor from the thread */
    CHECK(poll(&readable, 1, -1) == 1 && read(ends[0], &info, 128) == 128);
    CHECK(info.si_value.sival_int == value);
  }
  over = 1;
  void *result;
  CHECK(pthread_join(thread, &result) == 0 && result == NULL);
  CHECK(data->running == 0 && data->lost == 7);
  printf("ok\n");
  return 0;
}
