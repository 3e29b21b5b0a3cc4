/*
 * A plain C program on a SysV message queue, as in the textbooks: struct { long mtype; char mtext[80]; }.
 *
 *   sysv-peer create  KEY [QBYTES]         makes the queue; waits while a queue with that key exists
 *   sysv-peer send    KEY TYPE TEXT...     sends each text without its NUL
 *   sysv-peer send-80 KEY TYPE TEXT...     sends the whole 80-byte field, NULs and all
 *   sysv-peer flood   KEY TYPE COUNT       sends the numbers 0 to COUNT-1 as text
 *   sysv-peer receive KEY TYPE COUNT       waits for COUNT messages; prints "TYPE LENGTH TEXT" for each, at its end
 *   sysv-peer stat    KEY                  prints "MESSAGES BYTES QBYTES"
 *   sysv-peer remove  KEY
 *   sysv-peer ftok    PATH ID              prints the key in decimal
 *
 * KEY is decimal or 0x hex. `receive` and `send` use an existing queue only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <time.h>

struct message {
  long mtype;
  char mtext[80];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int queue(key_t key) {
  int id = msgget(key, 0);
  if (id == -1) fail("msgget");
  return id;
}

static int create(key_t key) {
  struct timespec pause = {0, 20 * 1000 * 1000};
  for (int tries = 0; tries < 500; tries++) {
    int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    if (id != -1) return id;
    if (errno != EEXIST) fail("msgget");
    nanosleep(&pause, NULL);
  }
  fail("msgget");
  return -1;
}

static void limit(int id, unsigned long bytes) {
  struct msqid_ds status;
  if (msgctl(id, IPC_STAT, &status) == -1) fail("msgctl IPC_STAT");
  status.msg_qbytes = bytes;
  if (msgctl(id, IPC_SET, &status) == -1) fail("msgctl IPC_SET");
}

static void send_text(int id, long type, const char *text, int whole) {
  struct message message = {.mtype = type};
  strncpy(message.mtext, text, sizeof message.mtext);
  size_t length = whole ? sizeof message.mtext : strnlen(text, sizeof message.mtext);
  if (msgsnd(id, &message, length, 0) == -1) fail("msgsnd");
}

static void receive(int id, long type, long count) {
  struct message message;
  for (long i = 0; i < count; i++) {
    ssize_t length = msgrcv(id, &message, sizeof message.mtext, type, 0);
    if (length == -1) fail("msgrcv");
    printf("%ld %zd %.*s\n", message.mtype, length, (int)strnlen(message.mtext, length), message.mtext);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1];
  if (strcmp(verb, "ftok") == 0) {
    key_t made = ftok(argv[2], (int)strtol(argv[3], NULL, 0));
    if (made == -1) fail("ftok");
    printf("%u\n", (unsigned)made);
    return 0;
  }
  key_t key = (key_t)strtoul(argv[2], NULL, 0);
  if (strcmp(verb, "create") == 0) {
    int id = create(key);
    if (argc > 3) limit(id, strtoul(argv[3], NULL, 0));
  } else if (strcmp(verb, "send") == 0 || strcmp(verb, "send-80") == 0) {
    int id = queue(key);
    for (int i = 4; i < argc; i++) send_text(id, atol(argv[3]), argv[i], verb[4] != '\0');
  } else if (strcmp(verb, "flood") == 0) {
    int id = queue(key);
    char text[24];
    for (long i = 0; i < atol(argv[4]); i++) {
      snprintf(text, sizeof text, "%ld", i);
      send_text(id, atol(argv[3]), text, 0);
    }
  } else if (strcmp(verb, "receive") == 0) {
    receive(queue(key), atol(argv[3]), atol(argv[4]));
  } else if (strcmp(verb, "stat") == 0) {
    struct msqid_ds status;
    if (msgctl(queue(key), IPC_STAT, &status) == -1) fail("msgctl IPC_STAT");
    printf("%lu %lu %lu\n", (unsigned long)status.msg_qnum, (unsigned long)status.msg_cbytes,
           (unsigned long)status.msg_qbytes);
  } else if (strcmp(verb, "remove") == 0) {
    if (msgctl(queue(key), IPC_RMID, NULL) == -1) fail("msgctl IPC_RMID");
  } else {
    return 2;
  }
  return 0;
}
