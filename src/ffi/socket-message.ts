import {
  CMSGHDR,
  IOVEC,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  MSGHDR,
  SCM_RIGHTS,
  SOCKADDR_UN,
  SOL_SOCKET,
} from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkView } from "./check.ts";
import { recommendedLibrary } from "./recommended.ts";
import { WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { clear, getMember, setMember } from "./struct.ts";
import { lastErrno, SystemError } from "./system-error.ts";
import { fillUnixAddress, readUnixAddress } from "./unix-address.ts";

/** Messages over unix sockets that carry descriptors, and, between sockets that are not connected, addresses. */

// a message is shorter than 2^31 bytes, so an i32 result is enough
const calls = lazyBind({
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
});

/*
 * The scratch memory during a call:
 *   0     struct msghdr
 *   256   struct sockaddr_un
 *   512   struct iovec
 *   1024  struct cmsghdr, then the descriptors
 */
const ADDRESS_AT = 256;
const IOVEC_AT = 512;
const CONTROL_AT = 1024;
const DESCRIPTOR_BYTES = 4;
// CMSG_LEN(0): the kernel aligns to words
const CONTROL_HEADER: number = alignWord(CMSGHDR.sizeof);

/** The most descriptors that fit; the kernel takes fewer in one message (253 on Linux). */
const MOST_DESCRIPTORS: number = (scratch.byteLength - CONTROL_AT - CONTROL_HEADER) / DESCRIPTOR_BYTES;

/** What goes with the bytes of {@link sendmsg}. */
export interface SendmsgOptions {
  /** Descriptors that the receiver gets copies of; on a stream there must be a byte with them. */
  descriptors?: readonly number[];
  /** Where to, when the socket is not connected: a path, or `"\0"` and an abstract name. */
  address?: string;
  /** `MSG_DONTWAIT`, `MSG_EOR`. */
  flags?: number;
}

/** How {@link recvmsg} receives. */
export interface RecvmsgOptions {
  /** Room for so many descriptors; the kernel closes those beyond. */
  maxDescriptors?: number;
  /** `MSG_DONTWAIT`, `MSG_PEEK`, `MSG_WAITALL`. */
  flags?: number;
}

/** What {@link recvmsg} received. */
export interface ReceivedMessage {
  /** Bytes, at the beginning of the view; 0 at the end of a stream, and for an empty message. */
  length: number;
  /** Descriptors of this process, closed in its children; whoever receives has to close them. */
  descriptors: number[];
  /** The sender's address; `""` when it has none, and on a connected stream. */
  address: string;
  /** Whether a message was longer than the view, so that its end is lost. */
  truncated: boolean;
  /** Whether there were more descriptors than room, so that some are lost. */
  descriptorsTruncated: boolean;
}

/**
 * `ssize_t sendmsg(int sockfd, const struct msghdr *msg, int flags)` — Sends the bytes of a view, and copies of descriptors, with
 * `MSG_NOSIGNAL` added to the flags. Goes on when a signal interrupts it.
 *
 * @returns bytes sent, of a stream perhaps less than the view has; the descriptors went with the first. {@link WOULD_BLOCK} when nothing went
 * @throws {SystemError} `EBADF` not an open descriptor, or one of `descriptors` is not
 * @throws {SystemError} `ECONNREFUSED`, `ECONNRESET`, `ENOENT`, `EACCES` the other end is gone, or cannot be reached
 * @throws {SystemError} `EINVAL` too many descriptors
 * @throws {SystemError} `EISCONN` an address, and the socket is connected
 * @throws {SystemError} `EMSGSIZE` longer than the socket's buffer allows (not of a stream)
 * @throws {SystemError} `ENOBUFS`, `ENOMEM` no memory
 * @throws {SystemError} `ENOTCONN` not connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @throws {SystemError} `ENOTSUP` an address, and the socket is of streams
 * @throws {SystemError} `EPIPE` the connection was ended
 * @throws {SystemError} `EPROTOTYPE` the socket at the address is of another type
 * @throws {SystemError} `ETOOMANYREFS` too many descriptors under way
 * @throws {RangeError} more descriptors than there is room for, or an address that does not fit
 * @see https://man7.org/linux/man-pages/man2/sendmsg.2.html
 *
 * @example Hand over a descriptor
 * ```ts
 * import { close, memfdCreate, recvmsg, SOCK_SEQPACKET, sendmsg, socketpair } from "millrace/ffi";
 *
 * const [one, two] = socketpair(SOCK_SEQPACKET);
 * const fd = memfdCreate("handed over");
 * sendmsg(one, new Uint8Array(1), { descriptors: [fd] });
 * const message = recvmsg(two, new Uint8Array(1), { maxDescriptors: 1 });
 * if (typeof message === "object") for (const received of message.descriptors) close(received);
 * for (const own of [fd, one, two]) close(own);
 * ```
 */
export function sendmsg(
  fd: number,
  view: ArrayBufferView,
  { descriptors = [], address, flags = 0 }: SendmsgOptions = {},
): number {
  checkInt32("fd", fd);
  checkView("view", view);
  checkInt32("flags", flags);
  for (const descriptor of descriptors) checkInt32("a descriptor", descriptor);
  if (descriptors.length > MOST_DESCRIPTORS)
    throw new RangeError(`${descriptors.length} descriptors were given, but there is room for ${MOST_DESCRIPTORS}`);
  fillHeader(view, descriptors.length);
  if (address !== undefined) setName(fillUnixAddress(address, ADDRESS_AT));
  if (descriptors.length > 0) {
    setMember(scratch, CMSGHDR.cmsg_len, CONTROL_HEADER + descriptors.length * DESCRIPTOR_BYTES, CONTROL_AT);
    setMember(scratch, CMSGHDR.cmsg_level, SOL_SOCKET, CONTROL_AT);
    setMember(scratch, CMSGHDR.cmsg_type, SCM_RIGHTS, CONTROL_AT);
    let at = CONTROL_AT + CONTROL_HEADER;
    for (const descriptor of descriptors) {
      scratch.setInt32(at, descriptor, true);
      at += DESCRIPTOR_BYTES;
    }
  }
  for (;;) {
    const count: number = calls().sendmsg(fd, scratch, flags | MSG_NOSIGNAL);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError("sendmsg", errno, address);
  }
}

/**
 * `ssize_t recvmsg(int sockfd, struct msghdr *msg, int flags)` — Receives bytes into a view, and descriptors, with `MSG_CMSG_CLOEXEC`
 * added to the flags. Goes on when a signal interrupts it.
 *
 * @returns what was received, or {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ECONNRESET` the other end is gone, with bytes of ours unread
 * @throws {SystemError} `EINVAL`, `ENOTCONN` not connected
 * @throws {SystemError} `ENOTSOCK` not a socket
 * @see https://man7.org/linux/man-pages/man2/recvmsg.2.html
 */
export function recvmsg(
  fd: number,
  view: ArrayBufferView,
  { maxDescriptors = 0, flags = 0 }: RecvmsgOptions = {},
): ReceivedMessage | typeof WOULD_BLOCK {
  checkInt32("fd", fd);
  checkView("view", view);
  checkInt32("flags", flags);
  if (!(maxDescriptors >= 0 && maxDescriptors <= MOST_DESCRIPTORS) || !Number.isInteger(maxDescriptors)) {
    throw new RangeError(`maxDescriptors is ${maxDescriptors}, but must be an integer from 0 to ${MOST_DESCRIPTORS}`);
  }
  for (;;) {
    fillHeader(view, maxDescriptors);
    setName(SOCKADDR_UN.sizeof);
    const length: number = calls().recvmsg(fd, scratch, flags | MSG_CMSG_CLOEXEC);
    if (length >= 0) return received(length);
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError("recvmsg", errno);
  }
}

function received(length: number): ReceivedMessage {
  const flags = getMember(scratch, MSGHDR.msg_flags);
  const descriptors: number[] = [];
  const end = CONTROL_AT + getMember(scratch, MSGHDR.msg_controllen);
  for (let at = CONTROL_AT; at + CMSGHDR.sizeof <= end; ) {
    const bytes = getMember(scratch, CMSGHDR.cmsg_len, at);
    const isRights =
      getMember(scratch, CMSGHDR.cmsg_level, at) === SOL_SOCKET &&
      getMember(scratch, CMSGHDR.cmsg_type, at) === SCM_RIGHTS;
    for (let item = CONTROL_HEADER; isRights && item + DESCRIPTOR_BYTES <= bytes; item += DESCRIPTOR_BYTES)
      descriptors.push(scratch.getInt32(at + item, true));
    at += alignWord(Math.max(bytes, CMSGHDR.sizeof));
  }
  return {
    length,
    descriptors,
    address: readUnixAddress(ADDRESS_AT, getMember(scratch, MSGHDR.msg_namelen)),
    truncated: (flags & MSG_TRUNC) !== 0,
    descriptorsTruncated: (flags & MSG_CTRUNC) !== 0,
  };
}

/** A message of one part, with room for so many descriptors, and without an address. */
function fillHeader(view: ArrayBufferView, descriptorCount: number): void {
  clear(scratch, MSGHDR.sizeof);
  const address = scratchAddress();
  // a view without bytes has no address
  setMember(scratch, IOVEC.iov_base, view.byteLength === 0 ? address : recommendedLibrary().address(view), IOVEC_AT);
  setMember(scratch, IOVEC.iov_len, view.byteLength, IOVEC_AT);
  setMember(scratch, MSGHDR.msg_iov, address + IOVEC_AT);
  setMember(scratch, MSGHDR.msg_iovlen, 1);
  if (descriptorCount === 0) return;
  setMember(scratch, MSGHDR.msg_control, address + CONTROL_AT);
  setMember(scratch, MSGHDR.msg_controllen, alignWord(CONTROL_HEADER + descriptorCount * DESCRIPTOR_BYTES));
}

function setName(length: number): void {
  setMember(scratch, MSGHDR.msg_name, scratchAddress() + ADDRESS_AT);
  setMember(scratch, MSGHDR.msg_namelen, length);
}

function alignWord(bytes: number): number {
  const word: number = CMSGHDR.cmsg_len.size;
  return Math.ceil(bytes / word) * word;
}
