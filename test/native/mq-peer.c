/*
 * A plain C program on a POSIX message queue.
 *
 *   mq-peer create  NAME MESSAGES BYTES   makes the queue
 *   mq-peer send    NAME PRIORITY TEXT... sends each text without its NUL
 *   mq-peer flood   NAME PRIORITY COUNT   sends the numbers 0 to COUNT-1 as text
 *   mq-peer receive NAME COUNT            waits for COUNT messages; prints "PRIORITY LENGTH TEXT" for each, at its end
 *   mq-peer stat    NAME                  prints "MESSAGES MAXMSG MSGSIZE"
 *   mq-peer remove  NAME
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static mqd_t queue(const char *name, int access) {
  mqd_t opened = mq_open(name, access);
  if (opened == (mqd_t)-1) fail("mq_open");
  return opened;
}

static void send_text(mqd_t to, unsigned priority, const char *text) {
  if (mq_send(to, text, strlen(text), priority) == -1) fail("mq_send");
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1], *name = argv[2];
  if (strcmp(verb, "create") == 0) {
    struct mq_attr size = {.mq_maxmsg = atol(argv[3]), .mq_msgsize = atol(argv[4])};
    if (mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &size) == (mqd_t)-1) fail("mq_open");
  } else if (strcmp(verb, "send") == 0) {
    mqd_t to = queue(name, O_WRONLY);
    for (int i = 4; i < argc; i++) send_text(to, (unsigned)atol(argv[3]), argv[i]);
  } else if (strcmp(verb, "flood") == 0) {
    mqd_t to = queue(name, O_WRONLY);
    char text[24];
    for (long i = 0; i < atol(argv[4]); i++) {
      snprintf(text, sizeof text, "%ld", i);
      send_text(to, (unsigned)atol(argv[3]), text);
    }
  } else if (strcmp(verb, "receive") == 0) {
    mqd_t from = queue(name, O_RDONLY);
    struct mq_attr size;
    if (mq_getattr(from, &size) == -1) fail("mq_getattr");
    char *text = malloc((size_t)size.mq_msgsize);
    for (long i = 0; i < atol(argv[3]); i++) {
      unsigned priority;
      ssize_t length = mq_receive(from, text, (size_t)size.mq_msgsize, &priority);
      if (length == -1) fail("mq_receive");
      printf("%u %zd %.*s\n", priority, length, (int)length, text);
    }
    free(text);
  } else if (strcmp(verb, "stat") == 0) {
    struct mq_attr size;
    if (mq_getattr(queue(name, O_RDONLY), &size) == -1) fail("mq_getattr");
    printf("%ld %ld %ld\n", size.mq_curmsgs, size.mq_maxmsg, size.mq_msgsize);
  } else if (strcmp(verb, "remove") == 0) {
    if (mq_unlink(name) == -1) fail("mq_unlink");
  } else {
    return 2;
  }
  return 0;
}
