/*
 * The other end of a ring in C, with include/millrace.h alone. Every verb says on standard output, line by line, how far it is;
 * test/native/ring-peer.py has the same ones. The messages are those of test/support/seeded-messages.ts, of 0 bytes and more.
 *
 *   ring-peer send NAME COUNT SEED MOST            sends COUNT messages and closes
 *   ring-peer send-and-stay NAME COUNT SEED MOST   the same, and stays until it is killed
 *   ring-peer receive NAME SEED MOST               receives and checks until there is no more: "received N", "ended N CODE"
 *   ring-peer receive-and-stay NAME COUNT SEED MOST
 *   ring-peer echo NAME BACK                       sends each message of ring NAME back through ring BACK, until the end
 *   ring-peer send-until-error NAME SIZE           sends messages of SIZE bytes until that fails: the code
 *   ring-peer hurried NAME SIZE                    sends one message of SIZE bytes within 50 ms: the code; then an empty one, and closes
 *   ring-peer hear NAME                            receives with a time-out of 20 ms: the code; then says "open", and receives one: its size
 *   ring-peer try NAME sender|receiver             opens that end: the code; closes
 *   ring-peer remove NAME                          the code
 *   ring-peer small NAME                           receives into 4 bytes, then into as many as it takes: the codes, the sizes
 *
 * In the environment: RING_SLEEP=futex, RING_CAPACITY, RING_BATCH, RING_FROM (number of the first message to receive),
 * RING_LOOP=1 (waits in poll(2) of its own).
 */
#define MILLRACE_IMPLEMENTATION
#include "../../include/millrace.h"

#include <signal.h>

static millrace_options options;
static bool own_loop;
static uint32_t first_index;

static void say(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static void check(millrace_result result) {
  if (result == MILLRACE_OK) return;
  fprintf(stderr, "%s: %s\n", millrace_result_name(result), millrace_error());
  exit(1);
}

/* Seeded messages */

static uint8_t *pool;
static uint32_t seed_of_pool, longest;

static uint32_t scramble(uint32_t bits) {
  bits = (bits ^ (bits >> 16)) * 0x85ebca6bU;
  bits = (bits ^ (bits >> 13)) * 0xc2b2ae35U;
  return bits ^ (bits >> 16);
}

static void make_pool(uint32_t seed, uint32_t most) {
  size_t words = (most + 65536 + 3) / 4;
  uint32_t *made = malloc(words * 4);
  uint32_t state = seed | 1;
  for (size_t i = 0; i < words; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    made[i] = state;
  }
  pool = (uint8_t *)made;
  seed_of_pool = seed;
  longest = most;
}

static uint32_t length_of(uint32_t index) { return scramble(seed_of_pool ^ scramble(index)) % (longest + 1); }

static void make_message(uint32_t index, uint8_t *target) {
  uint32_t random = scramble(seed_of_pool ^ scramble(index));
  uint32_t length = random % (longest + 1);
  memcpy(target, pool + scramble(random) % 65536, length);
  for (uint32_t byte = 0; byte < 4 && byte < length; byte++) target[byte] = (uint8_t)(index >> (8 * byte));
}

static void verify(uint32_t index, const void *data, size_t length, uint8_t *scratch) {
  make_message(index, scratch);
  if (length == length_of(index) && memcmp(data, scratch, length) == 0) return;
  fprintf(stderr, "Message %u has %zu bytes, or other ones; %u would be right\n", index, length, length_of(index));
  exit(1);
}

/* Waiting as a program with an event loop does it */
static void wait_in_own_loop(millrace *ring) {
  if (!millrace_arm(ring)) return;
  struct pollfd bell = {.fd = millrace_bell(ring), .events = POLLIN};
  poll(&bell, 1, -1);
  millrace_disarm(ring);
}

static void send_messages(millrace *ring, uint32_t count) {
  uint8_t *message = malloc(longest + 1);
  for (uint32_t index = 0; index < count; index++) {
    uint32_t length = length_of(index);
    make_message(index, message);
    if (index % 3 == 1 && length <= millrace_largest_claim(ring)) {
      void *room;
      millrace_result result;
      while ((result = millrace_claim(ring, length, &room)) == MILLRACE_WOULD_BLOCK) {
        if (own_loop) wait_in_own_loop(ring);
        else check(millrace_wait(ring, -1));
      }
      check(result);
      memcpy(room, message, length);
      check(millrace_commit(ring, length));
    } else {
      check(millrace_send(ring, message, length, -1));
    }
  }
  check(millrace_flush(ring));
  free(message);
}

/* Receives up to `count` messages; gives what ended it, and in `index` how many came. */
static millrace_result receive_messages(millrace *ring, uint32_t count, uint32_t *index) {
  uint8_t *copy = malloc(longest + 1), *scratch = malloc(longest + 1);
  millrace_result result = MILLRACE_OK;
  for (*index = 0; *index < count; ++*index) {
    size_t length;
    if (*index % 2 == 0) {
      const void *data;
      if (own_loop) {
        while ((result = millrace_try_peek(ring, &data, &length)) == MILLRACE_WOULD_BLOCK) wait_in_own_loop(ring);
      } else {
        result = millrace_peek(ring, &data, &length, -1);
      }
      if (result != MILLRACE_OK) break;
      verify(first_index + *index, data, length, scratch);
      check(millrace_release(ring));
    } else {
      result = millrace_receive(ring, copy, longest, &length, -1);
      if (result != MILLRACE_OK) break;
      verify(first_index + *index, copy, length, scratch);
    }
  }
  free(copy);
  free(scratch);
  return result;
}

static void echo(const char *from, const char *to) {
  millrace *in, *out;
  check(millrace_open_receiver(&in, from, &options));
  check(millrace_open_sender(&out, to, &options));
  say("open");
  const void *data;
  size_t length;
  millrace_result result;
  while ((result = millrace_peek(in, &data, &length, -1)) == MILLRACE_OK) {
    check(millrace_send(out, data, length, -1));
    check(millrace_flush(out));
    check(millrace_release(in));
  }
  check(millrace_close(&in));
  check(millrace_close(&out));
  say(millrace_result_name(result));
}

static uint32_t number(const char *text) { return (uint32_t)strtoul(text, NULL, 10); }

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1], *name = argv[2];
  const char *sleep = getenv("RING_SLEEP"), *capacity = getenv("RING_CAPACITY"), *batch = getenv("RING_BATCH");
  if (sleep != NULL && strcmp(sleep, "futex") == 0) options.sleep = MILLRACE_SLEEP_FUTEX;
  if (capacity != NULL) options.capacity = number(capacity);
  if (batch != NULL) options.batch_bytes = number(batch);
  own_loop = getenv("RING_LOOP") != NULL;
  if (getenv("RING_FROM") != NULL) first_index = number(getenv("RING_FROM"));
  millrace *ring = NULL;
  char line[100];
  if (strncmp(verb, "send", 4) == 0 && argc == 6) {
    make_pool(number(argv[4]), number(argv[5]));
    check(millrace_open_sender(&ring, name, &options));
    say("open");
    send_messages(ring, number(argv[3]));
    say("sent");
    if (strcmp(verb, "send-and-stay") == 0) pause();
    check(millrace_close(&ring));
  } else if (strcmp(verb, "receive") == 0 && argc == 5) {
    make_pool(number(argv[3]), number(argv[4]));
    check(millrace_open_receiver(&ring, name, &options));
    say("open");
    uint32_t count;
    millrace_result result = receive_messages(ring, UINT32_MAX, &count);
    snprintf(line, sizeof line, "%u %s", count, millrace_result_name(result));
    say(line);
    const void *data;
    size_t length;
    say(millrace_result_name(millrace_try_peek(ring, &data, &length)));
    check(millrace_close(&ring));
  } else if (strcmp(verb, "receive-and-stay") == 0 && argc == 6) {
    make_pool(number(argv[4]), number(argv[5]));
    check(millrace_open_receiver(&ring, name, &options));
    say("open");
    uint32_t count;
    check(receive_messages(ring, number(argv[3]), &count));
    say("received");
    pause();
  } else if (strcmp(verb, "echo") == 0) {
    echo(name, argv[3]);
  } else if (strcmp(verb, "send-until-error") == 0) {
    uint32_t size = number(argv[3]);
    uint8_t *message = calloc(1, size);
    check(millrace_open_sender(&ring, name, &options));
    say("open");
    millrace_result result;
    while ((result = millrace_send(ring, message, size, -1)) == MILLRACE_OK) {
    }
    say(millrace_result_name(result));
    free(message);
    millrace_close(&ring);
  } else if (strcmp(verb, "hurried") == 0) {
    uint32_t size = number(argv[3]);
    uint8_t *message = calloc(1, size);
    check(millrace_open_sender(&ring, name, &options));
    say(millrace_result_name(millrace_send(ring, message, size, 50)));
    check(millrace_send(ring, NULL, 0, -1));
    free(message);
    check(millrace_close(&ring));
    say("closed");
  } else if (strcmp(verb, "hear") == 0) {
    uint8_t *message = malloc(1 << 20);
    size_t length;
    check(millrace_open_receiver(&ring, name, &options));
    say(millrace_result_name(millrace_receive(ring, message, 1 << 20, &length, 20)));
    say("open");
    check(millrace_receive(ring, message, 1 << 20, &length, -1));
    snprintf(line, sizeof line, "%zu", length);
    say(line);
    free(message);
    check(millrace_close(&ring));
  } else if (strcmp(verb, "small") == 0) {
    uint8_t four[4], many[4096];
    size_t length;
    check(millrace_open_receiver(&ring, name, &options));
    for (;;) {
      millrace_result result = millrace_receive(ring, four, sizeof four, &length, -1);
      if (result == MILLRACE_END) break;
      snprintf(line, sizeof line, "%s %zu", millrace_result_name(result), length);
      say(line);
      if (result == MILLRACE_NO_ROOM) check(millrace_try_receive(ring, many, sizeof many, &length));
    }
    check(millrace_close(&ring));
  } else if (strcmp(verb, "try") == 0) {
    bool sender = strcmp(argv[3], "sender") == 0;
    millrace_result result = sender ? millrace_open_sender(&ring, name, &options) : millrace_open_receiver(&ring, name, &options);
    say(millrace_result_name(result));
    if (result != MILLRACE_OK) say(millrace_error());
    check(millrace_close(&ring));
  } else if (strcmp(verb, "remove") == 0) {
    say(millrace_result_name(millrace_remove(name)));
  } else {
    return 2;
  }
  free(pool);
  return 0;
}
