/*
 * millrace.h - the ring `ring:NAME` for C programs: messages through shared memory, to and from programs in JavaScript, Python and C.
 *
 * C11 with GCC's or Clang's extensions, Linux, no library but libc. It may be included anywhere, also from C++. In exactly one C file
 * of the program, define MILLRACE_IMPLEMENTATION first, before any other header of the system is included:
 *
 *     #define MILLRACE_IMPLEMENTATION
 *     #include "millrace.h"
 *
 * A sender:                                              A receiver:
 *
 *     millrace *ring;                                        millrace *ring;
 *     if (millrace_open_sender(&ring, "frames", NULL)        if (millrace_open_receiver(&ring, "frames", NULL)
 *         != MILLRACE_OK) die(millrace_error());                 != MILLRACE_OK) die(millrace_error());
 *     millrace_send(ring, "hello", 5, -1);                   const void *data;
 *     millrace_close(&ring);                                 size_t length;
 *                                                            while (millrace_peek(ring, &data, &length, -1) == MILLRACE_OK) {
 *                                                              fwrite(data, 1, length, stdout);
 *                                                              millrace_release(ring);
 *                                                            }
 *                                                            millrace_close(&ring);
 *
 * - Either side may come first. One process at a time holds each end; the kernel gives the end back however the process ends.
 * - What was sent before millrace_close() arrives. A sender that dies leaves what it had sent, whole messages only.
 * - A handle is for one thread at a time. Nothing here starts threads, handles signals or prints. A signal handler that interrupts a
 *   wait does not end it. Do not use a handle on both sides of a fork().
 * - A program that ends without millrace_close() leaves its end as one that died does; `millrace gc` and the next program tidy up.
 * - What the other side writes is checked before it is used: what no correct program writes is MILLRACE_CORRUPT.
 *
 * docs/ring-layout.md tells how the ring works, and docs/other-languages.md how to use it.
 */
#ifndef MILLRACE_H
#define MILLRACE_H

#if defined(MILLRACE_IMPLEMENTATION) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a call has to say. Errors are below 0; millrace_error() has the details of the last one. */
typedef enum millrace_result {
  /** Done. */
  MILLRACE_OK = 0,
  /** Nothing to receive, or no room to send, now. */
  MILLRACE_WOULD_BLOCK = 1,
  /** The sender has closed, and everything is received. */
  MILLRACE_END = 2,
  /** The ring exists, is in use, and has a smaller capacity than asked for. */
  MILLRACE_EXISTS = -1,
  /** No ring of that name, or no place for it. */
  MILLRACE_NOT_FOUND = -2,
  /** Another live process holds that end. */
  MILLRACE_BUSY = -3,
  /** The receiver has closed. */
  MILLRACE_CLOSED = -4,
  /** The other end died without closing. */
  MILLRACE_PEER_GONE = -5,
  /** The message is too large: for max_message_bytes, or for a call that cannot wait. */
  MILLRACE_TOO_LARGE = -6,
  /** Shared memory holds what no correct peer writes. Every further call on the handle says so again. */
  MILLRACE_CORRUPT = -7,
  /** The system refused access. */
  MILLRACE_PERMISSION = -8,
  /** A limit of the system was reached: memory, space, descriptors. */
  MILLRACE_LIMIT = -9,
  /** The time given was over. */
  MILLRACE_TIMEOUT = -10,
  /** The caller's memory is too small for the message, which stays the next one. */
  MILLRACE_NO_ROOM = -11,
  /** The call makes no sense: a wrong argument, or the wrong end. */
  MILLRACE_INVALID = -12,
  /** A system call failed in another way; errno tells how. */
  MILLRACE_SYSTEM = -13
} millrace_result;

/** How this end sleeps. */
typedef enum millrace_sleep {
  /** In poll(2) on a FIFO that the other side writes to. Learns at once that the other side died. */
  MILLRACE_SLEEP_BELL = 2,
  /** In futex(2) on a word of the ring. Wakes a little faster, but asks 10 times a second whether the other side lives. */
  MILLRACE_SLEEP_FUTEX = 1
} millrace_sleep;

/** What the other end is doing. */
typedef enum millrace_peer_state {
  /** It has not come yet. */
  MILLRACE_PEER_NONE = 0,
  /** It works. */
  MILLRACE_PEER_ATTACHED = 1,
  /** It has closed. */
  MILLRACE_PEER_CLOSED = 2,
  /** It went without closing. */
  MILLRACE_PEER_DEAD = 3
} millrace_peer_state;

/** How to open a ring. All zeros are the defaults. */
typedef struct millrace_options {
  /** Bytes of data, rounded up to a power of two of whole pages, up to 2^28. 0: what there is, or 1 MiB for a new ring. */
  size_t capacity;
  /** Bytes of the largest message to send or to accept; a larger one is dropped. 0: 256 MiB. */
  size_t max_message_bytes;
  /**
   * Bytes of records to publish, or to give back, together, up to half the capacity. 0: each at once. It makes many small messages
   * faster. Whoever sets it calls millrace_flush() before turning to other work.
   */
  size_t batch_bytes;
  /** Permission bits of the files of a new ring. 0: 0600. */
  unsigned mode;
  /** How to sleep. 0: MILLRACE_SLEEP_BELL. */
  millrace_sleep sleep;
} millrace_options;

/** One end of a ring. */
typedef struct millrace millrace;

/**
 * Opens the sending end, and makes the ring when there is none.
 *
 * @param ring where the handle goes; NULL when this fails
 * @param name 1 to 200 of A-Z a-z 0-9 . _ -, beginning with a letter, a digit or _; "ring:" may stand before it
 * @param options NULL for the defaults
 * @return MILLRACE_OK; MILLRACE_BUSY, MILLRACE_EXISTS, MILLRACE_CORRUPT, MILLRACE_PERMISSION, MILLRACE_LIMIT, MILLRACE_NOT_FOUND,
 *   MILLRACE_INVALID, MILLRACE_SYSTEM
 */
millrace_result millrace_open_sender(millrace **ring, const char *name, const millrace_options *options);

/** Opens the receiving end, and makes the ring when there is none. As millrace_open_sender(). */
millrace_result millrace_open_receiver(millrace **ring, const char *name, const millrace_options *options);

/**
 * Leaves. What was sent is published first, and arrives; an open claim is given up. What was not released comes again to the next
 * receiver. The ring is removed when nobody will come any more. Sets *ring to NULL; with NULL there, it does nothing.
 *
 * @return MILLRACE_OK; MILLRACE_CORRUPT: this end is closed nevertheless
 */
millrace_result millrace_close(millrace **ring);

/**
 * Removes a ring that nobody holds, with all that it holds.
 *
 * @return MILLRACE_OK; MILLRACE_NOT_FOUND, MILLRACE_BUSY, MILLRACE_CORRUPT, MILLRACE_PERMISSION, MILLRACE_INVALID, MILLRACE_SYSTEM
 */
millrace_result millrace_remove(const char *name);

/**
 * Sends a message if there is room for all of it now. Never waits. `data` may be reused when this returns.
 *
 * @return MILLRACE_OK; MILLRACE_WOULD_BLOCK: nothing was sent; MILLRACE_TOO_LARGE: it would not even fit into the empty ring, which
 *   millrace_send() can do; MILLRACE_CLOSED, MILLRACE_PEER_GONE (the ring is full; what was sent is kept for the next receiver),
 *   MILLRACE_CORRUPT, MILLRACE_INVALID
 */
millrace_result millrace_try_send(millrace *ring, const void *data, size_t length);

/**
 * Sends a message, and waits while there is no room. One that is larger than half the ring goes in parts.
 *
 * @param timeout milliseconds; -1 waits for as long as it takes
 * @return as millrace_try_send(), but never MILLRACE_WOULD_BLOCK; MILLRACE_TIMEOUT: nothing was sent, and parts that are out are dropped
 *   by the receiver; MILLRACE_TOO_LARGE only beyond max_message_bytes
 */
millrace_result millrace_send(millrace *ring, const void *data, size_t length, int timeout);

/**
 * Claims room for a message that is to be written in place. It lasts until millrace_commit() or millrace_abort().
 *
 * @param length the largest size that the message may get, up to millrace_largest_claim()
 * @param data where the room goes: aligned to 8, with old bytes in it
 * @return MILLRACE_OK, MILLRACE_WOULD_BLOCK, and the errors of millrace_try_send()
 */
millrace_result millrace_claim(millrace *ring, size_t length, void **data);

/** Sends the first `length` bytes of the claim. @return MILLRACE_OK, MILLRACE_INVALID, MILLRACE_CORRUPT (sent nevertheless) */
millrace_result millrace_commit(millrace *ring, size_t length);

/** Gives a claim back without sending. Does nothing without one. */
void millrace_abort(millrace *ring);

/** Bytes of the largest claim: half the capacity less 8. */
size_t millrace_largest_claim(const millrace *ring);

/**
 * Shows the next message, where it lies. It stays until millrace_release(); asking again shows the same one. A message that came in
 * parts is shown in memory of the handle's. Never waits.
 *
 * A sender that breaks the rules could change the bytes while they are looked at: copy what must not change between a check and a use.
 *
 * @param data where the address of the bytes goes
 * @param length where their number goes
 * @return MILLRACE_OK; MILLRACE_WOULD_BLOCK; MILLRACE_END, also ever after; MILLRACE_PEER_GONE, once, when a sender that died has
 *   nothing more to give, then MILLRACE_END; MILLRACE_TOO_LARGE: the message was dropped; MILLRACE_LIMIT: no memory for its parts;
 *   MILLRACE_CORRUPT; MILLRACE_INVALID; when the sender replaced the ring by a larger one, also the errors of millrace_open_receiver()
 */
millrace_result millrace_try_peek(millrace *ring, const void **data, size_t *length);

/** The same, and waits for a message. @param timeout milliseconds; -1: no limit. @return as millrace_try_peek(), MILLRACE_TIMEOUT */
millrace_result millrace_peek(millrace *ring, const void **data, size_t *length, int timeout);

/** Gives the message that is looked at back. @return MILLRACE_OK, MILLRACE_INVALID, MILLRACE_CORRUPT (given back nevertheless) */
millrace_result millrace_release(millrace *ring);

/**
 * Copies the next message into the caller's memory. Never waits.
 *
 * @param room bytes of `data`
 * @param length where the size of the message goes; with MILLRACE_NO_ROOM, how much room it needs
 * @return as millrace_try_peek(); MILLRACE_NO_ROOM: the message stays the next one
 */
millrace_result millrace_try_receive(millrace *ring, void *data, size_t room, size_t *length);

/** The same, and waits for a message. @param timeout milliseconds; -1: no limit. @return as millrace_try_receive(), MILLRACE_TIMEOUT */
millrace_result millrace_receive(millrace *ring, void *data, size_t room, size_t *length, int timeout);

/** Publishes, or gives back, what batch_bytes has collected. @return MILLRACE_OK, MILLRACE_CORRUPT */
millrace_result millrace_flush(millrace *ring);

/**
 * Waits until it is worth to try again: after MILLRACE_WOULD_BLOCK of a call that never waits.
 *
 * @param timeout milliseconds; -1: no limit
 * @return MILLRACE_OK, MILLRACE_TIMEOUT, MILLRACE_CORRUPT, MILLRACE_SYSTEM
 */
millrace_result millrace_wait(millrace *ring, int timeout);

/**
 * Announces that the program will wait in its own event loop: for millrace_bell() to be readable, then it calls millrace_disarm().
 * For rings that were opened with MILLRACE_SLEEP_BELL. Call it after MILLRACE_WOULD_BLOCK.
 *
 * @return false when it is worth to try again at once; then nothing is announced
 */
bool millrace_arm(millrace *ring);

/** The descriptor to wait for with millrace_arm(), for reading. It may be another one after each call on the ring. */
int millrace_bell(const millrace *ring);

/** Ends a wait that was announced, whoever ended it. */
void millrace_disarm(millrace *ring);

/** What the other end is doing. @param pid where the id of its last process goes, 0 if unknown; may be NULL */
millrace_peer_state millrace_peer(millrace *ring, uint32_t *pid);

/** Bytes of data of the ring. */
size_t millrace_capacity(const millrace *ring);

/** The name of a result, such as "IPC_BUSY": the code that JavaScript programs see. */
const char *millrace_result_name(millrace_result result);

/** What went wrong in the last call of this thread that failed. Valid until the next one. */
const char *millrace_error(void);

#ifdef __cplusplus
}
#endif
#endif

/* ------------------------------------------------------------------------------------------------------------------------------- */

#if defined(MILLRACE_IMPLEMENTATION) && !defined(MILLRACE_IMPLEMENTED)
#define MILLRACE_IMPLEMENTED

#ifdef __cplusplus
#error "Define MILLRACE_IMPLEMENTATION in a C file; C++ files include millrace.h without it"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef F_OFD_SETLK
#error "Include millrace.h before the headers of the system in the file that defines MILLRACE_IMPLEMENTATION, or compile with -D_GNU_SOURCE"
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the words of a ring are little-endian");
_Static_assert(sizeof(_Atomic uint32_t) == 4 && ATOMIC_INT_LOCK_FREE == 2, "the words of a ring are shared between processes");

/* What lies where: docs/ring-layout.md. */
enum {
  MR_MAGIC = 0x43524c4d,
  MR_MAGIC_AT = 0,
  MR_VERSION_AT = 4,
  MR_HEADER_BYTES_AT = 8,
  MR_CAPACITY_AT = 12,
  MR_KIND_AT = 16,
  MR_FLAGS_AT = 20,
  MR_CREATOR_PID_AT = 24,
  MR_HEAD_AT = 128,
  MR_TAIL_AT = 256,
  MR_TO_CARRY = 896 + 4,
  MR_TO_MESSAGES = 896 + 8,
  MR_TO_BYTES = 896 + 16,
  MR_TO_STALLS = 896 + 24,
  MR_TO_WAKES = 896 + 28,
  MR_WAITER_AT = 384, /* the producer's; the consumer's lies 128 behind it, and so do the next two */
  MR_STATE_AT = 640,
  MR_TO_PID = 4,
  MR_TO_SESSIONS = 8,
  MR_SEGMENT_STATE_AT = 896,
  MR_NEVER = 0,
  MR_ATTACHED = 1,
  MR_CLOSED = 2,
  MR_LIVE = 0,
  MR_REMOVED = 1,
  MR_SUPERSEDED = 2,
  MR_MORE = 1,
  MR_CONTINUED = 2,
  MR_RECORD_HEADER = 8,
  MR_MIN_CAPACITY = 4096,
  MR_MAX_CAPACITY = 1 << 28,
  MR_DEFAULT_CAPACITY = 1 << 20,
  MR_DEFAULT_MAX_MESSAGE = 1 << 28,
  MR_SETUP_BYTE = 2,
  /* Failed tries in a row before the kernel is asked whether the other side lives: a system call each. */
  MR_TRIES_PER_LOOK = 64,
  /* Looks at the other side's index before sleeping; they double when they were enough and halve when not. */
  MR_LEAST_SPIN = 16,
  MR_MOST_SPIN = 1024,
  /* Milliseconds between two looks for the other side's life, for who sleeps in futex(2). */
  MR_FUTEX_SLICE = 100,
  /* Milliseconds after which a sender that has fallen asleep looks once more. */
  MR_FIRST_SLICE = 5
};

enum mr_side { MR_SENDER = 0, MR_RECEIVER = 1 };
/* The message that is open: none; some of its parts are in `parts`; the rest of it is dropped. */
enum mr_chain { MR_CHAIN_NONE, MR_CHAIN_OPEN, MR_CHAIN_DROPPED };

typedef _Atomic uint32_t mr_word;

struct millrace {
  enum mr_side side;
  millrace_options options;
  char name[208];
  char path[PATH_MAX];
  millrace_result failed; /* what every further call says */
  int segment, bell, peer_bell;
  unsigned char *base; /* header, and the data twice; NULL when this end is not attached */
  size_t header_bytes;
  uint32_t capacity, largest;
  uint32_t peer_sessions_before;
  millrace_peer_state peer_before;

  uint32_t head, tail; /* one's own index, and the last one seen of the other side */
  uint32_t settled;    /* one's own index as it is in memory: published or released so far */
  uint32_t new_messages, new_bytes;
  bool stalled, ask_kernel;
  unsigned failed_tries, spin;

  /* The sender's */
  bool claiming;
  uint32_t claimed;

  /* The receiver's */
  bool resumed, ended, looking; /* looking: a message is shown */
  enum mr_chain chain;
  uint32_t size; /* of the record that is shown in place; 0 when `parts` is shown */
  const unsigned char *shown;
  size_t shown_length;
  unsigned char *parts;
  size_t parts_length, parts_room;
};

/* Errors ------------------------------------------------------------------------------------------------------------------------ */

static _Thread_local char mr_text[PATH_MAX + 512];

const char *millrace_error(void) { return mr_text; }

const char *millrace_result_name(millrace_result result) {
  switch (result) {
    case MILLRACE_OK: return "OK";
    case MILLRACE_WOULD_BLOCK: return "WOULD_BLOCK";
    case MILLRACE_END: return "END";
    case MILLRACE_EXISTS: return "IPC_EXISTS";
    case MILLRACE_NOT_FOUND: return "IPC_NOT_FOUND";
    case MILLRACE_BUSY: return "IPC_BUSY";
    case MILLRACE_CLOSED: return "IPC_CLOSED";
    case MILLRACE_PEER_GONE: return "IPC_PEER_GONE";
    case MILLRACE_TOO_LARGE: return "IPC_TOO_LARGE";
    case MILLRACE_CORRUPT: return "IPC_CORRUPT";
    case MILLRACE_PERMISSION: return "IPC_PERMISSION";
    case MILLRACE_LIMIT: return "IPC_LIMIT";
    case MILLRACE_TIMEOUT: return "IPC_TIMEOUT";
    case MILLRACE_NO_ROOM: return "NO_ROOM";
    case MILLRACE_INVALID: return "INVALID";
    case MILLRACE_SYSTEM: return "SYSTEM";
  }
  return "UNKNOWN";
}

__attribute__((format(printf, 2, 3))) static millrace_result mr_fail(millrace_result result, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(mr_text, sizeof mr_text, format, values);
  va_end(values);
  return result;
}

/* What a failed system call means. errno stays. */
static millrace_result mr_system(const char *what, const char *path) {
  int error = errno;
  millrace_result result = MILLRACE_SYSTEM;
  if (error == EACCES || error == EPERM || error == EROFS) result = MILLRACE_PERMISSION;
  if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC || error == EDQUOT) result = MILLRACE_LIMIT;
  if (error == ENOENT || error == ENOTDIR) result = MILLRACE_NOT_FOUND;
  mr_fail(result, "Cannot %s %s: %s", what, path, strerror(error));
  errno = error;
  return result;
}

static millrace_result mr_corrupt(millrace *ring, const char *what, uint32_t seen, const char *right) {
  ring->failed = MILLRACE_CORRUPT;
  return mr_fail(MILLRACE_CORRUPT, "Ring \"%s\" is corrupt: %s is %u, %s would be right", ring->name, what, (unsigned)seen, right);
}

static millrace_result mr_usable(const millrace *ring, enum mr_side side, const char *call) {
  if (ring == NULL) return mr_fail(MILLRACE_INVALID, "%s: the ring is NULL", call);
  if (ring->side != side) {
    return mr_fail(MILLRACE_INVALID, "%s: ring \"%s\" is open as %s", call, ring->name, ring->side ? "receiver" : "sender");
  }
  /* errors of one call may have overwritten the text; the code stays */
  if (ring->failed != MILLRACE_OK) return mr_fail(ring->failed, "%s: ring \"%s\" failed before", call, ring->name);
  return MILLRACE_OK;
}

/* Words of the ring ------------------------------------------------------------------------------------------------------------- */

static mr_word *mr_at(const millrace *ring, int offset) { return (mr_word *)(void *)(ring->base + offset); }

/* For words of one's own that only observers read at the same time, and for looks whose result is checked again. */
static uint32_t mr_plain(const millrace *ring, int offset) {
  return atomic_load_explicit(mr_at(ring, offset), memory_order_relaxed);
}

static void mr_set_plain(const millrace *ring, int offset, uint32_t value) {
  atomic_store_explicit(mr_at(ring, offset), value, memory_order_relaxed);
}

static int mr_own_index(const millrace *ring) { return ring->side == MR_SENDER ? MR_HEAD_AT : MR_TAIL_AT; }
static int mr_peer_index(const millrace *ring) { return ring->side == MR_SENDER ? MR_TAIL_AT : MR_HEAD_AT; }
static int mr_own_waiter(const millrace *ring) { return MR_WAITER_AT + 128 * (int)ring->side; }
static int mr_peer_waiter(const millrace *ring) { return MR_WAITER_AT + 128 * !ring->side; }
static int mr_own_state(const millrace *ring) { return MR_STATE_AT + 128 * (int)ring->side; }
static int mr_peer_state_at(const millrace *ring) { return MR_STATE_AT + 128 * !ring->side; }

/* Adds to a 64-bit counter of one's own line. Not in one store of 64 bits: observers read two words of 32. */
static void mr_count(const millrace *ring, int distance, uint32_t amount) {
  int low = mr_own_index(ring) + distance;
  int carry = mr_own_index(ring) + MR_TO_CARRY;
  uint32_t before = mr_plain(ring, low);
  uint32_t after = before + amount;
  if (after >= before) {
    mr_set_plain(ring, low, after);
    return;
  }
  /* all four pair with the loads of an observer; | 1 also mends the word of an owner that died in here */
  uint32_t odd = mr_plain(ring, carry) | 1;
  atomic_store(mr_at(ring, carry), odd);
  atomic_store(mr_at(ring, low + 4), mr_plain(ring, low + 4) + 1);
  atomic_store(mr_at(ring, low), after);
  atomic_store(mr_at(ring, carry), odd + 1);
}

static void mr_count_one(const millrace *ring, int distance) {
  int at = mr_own_index(ring) + distance;
  mr_set_plain(ring, at, mr_plain(ring, at) + 1);
}

/* Checks the distance of two indices that are about to be used. */
static millrace_result mr_check_span(millrace *ring, uint32_t head, uint32_t tail) {
  if (head % 16 != 0) return mr_corrupt(ring, "the head", head, "a multiple of 16");
  if (tail % 16 != 0) return mr_corrupt(ring, "the tail", tail, "a multiple of 16");
  if (head - tail > ring->capacity) return mr_corrupt(ring, "the distance from tail to head", head - tail, "at most the capacity");
  return MILLRACE_OK;
}

static void mr_ring_bell(int bell) {
  /* a full bell is rung already */
  while (write(bell, "", 1) < 0 && errno == EINTR) {
  }
}

/* Takes the other side's waiter word back to 0, and wakes it if it slept. */
static millrace_result mr_wake(millrace *ring) {
  mr_word *word = mr_at(ring, mr_peer_waiter(ring));
  /* pairs with the store and the exchange of the other side's wait: exactly one of the two takes it back */
  uint32_t mode = atomic_exchange(word, 0);
  if (mode == 0) return MILLRACE_OK;
  if (mode > MILLRACE_SLEEP_BELL) return mr_corrupt(ring, "the other side's waiter word", mode, "0, 1 or 2");
  mr_count_one(ring, MR_TO_WAKES);
  if (mode == MILLRACE_SLEEP_FUTEX) syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
  else mr_ring_bell(ring->peer_bell);
  return MILLRACE_OK;
}

/* Publishes the records, or gives their space back. */
static millrace_result mr_flush(millrace *ring) {
  uint32_t own = ring->side == MR_SENDER ? ring->head : ring->tail;
  if (own == ring->settled) return MILLRACE_OK;
  mr_count(ring, MR_TO_MESSAGES, ring->new_messages);
  mr_count(ring, MR_TO_BYTES, ring->new_bytes);
  ring->new_messages = 0;
  ring->new_bytes = 0;
  ring->settled = own;
  /* pairs with the other side's loads of this index: in its look for records or room, and in its look before it sleeps */
  atomic_store(mr_at(ring, mr_own_index(ring)), own);
  /* after that store; pairs with the store of the waiter word, which comes before that look */
  if (atomic_load(mr_at(ring, mr_peer_waiter(ring))) != 0) return mr_wake(ring);
  return MILLRACE_OK;
}

/* One's own index has moved on: publishes or releases if it is time. */
static millrace_result mr_moved(millrace *ring, uint32_t own) {
  /* this look may come too early, and the batch waits for the next one; the look that decides is in mr_flush() */
  if (own - ring->settled >= ring->options.batch_bytes || mr_plain(ring, mr_peer_waiter(ring)) != 0) return mr_flush(ring);
  return MILLRACE_OK;
}

/* Files and locks --------------------------------------------------------------------------------------------------------------- */

static const char *const mr_bell_names[2] = {"bell-producer", "bell-consumer"};
static const char *const mr_side_names[2] = {"sender", "receiver"};

static int mr_lock(int segment, int command, int type, int byte) {
  for (;;) {
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    if (fcntl(segment, command, &lock) == 0) return command == F_OFD_GETLK ? lock.l_type != F_UNLCK : 0;
    if (errno != EINTR) return -1;
  }
}

/* Whether another open file holds the lock of a role: a process that lives. */
static bool mr_held(int segment, int byte) { return mr_lock(segment, F_OFD_GETLK, F_WRLCK, byte) != 0; }

/* Joins two parts of a path; false when it is too long, with errno. */
static bool mr_join(char out[PATH_MAX], const char *folder, const char *name) {
  int length = snprintf(out, PATH_MAX, "%s/%s", folder, name);
  if (length >= 0 && length < PATH_MAX) return true;
  errno = ENAMETOOLONG;
  return false;
}

/* Opens a file of the ring; -1 with errno. */
static int mr_open_file(const char *folder, const char *name, int flags) {
  char path[PATH_MAX];
  return mr_join(path, folder, name) ? open(path, flags | O_NOFOLLOW | O_CLOEXEC) : -1;
}

/* The folder of this user's rings, made if it is not there, and refused if others could write there. */
static millrace_result mr_directory(char out[PATH_MAX]) {
  const char *chosen = getenv("MILLRACE_DIR");
  int length = chosen != NULL && chosen[0] != 0 ? snprintf(out, PATH_MAX, "%s", chosen)
                                                : snprintf(out, PATH_MAX, "/dev/shm/millrace-%u", (unsigned)geteuid());
  if (length < 0 || length >= PATH_MAX) return mr_fail(MILLRACE_INVALID, "MILLRACE_DIR is too long");
  if (mkdir(out, 0700) != 0 && errno != EEXIST) return mr_system("make the directory", out);
  struct stat status;
  if (lstat(out, &status) != 0) return mr_system("look at the directory", out);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return mr_fail(MILLRACE_PERMISSION, "The directory %s must be a directory of user %u alone, with mode 0700", out,
                   (unsigned)geteuid());
  }
  return MILLRACE_OK;
}

/* A name beside `path` under which things are built and taken apart; the process id in it tells whether its maker lives. */
static bool mr_temporary(const char *path, char out[PATH_MAX]) {
  unsigned char random[6];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) return false;
  const char *slash = strrchr(path, '/');
  int length = snprintf(out, PATH_MAX, "%.*s/.tmp-%d-%02x%02x%02x%02x%02x%02x", (int)(slash - path), path, (int)getpid(), random[0],
                        random[1], random[2], random[3], random[4], random[5]);
  if (length >= 0 && length < PATH_MAX) return true;
  errno = ENAMETOOLONG;
  return false;
}

/* Removes a file, or a folder of files. */
static void mr_remove_tree(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return;
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *listing = folder < 0 ? NULL : fdopendir(folder);
  if (listing != NULL) {
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(folder, entry->d_name, 0);
    }
    closedir(listing);
  } else if (folder >= 0) {
    close(folder);
  }
  rmdir(path);
}

/* Removes what processes left that died while they made or removed a ring. */
static void mr_sweep(const char *directory) {
  DIR *listing = opendir(directory);
  if (listing == NULL) return;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    if (strncmp(entry->d_name, ".tmp-", 5) != 0) continue;
    long maker = strtol(entry->d_name + 5, NULL, 10);
    char path[PATH_MAX];
    if (maker > 0 && maker <= INT_MAX && kill((pid_t)maker, 0) != 0 && errno == ESRCH && mr_join(path, directory, entry->d_name)) {
      mr_remove_tree(path);
    }
  }
  closedir(listing);
}

/* Builds a ring under a temporary name, which goes to `out`. */
static millrace_result mr_build(const millrace *ring, char out[PATH_MAX]) {
  char directory[PATH_MAX], file[PATH_MAX];
  snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(ring->path, '/') - ring->path), ring->path);
  mr_sweep(directory);
  if (!mr_temporary(ring->path, out) || mkdir(out, 0700) != 0) return mr_system("make", ring->path);
  size_t header_bytes = (size_t)sysconf(_SC_PAGESIZE);
  size_t capacity = ring->options.capacity != 0 ? ring->options.capacity : MR_DEFAULT_CAPACITY;
  uint32_t header[32] = {0};
  header[MR_MAGIC_AT / 4] = MR_MAGIC;
  header[MR_VERSION_AT / 4] = 2;
  header[MR_HEADER_BYTES_AT / 4] = (uint32_t)header_bytes;
  header[MR_CAPACITY_AT / 4] = (uint32_t)capacity;
  header[MR_KIND_AT / 4] = 1;
  header[MR_CREATOR_PID_AT / 4] = (uint32_t)getpid();
  int segment = -1;
  bool made = mr_join(file, out, "segment");
  if (made) {
    segment = open(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)ring->options.mode);
    made = segment >= 0;
  }
  if (made) {
    /* all of it now: a full tmpfs is an error here, and not a SIGBUS later */
    int error = posix_fallocate(segment, 0, (off_t)(header_bytes + capacity));
    if (error != 0) errno = error;
    made = error == 0 && pwrite(segment, header, sizeof header, 0) == (ssize_t)sizeof header;
  }
  for (int side = 0; made && side < 2; side++) {
    made = mr_join(file, out, mr_bell_names[side]) && mkfifo(file, (mode_t)ring->options.mode) == 0;
  }
  millrace_result result = made ? MILLRACE_OK : mr_system("make", ring->path);
  if (segment >= 0) close(segment);
  if (!made) {
    int error = errno;
    mr_remove_tree(out);
    errno = error;
  }
  return result;
}

static millrace_result mr_foreign(const millrace *ring) {
  return mr_fail(MILLRACE_CORRUPT, "Cannot open ring \"%s\": %s is not a millrace object. Remove it, or use another name", ring->name,
                 ring->path);
}

/* Makes the ring under its name. That somebody else was first is no error. */
static millrace_result mr_create(const millrace *ring) {
  char temporary[PATH_MAX];
  millrace_result result = mr_build(ring, temporary);
  if (result != MILLRACE_OK || rename(temporary, ring->path) == 0) return result;
  int error = errno;
  mr_remove_tree(temporary);
  if (error == EEXIST || error == ENOTEMPTY) return MILLRACE_OK;
  if (error == ENOTDIR) return mr_foreign(ring);
  errno = error;
  return mr_system("make", ring->path);
}

/* Takes the name from a ring, under the setup lock. Who has it open sees that it is gone. */
static void mr_remove_object(const millrace *ring) {
  char doomed[PATH_MAX];
  atomic_store(mr_at(ring, MR_SEGMENT_STATE_AT), MR_REMOVED);
  if (mr_temporary(ring->path, doomed) && rename(ring->path, doomed) == 0) mr_remove_tree(doomed);
}

/* Maps the open segment, header and mirrored data, when its size and its header agree. */
static millrace_result mr_map(millrace *ring) {
  struct stat status;
  if (fstat(ring->segment, &status) != 0) return mr_system("look at the segment of", ring->path);
  size_t header_bytes = (size_t)sysconf(_SC_PAGESIZE);
  /* the size is the kernel's word, so the mapping never reaches past the end */
  off_t data = status.st_size - (off_t)header_bytes;
  if (!S_ISREG(status.st_mode) || data < MR_MIN_CAPACITY || data > MR_MAX_CAPACITY || (data & (data - 1)) != 0) {
    return mr_fail(MILLRACE_CORRUPT, "Ring \"%s\" is corrupt: its segment has %lld bytes, %zu and a power of two would be right",
                   ring->name, (long long)status.st_size, header_bytes);
  }
  size_t capacity = (size_t)data;
  unsigned char *base = mmap(NULL, header_bytes + 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return mr_system("map", ring->path);
  int access = PROT_READ | PROT_WRITE;
  if (mmap(base, header_bytes + capacity, access, MAP_SHARED | MAP_FIXED, ring->segment, 0) == MAP_FAILED ||
      mmap(base + header_bytes + capacity, capacity, access, MAP_SHARED | MAP_FIXED, ring->segment, (off_t)header_bytes) == MAP_FAILED) {
    millrace_result result = mr_system("map", ring->path);
    munmap(base, header_bytes + 2 * capacity);
    return result;
  }
  ring->base = base;
  ring->header_bytes = header_bytes;
  ring->capacity = (uint32_t)capacity;
  ring->largest = ring->capacity / 2 - MR_RECORD_HEADER;
  struct {
    const char *name;
    int at;
    uint32_t right;
  } constants[] = {
      {"magic (byte 0)", MR_MAGIC_AT, MR_MAGIC},
      {"version (byte 4)", MR_VERSION_AT, 2},
      {"kind (byte 16)", MR_KIND_AT, 1},
      {"flags (byte 20)", MR_FLAGS_AT, 0},
      {"header bytes (byte 8)", MR_HEADER_BYTES_AT, (uint32_t)header_bytes},
      {"capacity (byte 12)", MR_CAPACITY_AT, ring->capacity},
  };
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
    uint32_t seen = mr_plain(ring, constants[i].at);
    if (seen == constants[i].right) continue;
    return mr_fail(MILLRACE_CORRUPT, "Ring \"%s\" is corrupt: %s is %u, %u would be right", ring->name, constants[i].name,
                   (unsigned)seen, (unsigned)constants[i].right);
  }
  return MILLRACE_OK;
}

/* Lets go of everything that is open; the locks go with it. */
static void mr_let_go(millrace *ring) {
  if (ring->base != NULL) munmap(ring->base, ring->header_bytes + 2 * (size_t)ring->capacity);
  if (ring->bell >= 0) close(ring->bell);
  if (ring->peer_bell >= 0) close(ring->peer_bell);
  if (ring->segment >= 0) close(ring->segment);
  ring->base = NULL;
  ring->bell = ring->peer_bell = ring->segment = -1;
}

/* Opens a bell; -1 with errno, which is EINVAL when it is no FIFO. */
static int mr_open_bell(const millrace *ring, int side, int flags) {
  int bell = mr_open_file(ring->path, mr_bell_names[side], flags | O_NONBLOCK);
  struct stat status;
  if (bell >= 0 && fstat(bell, &status) == 0 && S_ISFIFO(status.st_mode)) return bell;
  if (bell >= 0) {
    close(bell);
    errno = EINVAL;
  }
  return -1;
}

/* The other side -------------------------------------------------------------------------------------------------------------- */

/* What the other side is doing, by its word and, where that is not enough, the kernel's. */
static millrace_peer_state mr_ask_peer(const millrace *ring) {
  mr_word *word = mr_at(ring, mr_peer_state_at(ring));
  for (int tries = 0; tries < 1000; tries++) {
    /* pairs with the stores of the state when the other side attaches and closes */
    uint32_t state = atomic_load(word);
    if (state == MR_NEVER) return MILLRACE_PEER_NONE;
    if (state == MR_CLOSED) return MILLRACE_PEER_CLOSED;
    if (mr_held(ring->segment, !ring->side)) return MILLRACE_PEER_ATTACHED;
    /* it may have closed between the two looks */
    if (atomic_load(word) == state) break;
  }
  return MILLRACE_PEER_DEAD;
}

static uint32_t mr_peer_sessions(const millrace *ring) { return mr_plain(ring, mr_peer_state_at(ring) + MR_TO_SESSIONS); }

static millrace_peer_state mr_peer(const millrace *ring) {
  millrace_peer_state state = mr_ask_peer(ring);
  /* a receiver that was dead when this sender came is no loss of this sender's; it waits for the next one */
  if (state == MILLRACE_PEER_DEAD && ring->side == MR_SENDER && ring->peer_before == MILLRACE_PEER_DEAD &&
      mr_peer_sessions(ring) == ring->peer_sessions_before) {
    return MILLRACE_PEER_NONE;
  }
  return state;
}

/* Whether the other side says that it has closed. */
static millrace_result mr_peer_closed(millrace *ring, bool *closed) {
  /* pairs with the store in the other side's close, which comes after its last store of the index */
  uint32_t state = atomic_load(mr_at(ring, mr_peer_state_at(ring)));
  if (state > MR_CLOSED) return mr_corrupt(ring, "the other side's state word", state, "0, 1 or 2");
  *closed = state == MR_CLOSED;
  return MILLRACE_OK;
}

/* Whether it is time to ask the kernel. */
static bool mr_ask_now(millrace *ring) {
  if (!ring->ask_kernel && ++ring->failed_tries < MR_TRIES_PER_LOOK) return false;
  ring->ask_kernel = false;
  ring->failed_tries = 0;
  return true;
}

/* Attaching and leaving ------------------------------------------------------------------------------------------------------- */

/* Puts a new ring in the place of one to which the other side is attached, and tells it. */
static millrace_result mr_supersede(const millrace *ring) {
  char replacement[PATH_MAX];
  int other = !ring->side;
  millrace_result result = mr_build(ring, replacement);
  if (result != MILLRACE_OK) return result;
  int bell = mr_open_bell(ring, other, O_RDWR);
  if (bell < 0) result = mr_system("open the bell of", ring->path);
  if (result == MILLRACE_OK) {
    /* pairs with the other side's look at the segment state, which the bell makes it take */
    atomic_store(mr_at(ring, MR_SEGMENT_STATE_AT), MR_SUPERSEDED);
    if (syscall(SYS_renameat2, AT_FDCWD, replacement, AT_FDCWD, ring->path, RENAME_EXCHANGE) != 0) {
      result = mr_system("replace", ring->path);
      atomic_store(mr_at(ring, MR_SEGMENT_STATE_AT), MR_LIVE);
    } else {
      mr_ring_bell(bell);
      /* pairs with a sleep in futex(2): the word is not cleared, so its owner only looks around */
      syscall(SYS_futex, mr_at(ring, mr_peer_waiter(ring)), FUTEX_WAKE, 1, NULL, NULL, 0);
    }
  }
  if (bell >= 0) close(bell);
  mr_remove_tree(replacement);
  return result;
}

/* Under the setup lock: WOULD_BLOCK when the name has to be looked up again, since the ring was replaced or removed. */
static millrace_result mr_fits(const millrace *ring) {
  if (mr_held(ring->segment, (int)ring->side)) return MILLRACE_OK; /* busy, which the caller finds */
  int other = !ring->side;
  bool peer_held = mr_held(ring->segment, other);
  if (!peer_held && atomic_load(mr_at(ring, MR_STATE_AT + 128 * MR_RECEIVER)) == MR_CLOSED) {
    /* the last receiver left and nobody is there: that session is over */
    mr_remove_object(ring);
    return MILLRACE_WOULD_BLOCK;
  }
  if (ring->options.capacity <= ring->capacity) return MILLRACE_OK;
  bool empty = atomic_load(mr_at(ring, MR_HEAD_AT)) == atomic_load(mr_at(ring, MR_TAIL_AT));
  bool never = atomic_load(mr_at(ring, mr_peer_state_at(ring))) == MR_NEVER;
  if (!empty || (ring->side == MR_RECEIVER && (peer_held || !never))) {
    return mr_fail(MILLRACE_EXISTS,
                   "Cannot open ring \"%s\" with a capacity of %zu bytes: it exists with %u and is in use. Open it without a "
                   "capacity, or let the sender ask for the larger one",
                   ring->name, ring->options.capacity, (unsigned)ring->capacity);
  }
  if (peer_held) {
    millrace_result result = mr_supersede(ring);
    return result == MILLRACE_OK ? MILLRACE_WOULD_BLOCK : result;
  }
  mr_remove_object(ring);
  return MILLRACE_WOULD_BLOCK;
}

/* True while the name still leads to the open segment. */
static bool mr_is_there(const millrace *ring) {
  char file[PATH_MAX];
  struct stat named, opened;
  return mr_join(file, ring->path, "segment") && lstat(file, &named) == 0 && fstat(ring->segment, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* Under the setup lock, with the role and the bells: takes the end. */
static millrace_result mr_enter(millrace *ring) {
  /* pair with the stores of the ends before this one */
  uint32_t head = atomic_load(mr_at(ring, MR_HEAD_AT));
  uint32_t tail = atomic_load(mr_at(ring, MR_TAIL_AT));
  millrace_result result = mr_check_span(ring, head, tail);
  if (result != MILLRACE_OK) return result;
  ring->head = head;
  ring->tail = tail;
  ring->settled = ring->side == MR_SENDER ? head : tail;
  ring->new_messages = ring->new_bytes = 0;
  ring->stalled = ring->ask_kernel = false;
  ring->failed_tries = 0;
  ring->spin = MR_LEAST_SPIN;
  ring->chain = MR_CHAIN_NONE;
  ring->parts_length = 0;
  ring->peer_sessions_before = mr_peer_sessions(ring);
  ring->peer_before = mr_ask_peer(ring);
  int state = mr_own_state(ring);
  uint32_t sessions = mr_plain(ring, state + MR_TO_SESSIONS);
  ring->resumed = sessions > 0;
  /* the process before this one may have died asleep; pairs with the exchange in mr_wake() */
  atomic_store(mr_at(ring, mr_own_waiter(ring)), 0);
  mr_set_plain(ring, state + MR_TO_PID, (uint32_t)getpid());
  mr_set_plain(ring, state + MR_TO_SESSIONS, sessions + 1);
  /* pairs with the loads in mr_ask_peer() and mr_peer_closed() of the other side */
  atomic_store(mr_at(ring, state), MR_ATTACHED);
  return MILLRACE_OK;
}

/* With the segment open: takes the end; WOULD_BLOCK when the name has to be looked up again. The caller lets go of what failed. */
static millrace_result mr_attach_opened(millrace *ring) {
  if (mr_lock(ring->segment, F_OFD_SETLKW, F_WRLCK, MR_SETUP_BYTE) != 0) return mr_system("lock", ring->path);
  millrace_result result = mr_map(ring);
  if (result != MILLRACE_OK) return result;
  if (!mr_is_there(ring)) return MILLRACE_WOULD_BLOCK;
  if (atomic_load(mr_at(ring, MR_SEGMENT_STATE_AT)) != MR_LIVE) {
    mr_remove_object(ring);
    return MILLRACE_WOULD_BLOCK;
  }
  result = mr_fits(ring);
  if (result != MILLRACE_OK) return result;
  if (mr_lock(ring->segment, F_OFD_SETLK, F_WRLCK, (int)ring->side) != 0) {
    if (errno != EAGAIN && errno != EACCES) return mr_system("lock", ring->path);
    return mr_fail(MILLRACE_BUSY, "Cannot open ring \"%s\" as %s: process %u already holds that end. Close it there, or use another name",
                   ring->name, mr_side_names[ring->side], (unsigned)mr_plain(ring, mr_own_state(ring) + MR_TO_PID));
  }
  ring->bell = mr_open_bell(ring, (int)ring->side, O_RDONLY);
  /* for reading too, so that it opens without a reader there, and so that writing never raises SIGPIPE */
  ring->peer_bell = mr_open_bell(ring, !ring->side, O_RDWR);
  if (ring->bell < 0 || ring->peer_bell < 0) return mr_system("open a bell of", ring->path);
  result = mr_enter(ring);
  if (result != MILLRACE_OK) return result;
  if (mr_lock(ring->segment, F_OFD_SETLK, F_UNLCK, MR_SETUP_BYTE) != 0) return mr_system("unlock", ring->path);
  return MILLRACE_OK;
}

static millrace_result mr_attach(millrace *ring) {
  for (int unfinished = 0;;) {
    millrace_result result;
    ring->segment = mr_open_file(ring->path, "segment", O_RDWR);
    if (ring->segment >= 0) {
      result = mr_attach_opened(ring);
      if (result == MILLRACE_OK) return result;
      int error = errno;
      mr_let_go(ring);
      errno = error;
      if (result != MILLRACE_WOULD_BLOCK) return result;
      continue;
    }
    if (errno == ENOTDIR || errno == ELOOP || errno == EISDIR) return mr_foreign(ring);
    if (errno != ENOENT) return mr_system("open", ring->path);
    struct stat status;
    if (lstat(ring->path, &status) == 0) {
      /* a folder without a segment: another process may have made the ring since the look, but not again and again */
      if (!S_ISDIR(status.st_mode) || ++unfinished > 1000) return mr_foreign(ring);
      continue;
    }
    result = mr_create(ring);
    if (result != MILLRACE_OK) return result;
  }
}

/* Whether nobody will miss the ring when this end leaves. */
static bool mr_finished(const millrace *ring, millrace_peer_state peer) {
  if (ring->side == MR_RECEIVER) return true;
  /* a sender leaves what its receiver has not had, and its end, unless the receiver has quit or has had everything */
  return peer == MILLRACE_PEER_CLOSED ||
         (peer == MILLRACE_PEER_DEAD && atomic_load(mr_at(ring, MR_HEAD_AT)) == atomic_load(mr_at(ring, MR_TAIL_AT)));
}

static millrace_result mr_detach(millrace *ring) {
  ring->claiming = false;
  millrace_result result = mr_flush(ring);
  /* after the last store of the index, so that who sees this sees all of it; pairs with mr_peer_closed() of the other side */
  atomic_store(mr_at(ring, mr_own_state(ring)), MR_CLOSED);
  /* after that store; pairs with the store of the waiter word, which comes before the other side's look at the state */
  if (atomic_load(mr_at(ring, mr_peer_waiter(ring))) != 0) {
    millrace_result woken = mr_wake(ring);
    if (result == MILLRACE_OK) result = woken;
  }
  mr_lock(ring->segment, F_OFD_SETLKW, F_WRLCK, MR_SETUP_BYTE);
  millrace_peer_state peer = mr_peer(ring);
  if (atomic_load(mr_at(ring, MR_SEGMENT_STATE_AT)) == MR_LIVE && peer != MILLRACE_PEER_ATTACHED && mr_finished(ring, peer)) {
    mr_remove_object(ring);
  }
  if (peer == MILLRACE_PEER_ATTACHED) mr_ring_bell(ring->peer_bell);
  mr_let_go(ring);
  return result;
}

/* Checks a name, and gives the path of its ring. */
static millrace_result mr_locate(const char *name, char short_name[208], char path[PATH_MAX]) {
  if (name != NULL && strncmp(name, "ring:", 5) == 0) name += 5;
  size_t length = name == NULL ? 0 : strlen(name);
  const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  if (length == 0 || length > 200 || strspn(name, letters) != length || name[0] == '.' || name[0] == '-') {
    return mr_fail(MILLRACE_INVALID,
                   "The name of a ring is 1 to 200 of the characters A-Z a-z 0-9 . _ - and begins with a letter, a digit or _");
  }
  char directory[PATH_MAX], file[PATH_MAX];
  millrace_result result = mr_directory(directory);
  if (result != MILLRACE_OK) return result;
  snprintf(short_name, 208, "%s", name);
  snprintf(file, sizeof file, "%s.ring", name);
  return mr_join(path, directory, file) ? MILLRACE_OK : mr_system("open", directory);
}

static millrace_result mr_open(millrace **out, enum mr_side side, const char *name, const millrace_options *options) {
  if (out == NULL) return mr_fail(MILLRACE_INVALID, "There is no place for the handle");
  *out = NULL;
  millrace *ring = calloc(1, sizeof *ring);
  if (ring == NULL) return mr_fail(MILLRACE_LIMIT, "There is no memory for the handle");
  ring->side = side;
  ring->segment = ring->bell = ring->peer_bell = -1;
  if (options != NULL) ring->options = *options;
  if (ring->options.mode == 0) ring->options.mode = 0600;
  if (ring->options.sleep == 0) ring->options.sleep = MILLRACE_SLEEP_BELL;
  if (ring->options.max_message_bytes == 0) ring->options.max_message_bytes = MR_DEFAULT_MAX_MESSAGE;
  millrace_result result = mr_locate(name, ring->name, ring->path);
  if (result == MILLRACE_OK && ring->options.capacity > MR_MAX_CAPACITY) {
    result = mr_fail(MILLRACE_INVALID, "The capacity is %zu bytes, at most %d would be right", ring->options.capacity, MR_MAX_CAPACITY);
  }
  if (result == MILLRACE_OK && ring->options.capacity != 0) {
    size_t capacity = (size_t)sysconf(_SC_PAGESIZE);
    while (capacity < ring->options.capacity) capacity *= 2;
    ring->options.capacity = capacity;
  }
  if (result == MILLRACE_OK) result = mr_attach(ring);
  if (result == MILLRACE_OK && ring->options.batch_bytes > ring->capacity / 2) ring->options.batch_bytes = ring->capacity / 2;
  if (result == MILLRACE_OK) *out = ring;
  else free(ring);
  return result;
}

millrace_result millrace_open_sender(millrace **ring, const char *name, const millrace_options *options) {
  return mr_open(ring, MR_SENDER, name, options);
}

millrace_result millrace_open_receiver(millrace **ring, const char *name, const millrace_options *options) {
  return mr_open(ring, MR_RECEIVER, name, options);
}

millrace_result millrace_close(millrace **handle) {
  if (handle == NULL || *handle == NULL) return MILLRACE_OK;
  millrace *ring = *handle;
  *handle = NULL;
  millrace_result result = ring->base == NULL ? MILLRACE_OK : mr_detach(ring);
  free(ring->parts);
  free(ring);
  return result;
}

millrace_result millrace_remove(const char *name) {
  millrace ring = {.segment = -1, .bell = -1, .peer_bell = -1};
  millrace_result result = mr_locate(name, ring.name, ring.path);
  if (result != MILLRACE_OK) return result;
  ring.segment = mr_open_file(ring.path, "segment", O_RDWR);
  if (ring.segment < 0) return mr_system("open", ring.path);
  if (mr_lock(ring.segment, F_OFD_SETLKW, F_WRLCK, MR_SETUP_BYTE) != 0) result = mr_system("lock", ring.path);
  if (result == MILLRACE_OK && !mr_is_there(&ring)) result = mr_fail(MILLRACE_NOT_FOUND, "Ring \"%s\" is gone", ring.name);
  for (int side = 0; result == MILLRACE_OK && side < 2; side++) {
    if (!mr_held(ring.segment, side)) continue;
    result = mr_fail(MILLRACE_BUSY, "Cannot remove ring \"%s\": a live process holds its %s end. Close it there first", ring.name,
                     mr_side_names[side]);
  }
  if (result == MILLRACE_OK) result = mr_map(&ring);
  if (result == MILLRACE_OK) mr_remove_object(&ring);
  mr_let_go(&ring);
  return result;
}

/* Waiting --------------------------------------------------------------------------------------------------------------------- */

static int64_t mr_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a wait is over: milliseconds of the monotonic clock, or -1 for never. */
static int64_t mr_deadline(int timeout) { return timeout < 0 ? -1 : mr_now() + timeout; }

/* Milliseconds to go, one more than none at least while there is time; -1 for no limit. */
static int mr_remaining(int64_t deadline) {
  if (deadline < 0) return -1;
  int64_t left = deadline - mr_now();
  return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void mr_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* The index of the other side at which there is nothing to do: the tail that was too small, or the head when all is read. */
static uint32_t mr_idle_index(const millrace *ring) { return ring->tail; }

/* Whether there was nothing to do at the last try, so that a wait makes sense. */
static bool mr_idle(const millrace *ring) { return ring->side == MR_SENDER ? ring->stalled : !ring->looking; }

/* Looks for a while whether there is something to do, and learns from it. */
static bool mr_spin(millrace *ring) {
  for (unsigned look = 0; look < ring->spin; look++) {
    /* a hint only: whoever acts on it loads the index again */
    if (mr_plain(ring, mr_peer_index(ring)) != mr_idle_index(ring)) {
      if (ring->spin < MR_MOST_SPIN) ring->spin *= 2;
      return true;
    }
    mr_relax();
  }
  if (ring->spin > MR_LEAST_SPIN) ring->spin /= 2;
  return false;
}

/* Says that this end will sleep; false when there is something to do after all. */
static bool mr_prepare(millrace *ring, millrace_sleep mode) {
  if (mr_flush(ring) != MILLRACE_OK || !mr_idle(ring)) return false;
  mr_word *waiter = mr_at(ring, mr_own_waiter(ring));
  /* pairs with the loads in mr_flush() and mr_detach() of the other side: it sees this word, or the looks below see its store */
  atomic_store(waiter, (uint32_t)mode);
  /* after that store; pair with the stores in mr_flush(), mr_detach() and mr_supersede() of the other side */
  if (atomic_load(mr_at(ring, mr_peer_index(ring))) == mr_idle_index(ring) &&
      atomic_load(mr_at(ring, mr_peer_state_at(ring))) != MR_CLOSED &&
      atomic_load(mr_at(ring, MR_SEGMENT_STATE_AT)) != MR_SUPERSEDED &&
      /* last, so that a side that dies from here on hangs up the bell */
      mr_peer(ring) != MILLRACE_PEER_DEAD) {
    return true;
  }
  /* pairs with the exchange in mr_wake() of the other side, which may just have taken it: its wake finds this end awake */
  atomic_store(waiter, 0);
  ring->ask_kernel = true;
  return false;
}

/* Awake again, for whatever reason. */
static void mr_awake(millrace *ring) {
  /* pairs with the exchange in mr_wake() of the other side: if that came first, a byte may still come into the bell */
  atomic_exchange(mr_at(ring, mr_own_waiter(ring)), 0);
  ring->ask_kernel = true;
  if (ring->options.sleep != MILLRACE_SLEEP_BELL) return;
  char scrap[64];
  ssize_t count;
  do count = read(ring->bell, scrap, sizeof scrap);
  while (count == (ssize_t)sizeof scrap || (count < 0 && errno == EINTR));
  if (count != 0 || mr_peer(ring) != MILLRACE_PEER_NONE) return;
  /* a process opened the bell and went without ever attaching: it has hung up for good, until it is opened anew */
  int bell = mr_open_bell(ring, (int)ring->side, O_RDONLY);
  if (bell < 0) return;
  close(ring->bell);
  ring->bell = bell;
}

/* Whether there is something to do after all, for a sender that has slept for a while: a receiver that gave room back in the moment in which it
   fell asleep may have missed it. All that the receiver does later finds it asleep, so one look is enough. */
static bool mr_look_again(millrace *ring) {
  /* pairs with the store of a receiver that stores without a fence */
  return ring->side == MR_SENDER && atomic_load(mr_at(ring, mr_peer_index(ring))) != mr_idle_index(ring);
}

/* Sleeps until it is woken; false when the time is over. */
static bool mr_sleep(millrace *ring, int64_t deadline) {
  if (ring->options.sleep == MILLRACE_SLEEP_BELL) {
    struct pollfd bell = {.fd = ring->bell, .events = POLLIN};
    bool looked = ring->side != MR_SENDER;
    for (;;) {
      int left = mr_remaining(deadline);
      int ready = poll(&bell, 1, looked || (left >= 0 && left < MR_FIRST_SLICE) ? left : MR_FIRST_SLICE);
      if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
      if (ready == 0 && !looked && mr_look_again(ring)) return true;
      if (ready == 0) looked = true;
      if (ready == 0 && mr_remaining(deadline) == 0) return false;
    }
  }
  mr_word *waiter = mr_at(ring, mr_own_waiter(ring));
  /* pairs with the exchange in mr_wake() of the other side */
  while (atomic_load(waiter) == MILLRACE_SLEEP_FUTEX) {
    int left = mr_remaining(deadline);
    if (left == 0) return false;
    int slice = left < 0 || left > MR_FUTEX_SLICE ? MR_FUTEX_SLICE : left;
    struct timespec limit = {.tv_sec = 0, .tv_nsec = slice * 1000000L};
    if (syscall(SYS_futex, waiter, FUTEX_WAIT, MILLRACE_SLEEP_FUTEX, &limit, NULL, 0) == 0) return true;
    if (errno != ETIMEDOUT) continue;
    if (mr_look_again(ring)) return true;
    /* nobody wakes who sleeps here when the other side dies */
    if (atomic_load(mr_at(ring, MR_SEGMENT_STATE_AT)) != MR_LIVE || mr_peer(ring) == MILLRACE_PEER_DEAD) return true;
  }
  return true;
}

static millrace_result mr_park(millrace *ring, int64_t deadline) {
  if (mr_remaining(deadline) == 0) return mr_fail(MILLRACE_TIMEOUT, "Ring \"%s\": the time is over", ring->name);
  millrace_result result = mr_flush(ring);
  if (result != MILLRACE_OK) return result;
  if (!mr_idle(ring) || mr_spin(ring)) return MILLRACE_OK;
  if (!mr_prepare(ring, ring->options.sleep)) return ring->failed;
  bool woken = mr_sleep(ring, deadline);
  mr_awake(ring);
  return woken ? MILLRACE_OK : mr_fail(MILLRACE_TIMEOUT, "Ring \"%s\": the time is over", ring->name);
}

millrace_result millrace_wait(millrace *ring, int timeout) {
  millrace_result result = mr_usable(ring, ring == NULL ? MR_SENDER : ring->side, "millrace_wait()");
  return result == MILLRACE_OK ? mr_park(ring, mr_deadline(timeout)) : result;
}

bool millrace_arm(millrace *ring) {
  return ring->failed == MILLRACE_OK && !(ring->side == MR_RECEIVER && ring->ended) && mr_prepare(ring, MILLRACE_SLEEP_BELL);
}

void millrace_disarm(millrace *ring) {
  if (ring->base != NULL) mr_awake(ring);
}

int millrace_bell(const millrace *ring) { return ring->bell; }

millrace_result millrace_flush(millrace *ring) {
  millrace_result result = mr_usable(ring, ring == NULL ? MR_SENDER : ring->side, "millrace_flush()");
  return result == MILLRACE_OK ? mr_flush(ring) : result;
}

millrace_peer_state millrace_peer(millrace *ring, uint32_t *pid) {
  if (pid != NULL) *pid = ring->base == NULL ? 0 : mr_plain(ring, mr_peer_state_at(ring) + MR_TO_PID);
  return ring->base == NULL ? MILLRACE_PEER_NONE : mr_peer(ring);
}

size_t millrace_capacity(const millrace *ring) { return ring->capacity; }

/* Sending --------------------------------------------------------------------------------------------------------------------- */

size_t millrace_largest_claim(const millrace *ring) { return ring->largest; }

static uint32_t mr_record_size(size_t length) { return (uint32_t)((length + MR_RECORD_HEADER + 15) & ~(size_t)15); }

static unsigned char *mr_record(const millrace *ring, uint32_t index) {
  return ring->base + ring->header_bytes + (index & (ring->capacity - 1));
}

/* Makes sure of the room for `size` bytes of records. */
static millrace_result mr_make_room(millrace *ring, uint32_t size) {
  if (ring->head - ring->tail + size <= ring->capacity) return MILLRACE_OK;
  /* pairs with the store in mr_flush() of the receiver: it has done with what lies before */
  uint32_t tail = atomic_load(mr_at(ring, MR_TAIL_AT));
  millrace_result result = mr_check_span(ring, ring->head, tail);
  if (result != MILLRACE_OK) return result;
  ring->tail = tail;
  if (ring->head - tail + size <= ring->capacity) {
    ring->stalled = false;
    ring->failed_tries = 0;
    return MILLRACE_OK;
  }
  if (!ring->stalled) mr_count_one(ring, MR_TO_STALLS);
  ring->stalled = true;
  /* what the receiver cannot see it will never release */
  result = mr_flush(ring);
  if (result != MILLRACE_OK) return result;
  if (mr_ask_now(ring) && mr_peer(ring) == MILLRACE_PEER_DEAD) {
    return mr_fail(MILLRACE_PEER_GONE,
                   "Cannot send to ring \"%s\": its receiver, process %u, died without closing, and the ring is full. What was sent is "
                   "kept for the next receiver",
                   ring->name, (unsigned)mr_plain(ring, mr_peer_state_at(ring) + MR_TO_PID));
  }
  return MILLRACE_WOULD_BLOCK;
}

/* Writes length and flags of the record whose payload stands behind the head, and moves the head on. */
static void mr_append(millrace *ring, uint32_t length, uint32_t flags) {
  mr_word *record = (mr_word *)(void *)mr_record(ring, ring->head);
  /* relaxed: the store of the head in mr_flush() makes them visible */
  atomic_store_explicit(record, length, memory_order_relaxed);
  atomic_store_explicit(record + 1, flags, memory_order_relaxed);
  ring->head += mr_record_size(length);
  ring->new_bytes += length;
  if ((flags & MR_MORE) == 0) ring->new_messages++;
}

/* Whether sending makes sense. */
static millrace_result mr_check_send(millrace *ring, size_t length, const char *call) {
  millrace_result result = mr_usable(ring, MR_SENDER, call);
  if (result != MILLRACE_OK) return result;
  if (ring->claiming) return mr_fail(MILLRACE_INVALID, "%s: a claim is open, commit or abort comes first", call);
  if (length > ring->options.max_message_bytes) {
    return mr_fail(MILLRACE_TOO_LARGE, "Cannot send %zu bytes to ring \"%s\": max_message_bytes is %zu", length, ring->name,
                   ring->options.max_message_bytes);
  }
  bool closed;
  result = mr_peer_closed(ring, &closed);
  if (result == MILLRACE_OK && closed) {
    return mr_fail(MILLRACE_CLOSED, "Cannot send to ring \"%s\": its receiver has closed", ring->name);
  }
  return result;
}

/* Writes the message from byte `*sent` on, as far as there is room. */
static millrace_result mr_send_parts(millrace *ring, const unsigned char *data, size_t length, size_t *sent) {
  /* quarters, so that the receiver empties one while the next is written */
  size_t largest = length <= ring->largest ? length : ring->capacity / 4 - MR_RECORD_HEADER;
  for (;;) {
    size_t rest = length - *sent;
    size_t piece = rest < largest ? rest : largest;
    millrace_result result = mr_make_room(ring, mr_record_size(piece));
    if (result != MILLRACE_OK) return result;
    if (piece > 0) memcpy(mr_record(ring, ring->head) + MR_RECORD_HEADER, data + *sent, piece);
    mr_append(ring, (uint32_t)piece, (*sent > 0 ? MR_CONTINUED : 0u) | (piece < rest ? MR_MORE : 0u));
    *sent += piece;
    result = mr_moved(ring, ring->head);
    if (result != MILLRACE_OK || piece == rest) return result;
  }
}

millrace_result millrace_try_send(millrace *ring, const void *data, size_t length) {
  millrace_result result = mr_check_send(ring, length, "millrace_try_send()");
  if (result != MILLRACE_OK) return result;
  size_t sent = 0;
  if (length > ring->largest) {
    /* room for all parts, or none is sent */
    size_t payload = ring->capacity / 4 - MR_RECORD_HEADER;
    size_t full = (length - 1) / payload;
    size_t size = full * (payload + MR_RECORD_HEADER) + mr_record_size(length - full * payload);
    if (size > ring->capacity) {
      return mr_fail(MILLRACE_TOO_LARGE, "Cannot send %zu bytes at once to ring \"%s\" with a capacity of %u: use millrace_send()", length,
                     ring->name, (unsigned)ring->capacity);
    }
    result = mr_make_room(ring, (uint32_t)size);
    if (result != MILLRACE_OK) return result;
  }
  return mr_send_parts(ring, data, length, &sent);
}

millrace_result millrace_send(millrace *ring, const void *data, size_t length, int timeout) {
  millrace_result result = mr_check_send(ring, length, "millrace_send()");
  if (result != MILLRACE_OK) return result;
  size_t sent = 0;
  int64_t deadline = -2;
  while ((result = mr_send_parts(ring, data, length, &sent)) == MILLRACE_WOULD_BLOCK) {
    if (deadline == -2) deadline = mr_deadline(timeout);
    /* parts that are out when this fails are dropped by the receiver, when it sees the next message begin */
    result = mr_park(ring, deadline);
    if (result == MILLRACE_OK) result = mr_check_send(ring, length, "millrace_send()");
    if (result != MILLRACE_OK) return result;
  }
  return result;
}

millrace_result millrace_claim(millrace *ring, size_t length, void **data) {
  millrace_result result = mr_check_send(ring, length, "millrace_claim()");
  if (result != MILLRACE_OK) return result;
  if (length > ring->largest) {
    return mr_fail(MILLRACE_TOO_LARGE, "Cannot claim %zu bytes in ring \"%s\": at most %u fit in one record", length, ring->name,
                   (unsigned)ring->largest);
  }
  result = mr_make_room(ring, mr_record_size(length));
  if (result != MILLRACE_OK) return result;
  ring->claiming = true;
  ring->claimed = (uint32_t)length;
  *data = mr_record(ring, ring->head) + MR_RECORD_HEADER;
  return MILLRACE_OK;
}

millrace_result millrace_commit(millrace *ring, size_t length) {
  millrace_result result = mr_usable(ring, MR_SENDER, "millrace_commit()");
  if (result != MILLRACE_OK) return result;
  if (!ring->claiming || length > ring->claimed) {
    return mr_fail(MILLRACE_INVALID, "Cannot commit %zu bytes to ring \"%s\": %u are claimed", length, ring->name,
                   ring->claiming ? (unsigned)ring->claimed : 0);
  }
  ring->claiming = false;
  mr_append(ring, (uint32_t)length, 0);
  return mr_moved(ring, ring->head);
}

void millrace_abort(millrace *ring) { ring->claiming = false; }

/* Receiving ------------------------------------------------------------------------------------------------------------------- */

/* Looks at the sender's index again. */
static millrace_result mr_refill(millrace *ring) {
  /* pairs with the store in mr_flush() of the sender: the records before it are complete */
  uint32_t head = atomic_load(mr_at(ring, MR_HEAD_AT));
  millrace_result result = mr_check_span(ring, head, ring->tail);
  if (result != MILLRACE_OK) return result;
  ring->head = head;
  if (head == ring->tail && !ring->stalled) mr_count_one(ring, MR_TO_STALLS);
  ring->stalled = head == ring->tail;
  return MILLRACE_OK;
}

/* Passes a record, and gives space back if it is time. */
static millrace_result mr_pass(millrace *ring, uint32_t size) {
  ring->tail += size;
  return ring->tail == ring->head ? mr_flush(ring) : mr_moved(ring, ring->tail);
}

static void mr_drop_parts(millrace *ring) {
  ring->parts_length = 0;
  free(ring->parts);
  ring->parts = NULL;
  ring->parts_room = 0;
}

/* Keeps a part of a message. The memory grows with the bytes that have really come. */
static bool mr_keep(millrace *ring, const unsigned char *payload, uint32_t length) {
  size_t needed = ring->parts_length + length;
  if (needed > ring->parts_room) {
    size_t room = ring->parts_room * 2 > needed ? ring->parts_room * 2 : needed;
    unsigned char *grown = realloc(ring->parts, room);
    if (grown == NULL) return false;
    ring->parts = grown;
    ring->parts_room = room;
  }
  if (length > 0) memcpy(ring->parts + ring->parts_length, payload, length);
  ring->parts_length = needed;
  return true;
}

/* Takes the records that are known up to the end of a message. WOULD_BLOCK when no whole one is there. */
static millrace_result mr_look(millrace *ring) {
  uint32_t known = ring->head;
  for (bool renewed = false;;) {
    if (ring->tail == known) {
      /* all that is published by now, but no more, so that no sender can keep this loop going */
      if (renewed) return MILLRACE_WOULD_BLOCK;
      millrace_result result = mr_refill(ring);
      if (result != MILLRACE_OK) return result;
      known = ring->head;
      renewed = true;
      continue;
    }
    unsigned char *record = mr_record(ring, ring->tail);
    /* each is read once: the sender could change it between a check and a use */
    uint32_t length = atomic_load_explicit((mr_word *)(void *)record, memory_order_relaxed);
    uint32_t flags = atomic_load_explicit((mr_word *)(void *)record + 1, memory_order_relaxed);
    if (length > ring->largest || mr_record_size(length) > known - ring->tail) {
      return mr_corrupt(ring, "the length word of a record", length, "what fits before the head, and into half the ring,");
    }
    if (flags > (MR_MORE | MR_CONTINUED)) return mr_corrupt(ring, "the flags word of a record", flags, "0 to 3");
    uint32_t size = mr_record_size(length);
    millrace_result result = MILLRACE_OK;
    if ((flags & MR_CONTINUED) == 0) {
      /* whoever began the open message died or gave it up */
      if (ring->chain != MR_CHAIN_NONE) mr_drop_parts(ring);
      ring->chain = MR_CHAIN_NONE;
    } else if (ring->chain == MR_CHAIN_NONE) {
      if (!ring->resumed) return mr_corrupt(ring, "the flags word of a record", flags, "0 or 1, since no message is open,");
      /* the receiver before this one had taken the beginning */
      ring->chain = MR_CHAIN_DROPPED;
    }
    ring->resumed = false;
    bool more = (flags & MR_MORE) != 0;
    if (ring->chain == MR_CHAIN_DROPPED) {
      if (!more) ring->chain = MR_CHAIN_NONE;
      result = mr_pass(ring, size);
      if (result != MILLRACE_OK) return result;
      continue;
    }
    if (ring->parts_length + length > ring->options.max_message_bytes) {
      size_t seen = ring->parts_length + length;
      mr_drop_parts(ring);
      ring->chain = more ? MR_CHAIN_DROPPED : MR_CHAIN_NONE;
      result = mr_pass(ring, size);
      if (result != MILLRACE_OK) return result;
      return mr_fail(MILLRACE_TOO_LARGE, "Cannot receive a message of %zu bytes%s from ring \"%s\": max_message_bytes is %zu", seen,
                     more ? " or more" : "", ring->name, ring->options.max_message_bytes);
    }
    if (flags == 0) {
      ring->looking = true;
      ring->size = size;
      ring->shown = record + MR_RECORD_HEADER;
      ring->shown_length = length;
      return MILLRACE_OK;
    }
    if (!mr_keep(ring, record + MR_RECORD_HEADER, length)) {
      return mr_fail(MILLRACE_LIMIT, "There is no memory for a message of ring \"%s\"", ring->name);
    }
    ring->new_bytes += length;
    if (more) {
      ring->chain = MR_CHAIN_OPEN;
    } else {
      ring->chain = MR_CHAIN_NONE;
      ring->new_messages++;
      ring->looking = true;
      ring->size = 0;
      ring->shown = ring->parts;
      ring->shown_length = ring->parts_length;
    }
    result = mr_pass(ring, size);
    if (result != MILLRACE_OK || !more) return result;
  }
}

/* Called when the sender has left and everything is read. */
static millrace_result mr_end(millrace *ring) {
  millrace_peer_state peer = mr_peer(ring);
  /* a successor has come meanwhile: it goes on */
  if (peer == MILLRACE_PEER_ATTACHED) return MILLRACE_WOULD_BLOCK;
  ring->ended = true;
  if (peer != MILLRACE_PEER_DEAD) return MILLRACE_END;
  bool open = ring->chain != MR_CHAIN_NONE;
  ring->chain = MR_CHAIN_NONE;
  mr_drop_parts(ring);
  return mr_fail(MILLRACE_PEER_GONE, "The sender of ring \"%s\", process %u, died without closing%s. All that it had sent was received",
                 ring->name, (unsigned)mr_plain(ring, mr_peer_state_at(ring) + MR_TO_PID), open ? ", in the middle of a message" : "");
}

/* Nothing is there: OK when nothing more can come, except for what was published before this look. */
static millrace_result mr_may_have_ended(millrace *ring) {
  bool closed;
  millrace_result result = mr_peer_closed(ring, &closed);
  if (result != MILLRACE_OK || closed) return result;
  if (!mr_ask_now(ring)) return MILLRACE_WOULD_BLOCK;
  /* pairs with the store in mr_supersede() of the sender */
  if (atomic_load(mr_at(ring, MR_SEGMENT_STATE_AT)) == MR_SUPERSEDED) {
    mr_detach(ring);
    result = mr_attach(ring);
    if (result != MILLRACE_OK) ring->failed = result;
    return result == MILLRACE_OK ? MILLRACE_WOULD_BLOCK : result;
  }
  millrace_peer_state peer = mr_peer(ring);
  return peer == MILLRACE_PEER_DEAD || peer == MILLRACE_PEER_CLOSED ? MILLRACE_OK : MILLRACE_WOULD_BLOCK;
}

/* Finds the next message. */
static millrace_result mr_find(millrace *ring) {
  if (ring->ended) return MILLRACE_END;
  if (ring->looking) return MILLRACE_OK;
  millrace_result result = mr_look(ring);
  if (result == MILLRACE_OK) ring->failed_tries = 0;
  if (result != MILLRACE_WOULD_BLOCK) return result;
  result = mr_may_have_ended(ring);
  if (result != MILLRACE_OK) return result;
  /* the state came first: after that the head does not move any more */
  result = mr_look(ring);
  if (result != MILLRACE_WOULD_BLOCK) return result;
  return ring->tail == ring->head ? mr_end(ring) : result;
}

millrace_result millrace_try_peek(millrace *ring, const void **data, size_t *length) {
  millrace_result result = mr_usable(ring, MR_RECEIVER, "millrace_try_peek()");
  if (result == MILLRACE_OK) result = mr_find(ring);
  if (result != MILLRACE_OK) return result;
  *data = ring->shown;
  *length = ring->shown_length;
  return MILLRACE_OK;
}

millrace_result millrace_peek(millrace *ring, const void **data, size_t *length, int timeout) {
  millrace_result result = millrace_try_peek(ring, data, length);
  if (result != MILLRACE_WOULD_BLOCK) return result;
  int64_t deadline = mr_deadline(timeout);
  do {
    result = mr_park(ring, deadline);
    if (result == MILLRACE_OK) result = millrace_try_peek(ring, data, length);
  } while (result == MILLRACE_WOULD_BLOCK);
  return result;
}

millrace_result millrace_release(millrace *ring) {
  millrace_result result = mr_usable(ring, MR_RECEIVER, "millrace_release()");
  if (result != MILLRACE_OK) return result;
  if (!ring->looking) return mr_fail(MILLRACE_INVALID, "Cannot release: no message of ring \"%s\" is looked at", ring->name);
  ring->looking = false;
  if (ring->size == 0) {
    /* its space was given back part by part */
    mr_drop_parts(ring);
    return MILLRACE_OK;
  }
  ring->new_messages++;
  ring->new_bytes += (uint32_t)ring->shown_length;
  return mr_pass(ring, ring->size);
}

/* Copies the message that is looked at. */
static millrace_result mr_copy(millrace *ring, void *target, size_t room, const void *data, size_t length) {
  if (length > room) {
    return mr_fail(MILLRACE_NO_ROOM, "Cannot receive %zu bytes from ring \"%s\": there is room for %zu", length, ring->name, room);
  }
  /* before the release: from there on the sender may overwrite them */
  if (length > 0) memcpy(target, data, length);
  return millrace_release(ring);
}

millrace_result millrace_try_receive(millrace *ring, void *target, size_t room, size_t *length) {
  const void *data;
  millrace_result result = millrace_try_peek(ring, &data, length);
  return result == MILLRACE_OK ? mr_copy(ring, target, room, data, *length) : result;
}

millrace_result millrace_receive(millrace *ring, void *target, size_t room, size_t *length, int timeout) {
  const void *data;
  millrace_result result = millrace_peek(ring, &data, length, timeout);
  return result == MILLRACE_OK ? mr_copy(ring, target, room, data, *length) : result;
}

#endif
