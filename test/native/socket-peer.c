/*
 * socket-peer NAME: connects to the abstract unix socket NAME, receives a descriptor with a text, writes the text to the
 * descriptor, and sends the text "from C" with two descriptors: the read ends of pipes that hold "first" and "second".
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int filled_pipe(const char *text) {
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], text, strlen(text)) < 0) return -1;
  close(ends[1]);
  return ends[0];
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, argv[1], sizeof address.sun_path - 1);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, length) != 0) return perror("connect"), 1;

  char text[100];
  union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {text, sizeof text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(fd, &message, 0);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (count < 0 || header == NULL || header->cmsg_type != SCM_RIGHTS) return perror("recvmsg"), 1;
  int received;
  memcpy(&received, CMSG_DATA(header), sizeof received);
  if (write(received, text, count) != count) return perror("write"), 1;

  int descriptors[2] = {filled_pipe("first"), filled_pipe("second")};
  part = (struct iovec){"from C", 6};
  message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  memcpy(CMSG_DATA(header), descriptors, sizeof descriptors);
  if (sendmsg(fd, &message, 0) != 6) return perror("sendmsg"), 1;
  return 0;
}
