"""The ring ``ring:NAME`` for Python: messages through shared memory, to and from programs in JavaScript, C and Python.

Python 3.9 or newer on Linux, and nothing but its standard library. Copy this file beside your program.

    import millrace

    with millrace.Sender("frames") as sender:       with millrace.Receiver("frames") as receiver:
        sender.send(b"hello")                           for message in receiver:
                                                            print(message)

- Either side may come first. One process at a time holds each end; the kernel gives the end back however the process ends.
- What was sent before ``close()`` arrives. A sender that dies leaves what it had sent, whole messages only.
- A handle is for one thread at a time, and for one side of a fork.
- What goes wrong is an ``IpcError`` with a ``code``, the same as in JavaScript.

What it does not do: claim and peek (a message is copied), and putting a larger ring in the place of one that a receiver has open.

docs/ring-layout.md tells how the ring works. Python has no atomic operations; ``_fence`` says what stands in for them.
"""

import errno
import fcntl
import mmap
import os
import platform
import secrets
import select
import stat
import struct
import sys
import threading
import time

__all__ = ["IpcError", "Receiver", "Sender", "remove"]

_MAGIC = 0x43524C4D
_MIN_CAPACITY = 4096
_MAX_CAPACITY = 2**28
_DEFAULT_CAPACITY = 2**20
_DEFAULT_MAX_MESSAGE = 2**28
_RECORD_HEADER = 8

# Indices of words
_HEAD, _TAIL = 128 // 4, 256 // 4
# Milliseconds after which a sender that has fallen asleep looks once more
_FIRST_SLICE = 5
_TO_CARRY, _TO_MESSAGES, _TO_BYTES, _TO_STALLS, _TO_WAKES = 225, 226, 228, 230, 231
_WAITERS = (384 // 4, 512 // 4)
_STATES = (640 // 4, 768 // 4)
_TO_PID, _TO_SESSIONS = 1, 2
_SEGMENT_STATE = 896 // 4

_AWAKE, _FUTEX, _BELL = 0, 1, 2
_NEVER, _ATTACHED, _CLOSED = 0, 1, 2
_LIVE, _REMOVED, _SUPERSEDED = 0, 1, 2
_MORE, _CONTINUED = 1, 2

_SENDER, _RECEIVER = 0, 1
_SIDES = ("sender", "receiver")
_BELLS = ("bell-producer", "bell-consumer")
_SETUP_BYTE = 2

# The numbers of Linux, for Python versions that do not name them
_F_OFD_GETLK = getattr(fcntl, "F_OFD_GETLK", 36)
_F_OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", 37)
_F_OFD_SETLKW = getattr(fcntl, "F_OFD_SETLKW", 38)
_FLOCK = "hhqqi4x"

# Failed tries in a row before the kernel is asked whether the other side lives
_TRIES_PER_LOOK = 64

_NOTHING, _OPEN, _DROPPED = 0, 1, 2

_ERRNO_CODES = {
    errno.EACCES: "IPC_PERMISSION",
    errno.EPERM: "IPC_PERMISSION",
    errno.EROFS: "IPC_PERMISSION",
    errno.EMFILE: "IPC_LIMIT",
    errno.ENFILE: "IPC_LIMIT",
    errno.ENOMEM: "IPC_LIMIT",
    errno.ENOSPC: "IPC_LIMIT",
    errno.EDQUOT: "IPC_LIMIT",
    errno.ENOENT: "IPC_NOT_FOUND",
    errno.ENOTDIR: "IPC_NOT_FOUND",
}


class IpcError(Exception):
    """What went wrong. ``code`` is one of the codes of JavaScript's ``IpcError``, such as ``"IPC_BUSY"``."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


_fence_lock = threading.Lock()


def _fence():
    """Keeps what was stored before from being overtaken by what is loaded behind.

    Python's loads and stores of a word are plain machine instructions. A processor of the x86 family may let a load overtake an earlier
    store and nothing else; taking a lock is a locked instruction, which no load overtakes. Others may do more; there every place that
    needs an order yields the processor, since the kernel's scheduler passes a full barrier.
    """
    if _X86:
        if _fence_lock.acquire(False):
            _fence_lock.release()
    else:
        os.sched_yield()


_X86 = platform.machine() in ("x86_64", "AMD64", "i686", "i386")


def _order():
    """Keeps loads and stores in the order in which they are written; the x86 family does that by itself."""
    if not _X86:
        os.sched_yield()


def _lock(segment, command, kind, byte):
    """A lock on one byte; the kernel drops it when the process is gone."""
    while True:
        try:
            return fcntl.fcntl(segment, command, struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0))
        except InterruptedError:
            continue


def _held(segment, byte):
    """Whether another open file holds the lock: a process that lives."""
    found = _lock(segment, _F_OFD_GETLK, fcntl.F_WRLCK, byte)
    return struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK


def _directory():
    """The folder of this user's rings, made if it is not there, and refused if others could write there."""
    path = os.environ.get("MILLRACE_DIR") or f"/dev/shm/millrace-{os.geteuid()}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise IpcError("IPC_PERMISSION", f"The directory {path} must be a directory of user {os.geteuid()} alone, with mode 0700")
    return path


def _locate(name):
    """Checks a name, and gives it without its scheme, with the path of its ring."""
    short = name[5:] if name.startswith("ring:") else name
    letters = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
    if not 1 <= len(short) <= 200 or not set(short) <= letters or short[0] in ".-":
        raise ValueError(f"{name!r}: a name is 1 to 200 of the characters A-Z a-z 0-9 . _ - and begins with a letter, a digit or _")
    return short, os.path.join(_directory(), f"{short}.ring")


def _temporary(path):
    """A name beside ``path`` to build at and take apart at; the process id in it tells whether its maker lives."""
    return os.path.join(os.path.dirname(path), f".tmp-{os.getpid()}-{secrets.token_hex(6)}")


def _remove_tree(path):
    """Removes a file, or a folder of files; what is gone already is no error."""
    try:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except OSError:
        pass
    try:
        for entry in os.listdir(path):
            os.unlink(os.path.join(path, entry))
        os.rmdir(path)
    except OSError:
        pass


def _sweep(directory):
    """Removes what processes left that died while they made or removed a ring."""
    for entry in os.listdir(directory):
        if not entry.startswith(".tmp-"):
            continue
        digits = entry[5:].split("-")[0]
        if not digits.isdigit() or not 0 < int(digits) < 2**31:
            continue
        try:
            os.kill(int(digits), 0)
        except ProcessLookupError:
            _remove_tree(os.path.join(directory, entry))
        except OSError:
            pass


def _build(path, capacity, mode):
    """Makes a ring under a temporary name, and gives its path."""
    _sweep(os.path.dirname(path))
    temporary = _temporary(path)
    os.mkdir(temporary, 0o700)
    try:
        segment = os.open(os.path.join(temporary, "segment"), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            # all of it now: a full tmpfs is an error here, and not a SIGBUS later
            os.posix_fallocate(segment, 0, mmap.PAGESIZE + capacity)
            os.pwrite(segment, struct.pack("<7I", _MAGIC, 2, mmap.PAGESIZE, capacity, 1, 0, os.getpid()), 0)
        finally:
            os.close(segment)
        for bell in _BELLS:
            os.mkfifo(os.path.join(temporary, bell), mode)
    except BaseException:
        _remove_tree(temporary)
        raise
    return temporary


class _End:
    """What a sender and a receiver have in common: where the ring lies, who is there, sleeping and waking."""

    _side = _SENDER

    def __init__(self, name, capacity=None, mode=0o600, max_message_bytes=_DEFAULT_MAX_MESSAGE):
        if sys.byteorder != "little":
            raise IpcError("IPC_UNSUPPORTED", "The words of a ring are little-endian")
        if capacity is not None and not 1 <= capacity <= _MAX_CAPACITY:
            raise ValueError(f"The capacity is {capacity} bytes, 1 to {_MAX_CAPACITY} would be right")
        if capacity is not None:
            capacity = max(mmap.PAGESIZE, 1 << (capacity - 1).bit_length())
        self._asked = capacity
        self._mode = mode
        self._max_message = max_message_bytes
        self._open = False
        self._failed = None
        self._clear()
        try:
            self.name, self._path = _locate(name)
            self._attach()
        except OSError as error:
            code = _ERRNO_CODES.get(error.errno)
            if code is None:
                raise
            raise IpcError(code, f"Cannot open ring {name!r} as {_SIDES[self._side]}: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def capacity(self):
        """Bytes of data of the ring."""
        return self._capacity

    @property
    def peer(self):
        """What the other end is doing: ``"none"``, ``"attached"``, ``"closed"`` or ``"dead"``."""
        return self._peer() if self._open else "none"

    def close(self):
        """Leaves. What was sent arrives; what was not received comes to the next receiver. Closing again does nothing."""
        if not self._open:
            return
        self._detach()

    # Attaching and leaving

    def _clear(self):
        self._segment = self._bell = self._peer_bell = -1
        self._map = self._words = self._data = None

    def _attach(self):
        unfinished = 0
        while True:
            try:
                self._segment = os.open(os.path.join(self._path, "segment"), os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                if not os.path.lexists(self._path):
                    self._create()
                    continue
                # a folder without a segment: another process may have made the ring since the look, but not again and again
                unfinished += 1
                if unfinished > 1000:
                    raise self._foreign() from None
                continue
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EISDIR):
                    raise self._foreign() from None
                raise
            done = False
            try:
                done = self._attach_opened()
            finally:
                if not done:
                    self._let_go()
            if done:
                return

    def _foreign(self):
        return IpcError(
            "IPC_CORRUPT",
            f'Cannot open ring "{self.name}": {self._path} is not a millrace object. Remove it, or use another name',
        )

    def _create(self):
        temporary = _build(self._path, self._asked or _DEFAULT_CAPACITY, self._mode)
        try:
            os.rename(temporary, self._path)
        except OSError as error:
            _remove_tree(temporary)
            if error.errno == errno.ENOTDIR:
                raise self._foreign() from None
            # that somebody else was first is no error
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise

    def _attach_opened(self):
        """Takes the end; false when the name has to be looked up again."""
        _lock(self._segment, _F_OFD_SETLKW, fcntl.F_WRLCK, _SETUP_BYTE)
        self._map_segment()
        if not self._is_there():
            return False
        if self._words[_SEGMENT_STATE] != _LIVE:
            self._remove_object()
            return False
        if not self._fits():
            return False
        try:
            _lock(self._segment, _F_OFD_SETLK, fcntl.F_WRLCK, self._side)
        except (BlockingIOError, PermissionError):
            raise IpcError(
                "IPC_BUSY",
                f'Cannot open ring "{self.name}" as {_SIDES[self._side]}: process {self._words[_STATES[self._side] + _TO_PID]} '
                "already holds that end. Close it there, or use another name",
            ) from None
        self._bell = self._open_bell(self._side, os.O_RDONLY)
        # for reading too, so that it opens without a reader there
        self._peer_bell = self._open_bell(1 - self._side, os.O_RDWR)
        self._enter()
        _lock(self._segment, _F_OFD_SETLK, fcntl.F_UNLCK, _SETUP_BYTE)
        self._open = True
        return True

    def _map_segment(self):
        """Maps the segment when its size and its header agree. The data is mapped once: what crosses its end is cut in two."""
        status = os.fstat(self._segment)
        # the size is the kernel's word, so the mapping never reaches past the end
        capacity = status.st_size - mmap.PAGESIZE
        if not stat.S_ISREG(status.st_mode) or not _MIN_CAPACITY <= capacity <= _MAX_CAPACITY or capacity & (capacity - 1):
            right = f"{mmap.PAGESIZE} and a power of two"
            raise IpcError("IPC_CORRUPT", f'Ring "{self.name}": its segment has {status.st_size} bytes, {right} would be right')
        self._map = mmap.mmap(self._segment, status.st_size)
        self._view = memoryview(self._map)
        # one word is one load or store of 32 bits
        self._words = self._view.cast("I")
        self._data = self._view[mmap.PAGESIZE :]
        self._capacity = capacity
        self._largest = capacity // 2 - _RECORD_HEADER
        rights = (("magic", 0, _MAGIC), ("version", 1, 2), ("header bytes", 2, mmap.PAGESIZE), ("capacity", 3, capacity))
        for what, word, right in (*rights, ("kind", 4, 1), ("flags", 5, 0)):
            if self._words[word] != right:
                raise self._corrupt(f"{what} (byte {4 * word})", self._words[word], right)

    def _open_bell(self, side, flags):
        bell = os.open(os.path.join(self._path, _BELLS[side]), flags | os.O_NONBLOCK | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(bell).st_mode):
            os.close(bell)
            raise self._foreign()
        return bell

    def _is_there(self):
        """True while the name still leads to the open segment."""
        try:
            named = os.lstat(os.path.join(self._path, "segment"))
        except OSError:
            return False
        opened = os.fstat(self._segment)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _fits(self):
        """True when the ring may be used; false when it was removed, and the name has to be looked up again."""
        words = self._words
        if _held(self._segment, self._side):
            return True  # busy, which the caller finds
        peer_held = _held(self._segment, 1 - self._side)
        if not peer_held and words[_STATES[_RECEIVER]] == _CLOSED:
            # the last receiver left and nobody is there: that session is over
            self._remove_object()
            return False
        if self._asked is None or self._capacity >= self._asked:
            return True
        never = words[_STATES[1 - self._side]] == _NEVER
        if words[_HEAD] != words[_TAIL] or peer_held or (self._side == _RECEIVER and not never):
            raise IpcError(
                "IPC_EXISTS",
                f'Cannot open ring "{self.name}" with a capacity of {self._asked} bytes: it exists with {self._capacity} and is in use. '
                "Open it without a capacity",
            )
        self._remove_object()
        return False

    def _enter(self):
        words = self._words
        head, tail = words[_HEAD], words[_TAIL]
        self._check_span(head, tail)
        self._head, self._tail = head, tail
        self._stalled = self._ask_kernel = False
        self._failed_tries = 0
        state = _STATES[self._side]
        self._peer_sessions_before = words[_STATES[1 - self._side] + _TO_SESSIONS]
        self._peer_before = self._ask_peer()
        self._resumed = words[state + _TO_SESSIONS] > 0
        # the process before this one may have died asleep
        words[_WAITERS[self._side]] = _AWAKE
        words[state + _TO_PID] = os.getpid()
        words[state + _TO_SESSIONS] = (words[state + _TO_SESSIONS] + 1) & 0xFFFFFFFF
        _order()
        words[state] = _ATTACHED

    def _detach(self):
        self._open = False
        words = self._words
        _order()
        # after the last store of the index, so that who sees this sees all of it
        words[_STATES[self._side]] = _CLOSED
        _fence()
        try:
            if words[_WAITERS[1 - self._side]] != _AWAKE:
                self._wake()
        finally:
            _lock(self._segment, _F_OFD_SETLKW, fcntl.F_WRLCK, _SETUP_BYTE)
            peer = self._peer()
            if words[_SEGMENT_STATE] == _LIVE and peer != "attached" and self._finished(peer):
                self._remove_object()
            if peer == "attached":
                self._ring_peer()
            words = None
            self._let_go()

    def _finished(self, peer):
        """Whether nobody will miss the ring when this end leaves."""
        if self._side == _RECEIVER:
            return True
        # a sender leaves what its receiver has not had, and its end, unless the receiver has quit or has had everything
        return peer == "closed" or (peer == "dead" and self._words[_HEAD] == self._words[_TAIL])

    def _remove_object(self):
        """Takes the name from the ring, under the setup lock. Who has it open sees that it is gone."""
        self._words[_SEGMENT_STATE] = _REMOVED
        doomed = _temporary(self._path)
        try:
            os.rename(self._path, doomed)
        except FileNotFoundError:
            return
        _remove_tree(doomed)

    def _let_go(self):
        """Closes everything; the locks go with it."""
        for view in (self._data, self._words, getattr(self, "_view", None)):
            if view is not None:
                view.release()
        self._view = None
        if self._map is not None:
            self._map.close()
        for descriptor in (self._bell, self._peer_bell, self._segment):
            if descriptor >= 0:
                os.close(descriptor)
        self._clear()

    # The other side

    def _ask_peer(self):
        state = _STATES[1 - self._side]
        while True:
            seen = self._words[state]
            if seen == _NEVER:
                return "none"
            if seen == _CLOSED:
                return "closed"
            if _held(self._segment, 1 - self._side):
                return "attached"
            # it may have closed between the two looks
            if self._words[state] == seen:
                return "dead"

    def _peer(self):
        state = self._ask_peer()
        # a receiver that was dead when this sender came is no loss of this sender's; it waits for the next one
        if state == "dead" and self._side == _SENDER and self._peer_before == "dead":
            if self._words[_STATES[_RECEIVER] + _TO_SESSIONS] == self._peer_sessions_before:
                return "none"
        return state

    def _peer_closed(self):
        state = self._words[_STATES[1 - self._side]]
        if state > _CLOSED:
            raise self._corrupt("the other side's state word", state, "0, 1 or 2")
        # what it wrote before it closed is seen by the loads behind
        _order()
        return state == _CLOSED

    def _ask_now(self):
        """Whether it is time to ask the kernel, which costs a system call."""
        self._failed_tries += 1
        if not self._ask_kernel and self._failed_tries < _TRIES_PER_LOOK:
            return False
        self._ask_kernel = False
        self._failed_tries = 0
        return True

    def _peer_pid(self):
        return self._words[_STATES[1 - self._side] + _TO_PID]

    # Words

    def _corrupt(self, what, seen, right):
        error = IpcError("IPC_CORRUPT", f'Ring "{self.name}" is corrupt: {what} is {seen}, {right} would be right')
        self._failed = error
        return error

    def _check_span(self, head, tail):
        if head % 16:
            raise self._corrupt("the head", head, "a multiple of 16")
        if tail % 16:
            raise self._corrupt("the tail", tail, "a multiple of 16")
        used = (head - tail) & 0xFFFFFFFF
        if used > self._capacity:
            raise self._corrupt("the distance from tail to head", used, f"at most {self._capacity}")
        return used

    def _usable(self):
        if self._failed is not None:
            raise self._failed
        if not self._open:
            raise IpcError("IPC_CLOSED", f'Ring "{self.name}": this end is closed')

    def _count(self, word, amount):
        """Adds to a 64-bit counter of one's own line. hi and lo cannot change together, so the carry word is odd meanwhile."""
        words = self._words
        total = words[word] + amount
        if total < 2**32:
            words[word] = total
            return
        carry = _HEAD + _TO_CARRY if self._side == _SENDER else _TAIL + _TO_CARRY
        odd = words[carry] | 1
        words[carry] = odd
        _order()
        words[word + 1] = (words[word + 1] + 1) & 0xFFFFFFFF
        _order()
        words[word] = total & 0xFFFFFFFF
        _order()
        words[carry] = (odd + 1) & 0xFFFFFFFF

    def _count_one(self, word):
        self._words[word] = (self._words[word] + 1) & 0xFFFFFFFF

    def _settle(self, index_word, index, messages, length):
        """Publishes a record, or gives its space back: stores the index, then wakes the other side if it sleeps."""
        words = self._words
        self._count(index_word + _TO_MESSAGES, messages)
        self._count(index_word + _TO_BYTES, length)
        # the payload before the index (sender), the last use of the payload before it (receiver)
        _order()
        words[index_word] = index
        # the look at the waiter word must not overtake that store; pairs with the fence in _park of the other side
        _fence()
        if words[_WAITERS[1 - self._side]] != _AWAKE:
            self._wake()

    # Sleeping and waking

    def _wake(self):
        """Wakes the other side, which says that it sleeps.

        There is no exchange: the word is read, set to 0, and acted on. Should the other side have woken up and gone to sleep once more in
        between, its word is lost, and this wake comes for that sleep. The bell rings in any case: it does no harm to who is awake.
        """
        word = _WAITERS[1 - self._side]
        mode = self._words[word]
        if mode > _BELL:
            raise self._corrupt("the other side's waiter word", mode, "0, 1 or 2")
        self._words[word] = _AWAKE
        self._count_one((_HEAD if self._side == _SENDER else _TAIL) + _TO_WAKES)
        self._ring_peer()
        if mode == _FUTEX:
            self._wake_futex(word)

    def _ring_peer(self):
        try:
            os.write(self._peer_bell, b"\0")
        except BlockingIOError:
            pass  # a full bell is rung already

    def _wake_futex(self, word):
        """futex(2) has no place in the standard library; only who sleeps in it needs it."""
        import ctypes

        number = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "loongarch64": 98}.get(platform.machine())
        if number is None:
            return  # it looks for itself, since it sleeps with a time-out
        place = ctypes.c_uint32.from_buffer(self._map, 4 * word)
        ctypes.CDLL(None).syscall(number, ctypes.c_void_p(ctypes.addressof(place)), 1, 1, None, None, 0)
        del place

    def _park(self, peer_word, deadline):
        """Sleeps until it is worth to try again. Raises when the time is over."""
        timeout = -1 if deadline is None else max(0, deadline - time.monotonic())
        if timeout == 0:
            raise IpcError("IPC_TIMEOUT", f'Ring "{self.name}": the time is over')
        words = self._words
        words[_WAITERS[self._side]] = _BELL
        # the looks must not overtake that store; pairs with the fence in _settle and _detach of the other side
        _fence()
        if (
            words[peer_word] != self._tail
            or words[_STATES[1 - self._side]] == _CLOSED
            or words[_SEGMENT_STATE] == _SUPERSEDED
            # last, so that a side that dies from here on hangs up the bell
            or self._peer() == "dead"
        ):
            words[_WAITERS[self._side]] = _AWAKE
            self._ask_kernel = True
            return
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        limit = None if timeout < 0 else timeout * 1000 + 1
        rung = None
        if self._side == _SENDER and (limit is None or limit > _FIRST_SLICE):
            # a receiver that gave room back while this end fell asleep may have missed it; all that it does later finds this end asleep
            rung = poll.poll(_FIRST_SLICE) or words[peer_word] != self._tail
            limit = None if limit is None else limit - _FIRST_SLICE
        # a signal handler that returns does not end it
        rung = rung or poll.poll(limit)
        words[_WAITERS[self._side]] = _AWAKE
        self._ask_kernel = True
        if not self._settle_bell():
            # a process opened the bell and went without ever attaching: it has hung up for good, until it is opened anew
            bell = self._open_bell(self._side, os.O_RDONLY)
            os.close(self._bell)
            self._bell = bell
        if not rung and deadline is not None and time.monotonic() >= deadline:
            raise IpcError("IPC_TIMEOUT", f'Ring "{self.name}": the time is over')

    def _settle_bell(self):
        try:
            while True:
                count = len(os.read(self._bell, 64))
                if count < 64:
                    return count != 0 or self._peer() != "none"
        except BlockingIOError:
            return True


def _size(length):
    """Bytes that a record takes."""
    return (length + 23) & ~15


class Sender(_End):
    """The sending end of a ring.

    ``capacity``: bytes of data of a new ring, rounded up to a power of two; without it 1 MiB, or what there is. ``mode``: permission
    bits of a new ring. ``max_message_bytes``: the largest message to send.
    """

    _side = _SENDER

    def try_send(self, message):
        """Sends a message (any bytes) if there is room for all of it now, and says whether it did."""
        view = self._check(message)
        if len(view) > self._largest:
            payload = self._capacity // 4 - _RECORD_HEADER
            full = (len(view) - 1) // payload
            size = full * (payload + _RECORD_HEADER) + _size(len(view) - full * payload)
            if size > self._capacity:
                raise IpcError("IPC_TOO_LARGE", f'Cannot send {len(view)} bytes at once to ring "{self.name}": use send()')
            if not self._make_room(size):
                return False
        return self._send_parts(view, 0) == -1

    def send(self, message, timeout=None):
        """Sends a message, and waits while there is no room, for up to ``timeout`` seconds. One that was not sent whole is dropped."""
        view = self._check(message)
        deadline = None if timeout is None else time.monotonic() + timeout
        sent = self._send_parts(view, 0)
        while sent != -1:
            self._park(_TAIL, deadline)
            self._check(message)
            sent = self._send_parts(view, sent)

    def _check(self, message):
        self._usable()
        view = memoryview(message).cast("B")
        if len(view) > self._max_message:
            raise IpcError(
                "IPC_TOO_LARGE", f'Cannot send {len(view)} bytes to ring "{self.name}": max_message_bytes is {self._max_message}'
            )
        if self._peer_closed():
            raise IpcError("IPC_CLOSED", f'Cannot send to ring "{self.name}": its receiver has closed')
        return view

    def _send_parts(self, view, sent):
        """Writes the message from byte ``sent`` on, as far as there is room; gives how far it came, -1 for all."""
        length = len(view)
        # quarters, so that the receiver empties one while the next is written
        largest = length if length <= self._largest else self._capacity // 4 - _RECORD_HEADER
        while True:
            piece = min(length - sent, largest)
            more = sent + piece < length
            if not self._make_room(_size(piece)):
                return sent
            self._append(view[sent : sent + piece], (_CONTINUED if sent else 0) | (_MORE if more else 0))
            sent += piece
            if not more:
                return -1

    def _make_room(self, size):
        if self._check_span(self._head, self._tail) + size <= self._capacity:
            return True
        tail = self._words[_TAIL]
        # the receiver has done with what lies before the tail
        _order()
        used = self._check_span(self._head, tail)
        self._tail = tail
        if used + size <= self._capacity:
            self._failed_tries = 0
            self._stalled = False
            return True
        if not self._stalled:
            self._count_one(_HEAD + _TO_STALLS)
        self._stalled = True
        if self._ask_now() and self._peer() == "dead":
            raise IpcError(
                "IPC_PEER_GONE",
                f'Cannot send to ring "{self.name}": its receiver, process {self._peer_pid()}, died without closing, and the ring is full. '
                "What was sent is kept for the next receiver",
            )
        return False

    def _append(self, piece, flags):
        at = self._head & (self._capacity - 1)
        length = len(piece)
        word = (mmap.PAGESIZE + at) >> 2
        self._words[word] = length
        self._words[word + 1] = flags
        start = at + _RECORD_HEADER
        first = min(length, self._capacity - start)
        self._data[start : start + first] = piece[:first]
        if first < length:
            self._data[: length - first] = piece[first:]
        self._head = (self._head + _size(length)) & 0xFFFFFFFF
        self._settle(_HEAD, self._head, 0 if flags & _MORE else 1, length)


class Receiver(_End):
    """The receiving end of a ring, and an iterator over its messages. Parameters as of ``Sender``."""

    _side = _RECEIVER

    def __init__(self, *args, **options):
        self._ended = False
        self._chain = _NOTHING
        self._parts = []
        self._parts_length = 0
        super().__init__(*args, **options)

    @property
    def ended(self):
        """Whether the sender has closed and everything is received."""
        return self._ended

    def try_receive(self):
        """The next message as ``bytes``; ``None`` when none is there, or at the end (see ``ended``)."""
        self._usable()
        if self._ended:
            return None
        message = self._look()
        if message is None and self._may_have_ended():
            # the state came first: after that the head does not move any more
            message = self._look()
            if message is None and self._head == self._tail:
                self._end()
        if message is not None:
            self._failed_tries = 0
        return message

    def receive(self, timeout=None):
        """The next message as ``bytes``; waits for it up to ``timeout`` seconds. ``None`` at the end."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            message = self.try_receive()
            if message is not None or self._ended:
                return message
            self._park(_HEAD, deadline)

    def __iter__(self):
        return self

    def __next__(self):
        message = self.receive()
        if message is None:
            raise StopIteration
        return message

    def _refill(self):
        head = self._words[_HEAD]
        # the records before the head are complete
        _order()
        self._check_span(head, self._tail)
        if head == self._tail and not self._stalled:
            self._count_one(_TAIL + _TO_STALLS)
        self._stalled = head == self._tail
        self._head = head

    def _look(self):
        """Takes the records that are known up to the end of a message."""
        renewed = False
        while True:
            if self._tail == self._head:
                # all that is published by now, but no more, so that no sender can keep this loop going
                if renewed:
                    return None
                renewed = True
                self._refill()
                continue
            at = self._tail & (self._capacity - 1)
            word = (mmap.PAGESIZE + at) >> 2
            # each is read once: the sender could change it between a check and a use
            length, flags = self._words[word], self._words[word + 1]
            if length > self._largest or _size(length) > (self._head - self._tail) & 0xFFFFFFFF:
                raise self._corrupt("the length word of a record", length, "what fits before the head, and into half the ring,")
            if flags > _MORE | _CONTINUED:
                raise self._corrupt("the flags word of a record", flags, "0 to 3")
            if not flags & _CONTINUED:
                # whoever began the open message died or gave it up
                self._drop_parts()
                self._chain = _NOTHING
            elif self._chain == _NOTHING:
                if not self._resumed:
                    raise self._corrupt("the flags word of a record", flags, "0 or 1, since no message is open,")
                # the receiver before this one had taken the beginning
                self._chain = _DROPPED
            self._resumed = False
            more = bool(flags & _MORE)
            if self._chain == _DROPPED:
                self._chain = _DROPPED if more else _NOTHING
                self._pass(length, 0)
                continue
            if self._parts_length + length > self._max_message:
                seen = self._parts_length + length
                self._drop_parts()
                self._chain = _DROPPED if more else _NOTHING
                self._pass(length, 0)
                raise IpcError(
                    "IPC_TOO_LARGE",
                    f'Cannot receive {seen} bytes or more from ring "{self.name}": max_message_bytes is {self._max_message}',
                )
            # copied before the tail is stored: from there on the sender may overwrite it
            self._parts.append(self._payload(at + _RECORD_HEADER, length))
            self._parts_length += length
            self._chain = _OPEN if more else _NOTHING
            message = None
            if not more:
                message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._drop_parts()
            self._pass(length, 0 if more else 1)
            if message is not None:
                return message

    def _payload(self, start, length):
        first = min(length, self._capacity - start)
        data = bytes(self._data[start : start + first])
        return data if first == length else data + bytes(self._data[: length - first])

    def _pass(self, length, messages):
        self._tail = (self._tail + _size(length)) & 0xFFFFFFFF
        self._settle(_TAIL, self._tail, messages, length)

    def _drop_parts(self):
        self._parts = []
        self._parts_length = 0

    def _may_have_ended(self):
        """Nothing is there: true when nothing more can come, except for what was published before this look."""
        if self._peer_closed():
            return True
        if not self._ask_now():
            return False
        if self._words[_SEGMENT_STATE] == _SUPERSEDED:
            # the sender has put a larger ring in the place of this one
            self._detach()
            self._attach()
            return False
        return self._peer() in ("dead", "closed")

    def _end(self):
        peer = self._peer()
        if peer == "attached":
            return  # a successor has come meanwhile: it goes on
        self._ended = True
        if peer != "dead":
            return
        partial = ", in the middle of a message" if self._chain != _NOTHING else ""
        self._drop_parts()
        self._chain = _NOTHING
        raise IpcError(
            "IPC_PEER_GONE",
            f'The sender of ring "{self.name}", process {self._peer_pid()}, died without closing{partial}. '
            "All that it had sent was received",
        )


def remove(name):
    """Removes a ring that nobody holds, with all that it holds. False when there is none."""
    end = _End.__new__(_End)
    end.name, end._path = _locate(name)
    end._failed = None
    end._clear()
    try:
        end._segment = os.open(os.path.join(end._path, "segment"), os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        _lock(end._segment, _F_OFD_SETLKW, fcntl.F_WRLCK, _SETUP_BYTE)
        if not end._is_there():
            return False
        for side in (_SENDER, _RECEIVER):
            if _held(end._segment, side):
                raise IpcError("IPC_BUSY", f'Cannot remove ring "{name}": a live process holds its {_SIDES[side]} end')
        end._map_segment()
        end._remove_object()
        return True
    finally:
        end._let_go()
