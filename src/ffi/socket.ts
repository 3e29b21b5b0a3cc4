import { AF_UNIX, MSG_NOSIGNAL, SO_PEERCRED, SOCK_CLOEXEC, SOCKADDR_UN, SOL_SOCKET, UCRED } from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkView } from "./check.ts";
import { WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { getMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { fillUnixAddress, readUnixAddress } from "./unix-address.ts";

/**
 * Unix sockets. An address is a path, or `"\0"` and an abstract name, which no file stands for and which goes with its socket; `""`
 * is no address. `read`, `write` and `poll` work on their descriptors; `sendmsg` and `recvmsg` pass descriptors along.
 */

// a message is shorter than 2^31 bytes, so an i32 result is enough
const calls = lazyBind({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "pointer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
});

/** Where the length of what a call gives stands, beyond the struct itself. */
const LENGTH_AT = 1024;

/** Who is at the other end of a socket: `struct ucred`, as it was at `connect`, `listen` or `socketpair`. */
export interface PeerCredentials {
  /** The process. */
  pid: number;
  /** Its user and group. */
  uid: number;
  gid: number;
}

/**
 * `int socket(int domain, int type, int protocol)` — Makes a unix socket, with `SOCK_CLOEXEC` added to the type.
 *
 * @param type `SOCK_STREAM`, `SOCK_SEQPACKET` or `SOCK_DGRAM`, with `SOCK_NONBLOCK`
 * @returns a file descriptor of this process, to be closed with {@link close}
 * @throws {SystemError} `EINVAL`, `ESOCKTNOSUPPORT` no such type
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENOBUFS`, `ENOMEM` no memory
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export function socket(type: number): number {
  checkInt32("type", type);
  const fd: number = calls().socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failedCall("socket");
  return fd;
}

/**
 * `int socketpair(int domain, int type, int protocol, int sv[2])` — Makes two unix sockets that are connected to each other, with
 * `SOCK_CLOEXEC` added to the type.
 *
 * @param type `SOCK_STREAM`, `SOCK_SEQPACKET` or `SOCK_DGRAM`, with `SOCK_NONBLOCK`
 * @throws {SystemError} as {@link socket}
 * @see https://man7.org/linux/man-pages/man2/socketpair.2.html
 */
export function socketpair(type: number): [number, number] {
  checkInt32("type", type);
  if (calls().socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, scratch) !== 0) throw failedCall("socketpair");
  return [scratch.getInt32(0, true), scratch.getInt32(4, true)];
}

/**
 * `int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen)` — Gives a socket its address. A path becomes a file, which
 * stays until it is unlinked.
 *
 * @param address a path; `"\0"` and an abstract name; `""` for an abstract name that the kernel chooses
 * @throws {SystemError} `EACCES` no permission, or none to search a folder of the path
 * @throws {SystemError} `EADDRINUSE` there is a file, or a socket of that name
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` the socket has an address
 * @throws {SystemError} `EDQUOT`, `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOMEM`, `ENOSPC`, `ENOTDIR`, `EPERM`, `EROFS` as for making a file
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {RangeError} the address does not fit, or a path that holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(fd: number, address: string): void {
  checkInt32("fd", fd);
  const length = fillUnixAddress(address, 0);
  if (calls().bind(fd, scratch, length) !== 0) throw failedCall("bind", address);
}

/**
 * `int listen(int sockfd, int backlog)` — Lets others connect to a socket that has an address.
 *
 * @param backlog how many may wait for {@link accept4}; the limit is `/proc/sys/net/core/somaxconn`
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` the socket has no address, or is connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {SystemError} `ENOTSUP` a socket of that type cannot
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(fd: number, backlog: number): void {
  checkInt32("fd", fd);
  checkInt32("backlog", backlog);
  if (calls().listen(fd, backlog) !== 0) throw failedCall("listen");
}

/**
 * `int accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags)` — Takes the next connection of a socket that listens,
 * with `SOCK_CLOEXEC` added to the flags, and blocks the thread while there is none. Goes on when a signal interrupts it.
 *
 * @param flags `SOCK_NONBLOCK`, of the new socket, or 0
 * @returns the descriptor of a new socket, or {@link WOULD_BLOCK} when there is no connection and the socket has `O_NONBLOCK`
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ECONNABORTED` the connection is gone
 * @throws {SystemError} `EINVAL` the socket does not listen, or an unknown flag
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENOBUFS`, `ENOMEM` no memory
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {SystemError} `ENOTSUP` a socket of that type cannot
 * @see https://man7.org/linux/man-pages/man2/accept4.2.html
 */
export function accept4(fd: number, flags = 0): number {
  checkInt32("fd", fd);
  checkInt32("flags", flags);
  return retried("accept4", () => calls().accept4(fd, 0, 0, flags | SOCK_CLOEXEC));
}

/**
 * `int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen)` — Connects a socket to one that listens, and blocks the
 * thread while too many wait for it. Goes on when a signal interrupts it.
 *
 * @param address a path, or `"\0"` and an abstract name
 * @returns 0, or {@link WOULD_BLOCK} when too many wait and the socket has `O_NONBLOCK`; it is not connected then
 * @throws {SystemError} `EACCES` no permission to write to the socket's file, or none to search a folder of the path
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ECONNREFUSED` nobody listens there
 * @throws {SystemError} `EINVAL` the socket listens, or no address
 * @throws {SystemError} `EISCONN` the socket is connected
 * @throws {SystemError} `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOTDIR` as for opening a file
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {SystemError} `EPROTOTYPE` the other one is of another type
 * @throws {RangeError} the address does not fit, or a path that holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function connect(fd: number, address: string): number {
  checkInt32("fd", fd);
  const length = fillUnixAddress(address, 0);
  return retried("connect", () => calls().connect(fd, scratch, length), address);
}

/**
 * `int shutdown(int sockfd, int how)` — Ends one direction of a connection, or both, for all who have the socket.
 *
 * @param how `SHUT_RD`, `SHUT_WR` (the other end reads what was sent, then the end), or `SHUT_RDWR`
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` no such direction
 * @throws {SystemError} `ENOTCONN` not connected (not of unix sockets)
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man2/shutdown.2.html
 */
export function shutdown(fd: number, how: number): void {
  checkInt32("fd", fd);
  checkInt32("how", how);
  if (calls().shutdown(fd, how) !== 0) throw failedCall("shutdown");
}

/**
 * `int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen)` — The address of a unix socket.
 *
 * @returns a path; `"\0"` and an abstract name; `""` when it has none
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man2/getsockname.2.html
 */
export function getsockname(fd: number): string {
  checkInt32("fd", fd);
  if (calls().getsockname(fd, scratch, expect(SOCKADDR_UN.sizeof)) !== 0) throw failedCall("getsockname");
  return readUnixAddress(0, scratch.getUint32(LENGTH_AT, true));
}

/**
 * `int getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen)` — The address of the unix socket that this one is connected to.
 *
 * @returns as {@link getsockname}
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOTCONN` not connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man2/getpeername.2.html
 */
export function getpeername(fd: number): string {
  checkInt32("fd", fd);
  if (calls().getpeername(fd, scratch, expect(SOCKADDR_UN.sizeof)) !== 0) throw failedCall("getpeername");
  return readUnixAddress(0, scratch.getUint32(LENGTH_AT, true));
}

/**
 * `getsockopt(sockfd, SOL_SOCKET, option, &value, &length)` — An option of a socket that is an `int`.
 *
 * @param option such as `SO_SNDBUF`, `SO_TYPE` or `SO_ERROR`
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOPROTOOPT` no such option
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function getsockopt(fd: number, option: number): number {
  checkInt32("fd", fd);
  checkInt32("option", option);
  if (calls().getsockopt(fd, SOL_SOCKET, option, scratch, expect(INT_BYTES)) !== 0) throw failedCall("getsockopt");
  return scratch.getInt32(0, true);
}

/**
 * `setsockopt(sockfd, SOL_SOCKET, option, &value, sizeof value)` — Sets an option of a socket that is an `int`.
 *
 * @param option such as `SO_SNDBUF`, which the kernel doubles
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` not a value for it
 * @throws {SystemError} `ENOPROTOOPT` no such option, or not to be set
 * @throws {SystemError} `EPERM` an option that takes privilege
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function setsockopt(fd: number, option: number, value: number): void {
  checkInt32("fd", fd);
  checkInt32("option", option);
  checkInt32("value", value);
  scratch.setInt32(0, value, true);
  if (calls().setsockopt(fd, SOL_SOCKET, option, scratch, INT_BYTES) !== 0) throw failedCall("setsockopt");
}

/**
 * `getsockopt(sockfd, SOL_SOCKET, SO_PEERCRED, &ucred, &length)` — Who is at the other end. Of a socket that is not connected, process 0.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export function getsockoptPeercred(fd: number): PeerCredentials {
  checkInt32("fd", fd);
  if (calls().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, scratch, expect(UCRED.sizeof)) !== 0)
    throw failedCall("getsockopt");
  return {
    pid: getMember(scratch, UCRED.pid),
    uid: getMember(scratch, UCRED.uid),
    gid: getMember(scratch, UCRED.gid),
  };
}

/**
 * `ssize_t send(int sockfd, const void *buf, size_t size, int flags)` — Sends the bytes of a view, with `MSG_NOSIGNAL` added to the
 * flags. Goes on when a signal interrupts it.
 *
 * @param flags `MSG_DONTWAIT`, `MSG_EOR`, or 0
 * @returns bytes sent, of a stream perhaps less than the view has; {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ECONNREFUSED`, `ECONNRESET` the other end is gone
 * @throws {SystemError} `EMSGSIZE` longer than the socket's buffer allows (not of a stream)
 * @throws {SystemError} `ENOBUFS`, `ENOMEM` no memory
 * @throws {SystemError} `ENOTCONN` not connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {SystemError} `EPIPE` the connection was ended
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function send(fd: number, view: ArrayBufferView, flags = 0): number {
  checkInt32("fd", fd);
  checkView("view", view);
  checkInt32("flags", flags);
  return retried("send", () => calls().send(fd, view, view.byteLength, flags | MSG_NOSIGNAL));
}

/**
 * `ssize_t recv(int sockfd, void *buf, size_t size, int flags)` — Receives bytes into a view. Goes on when a signal interrupts it.
 *
 * @param flags `MSG_DONTWAIT`, `MSG_PEEK`, `MSG_WAITALL`, `MSG_TRUNC`, or 0
 * @returns bytes received; 0 at the end of a stream, and for an empty message; {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ECONNRESET` the other end is gone, with bytes of ours unread
 * @throws {SystemError} `EINVAL`, `ENOTCONN` not connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recv(fd: number, view: ArrayBufferView, flags = 0): number {
  checkInt32("fd", fd);
  checkView("view", view);
  checkInt32("flags", flags);
  return retried("recv", () => calls().recv(fd, view, view.byteLength, flags));
}

const INT_BYTES = 4;

/** Says how many bytes a call may give, and returns where that stands. */
function expect(bytes: number): number {
  scratch.setUint32(LENGTH_AT, bytes, true);
  return scratchAddress() + LENGTH_AT;
}

function retried(syscall: string, call: () => number, path?: string): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError(syscall, errno, path);
  }
}
