/*
 * unix-peer VERB NAME: the other end of millrace's unix sockets, at the abstract name NAME.
 *
 *   send      connects as a sender: the messages "one" and "", a descriptor of a pipe that holds "in a pipe", and the end
 *   receive   listens as a receiver: prints each message with its length, writes "from C" to each descriptor, and prints how it ended
 *   echo      connects to a server: gives every message back, and the end
 *   unasked   connects as a sender: a message that carries two descriptors that it does not announce, then the end
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define END 0xffffffffu
#define DESCRIPTOR 0xfffffffeu

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static int made(const char *name, int listens) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (!listens) return check(connect(fd, (struct sockaddr *)&address, length) == 0, "connect"), fd;
  check(bind(fd, (struct sockaddr *)&address, length) == 0, "bind");
  check(listen(fd, 1) == 0, "listen");
  puts("listens");
  fflush(stdout);
  return accept(fd, NULL, NULL);
}

static void put(int fd, const void *bytes, size_t length) {
  check(send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length, "send");
}

static void put_frame(int fd, const char *text, uint32_t length) {
  put(fd, &length, sizeof length);
  if (length > 0) put(fd, text, length);
}

static void put_with(int fd, const void *bytes, size_t length, const int *descriptors, int count) {
  union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec part = {(void *)bytes, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  check(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)length, "sendmsg");
}

/* Reads exactly so many bytes; a descriptor that comes with them goes to *descriptor. 0 at the end of the file. */
static int get(int fd, void *bytes, size_t length, int *descriptor) {
  size_t have = 0;
  while (have < length) {
    union {
      char bytes[CMSG_SPACE(sizeof(int))];
      struct cmsghdr align;
    } control;
    struct iovec part = {(char *)bytes + have, length - have};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t count = recvmsg(fd, &message, 0);
    check(count >= 0, "recvmsg");
    if (count == 0) return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    have += count;
  }
  return 1;
}

static int filled_pipe(const char *text) {
  int ends[2];
  check(pipe(ends) == 0, "pipe");
  check(write(ends[1], text, strlen(text)) > 0, "write");
  close(ends[1]);
  return ends[0];
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1];
  uint32_t end = END, announced = DESCRIPTOR, length;
  int fd = made(argv[2], strcmp(verb, "receive") == 0);

  if (strcmp(verb, "send") == 0) {
    put_frame(fd, "one", 3);
    put_frame(fd, "", 0);
    int descriptor = filled_pipe("in a pipe");
    put_with(fd, &announced, sizeof announced, &descriptor, 1);
    put(fd, &end, sizeof end);
    return 0;
  }
  if (strcmp(verb, "unasked") == 0) {
    int descriptors[2] = {filled_pipe("a"), filled_pipe("b")};
    put_with(fd, "\3\0\0\0two", 7, descriptors, 2);
    put_with(fd, "\5\0\0\0three", 9, descriptors, 1);
    put(fd, &end, sizeof end);
    return 0;
  }
  int echoes = strcmp(verb, "echo") == 0;
  static char text[1 << 20];
  for (;;) {
    int descriptor = -1;
    if (!get(fd, &length, sizeof length, &descriptor)) return puts("broke off"), 0;
    if (length == END) break;
    if (length == DESCRIPTOR) {
      check(descriptor >= 0 && write(descriptor, "from C", 6) == 6, "descriptor");
      close(descriptor);
      continue;
    }
    check(length <= sizeof text && (length == 0 || get(fd, text, length, &descriptor)), "message");
    if (echoes) put_frame(fd, text, length);
    else printf("%u %.*s\n", length, (int)length, text);
  }
  if (echoes) put(fd, &end, sizeof end);
  else puts("end");
  return 0;
}
