import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { O_NONBLOCK, SOCK_NONBLOCK, SOCK_STREAM } from "../ffi/abi/current.ts";
import { getStatusFlags, setStatusFlags } from "../ffi/fcntl.ts";
import { close } from "../ffi/fd.ts";
import { WOULD_BLOCK } from "../ffi/results.ts";
import { connect, type PeerCredentials, socket, socketpair } from "../ffi/socket.ts";
import type { SystemError } from "../ffi/system-error.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, type WaitOptions } from "../wait/wait-options.ts";
import { type UnixAddress, unixAddress } from "./address.ts";
import { type Channel, createChannel, type ValueOf } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { resolveCodec, resolveCodecSync } from "./codec.ts";
import type { ChannelOptions, Codec } from "./options.ts";
import { DEFAULT_FRAMING, DEFAULT_MAX_MESSAGE_BYTES } from "./recommended.ts";
import { connectBlocking, connectBlockingSync } from "./unix-link/connect-blocking.ts";
import { ConnectedSocket } from "./unix-link/connected-socket.ts";
import { setBuffer } from "./unix-link/set-buffer.ts";
import { UnixEnd } from "./unix-link/unix-end.ts";

/** Options of a connection. Both directions have the same framing and codec. */
export type UnixConnectionOptions = Pick<
  ChannelOptions,
  "capacity" | "framing" | "codec" | "maxMessageBytes" | "otherUsers"
>;

/** What a connection is made of, once its options are checked. */
interface Parts {
  readonly socket: ConnectedSocket;
  readonly address: string;
  readonly options: UnixConnectionOptions;
  readonly codec: Codec<unknown>;
}

/**
 * A unix stream socket that carries messages both ways: a channel to the other end, and one from it.
 *
 * The directions end by themselves: `sender.close()` tells the other end that no more will come, and one can go on receiving. The socket is
 * closed when both have. A connection whose process dies gives `IPC_PEER_GONE` to the other end's receiver, with framing "length".
 *
 * @example Ask and answer
 * ```ts
 * import { UnixConnection } from "millrace";
 *
 * const [client, server] = await UnixConnection.pair({ codec: "text" });
 * await client.sender.send("How are you?");
 * console.log(await server.receiver.receive()); // How are you?
 * await server.sender.send("Well");
 * console.log(await client.receiver.receive()); // Well
 * await client.close();
 * await server.close();
 * ```
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export class UnixConnection<Value = Uint8Array<ArrayBuffer>> implements AsyncDisposable, Disposable {
  /**
   * Connects to a socket that somebody listens on: a `UnixServer`, or any program. Waits while too many others wait to be accepted there.
   *
   * @param address `"unix:/path"` or `"unix:@name"`
   * @param options `timeout` in milliseconds and `signal` end the wait
   * @throws {TypeError | RangeError} when the address or an option is not one
   * @throws {IpcError} `IPC_NOT_FOUND` when nobody listens there; `IPC_PERMISSION`, also when it is another user and `otherUsers` is not
   *   true; `IPC_EXISTS` when the address is not that of a stream socket; `IPC_LIMIT`, `IPC_TIMEOUT`, `IPC_ABORTED`
   */
  static async connect<const Options extends UnixConnectionOptions & WaitOptions = Record<never, never>>(
    address: string,
    options?: Options,
  ): Promise<UnixConnection<ValueOf<Options>>> {
    const given: UnixConnectionOptions & WaitOptions = options ?? {};
    const parsed = unixAddress(address);
    checkOptions("unix", given);
    const limit = new TimeLimit(`Connecting to ${parsed.text}`, given);
    limit.throwIfAborted();
    const codec = await resolveCodec(given.codec);
    const what = `Cannot connect to ${parsed.text}`;
    const connected = await connectTo(parsed, what, limit);
    checkUser(connected, given, what);
    return UnixConnection.over({ socket: connected, address: parsed.text, options: given, codec });
  }

  /**
   * As {@link UnixConnection.connect}, and blocks the thread. With `timeout` 0 it never waits.
   *
   * @throws {IpcError} as `connect`; `IPC_UNSUPPORTED` the codec `"v8"` with Node before 20.16
   */
  static connectSync<const Options extends UnixConnectionOptions & { timeout?: number } = Record<never, never>>(
    address: string,
    options?: Options,
  ): UnixConnection<ValueOf<Options>> {
    const given: UnixConnectionOptions & { timeout?: number } = options ?? {};
    const parsed = unixAddress(address);
    checkOptions("unix", given);
    checkSyncOptions(given, Object.keys(given)); // whose names are right
    const codec = resolveCodecSync(given.codec);
    const what = `Cannot connect to ${parsed.text}`;
    const connected = connectToSync(parsed, what, new TimeLimit(`Connecting to ${parsed.text}`, given));
    checkUser(connected, given, what);
    return UnixConnection.over({ socket: connected, address: parsed.text, options: given, codec });
  }

  /**
   * Makes two connections in this process that are each other's other end.
   *
   * @throws {IpcError} `IPC_LIMIT`
   */
  static async pair<const Options extends UnixConnectionOptions = Record<never, never>>(
    options?: Options,
  ): Promise<[UnixConnection<ValueOf<Options>>, UnixConnection<ValueOf<Options>>]> {
    const given: UnixConnectionOptions = options ?? {};
    checkOptions("unix", given);
    const codec = await resolveCodec(given.codec);
    const [one, other] = makePair().map((fd) => new ConnectedSocket(fd, ["sender", "receiver"])) as [
      ConnectedSocket,
      ConnectedSocket,
    ];
    try {
      const parts = { address: "unix:", options: given, codec };
      return [UnixConnection.over({ ...parts, socket: one }), UnixConnection.over({ ...parts, socket: other })];
    } catch (error) {
      one.close();
      other.close();
      throw error;
    }
  }

  /** For `UnixServer`; everybody else calls `connect` or `pair`. Closes the socket when it fails. */
  static over<Value>({ socket, address, options, codec }: Parts): UnixConnection<Value> {
    const { capacity, framing = DEFAULT_FRAMING, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
    try {
      setBuffer(socket.fd, capacity, address);
    } catch (error) {
      socket.close();
      throw error;
    }
    const open = (side: "sender" | "receiver") =>
      createChannel<Value>(
        new UnixEnd({ address, side, source: socket, framing, maxMessageBytes, supports: SUPPORTS, oneWay: false }),
        { codec, maxMessageBytes },
      );
    return new UnixConnection<Value>(address, socket.credentials, open("sender"), open("receiver"));
  }

  /** The address of the server in canonical form; `"unix:"` for one of a pair. */
  readonly address: string;
  /** The process at the other end and its user and group, as the kernel wrote them down when the connection was made. */
  readonly credentials: PeerCredentials;
  /** What goes to the other end. Its `close()` ends this direction only. */
  readonly sender: Channel<Value>;
  /** What comes from the other end. Its `close()` makes the other end's sends fail with `IPC_CLOSED`, and this direction only. */
  readonly receiver: Channel<Value>;

  constructor(address: string, credentials: PeerCredentials, sender: Channel<Value>, receiver: Channel<Value>) {
    if (typeof sender !== "object") throw new TypeError("A connection is made by UnixConnection.connect() or pair()");
    this.address = address;
    this.credentials = credentials;
    this.sender = sender;
    this.receiver = receiver;
  }

  /** True from the moment at which both directions are asked to close. */
  get closed(): boolean {
    return this.sender.closed && this.receiver.closed;
  }

  /**
   * Closes both directions, and with them the socket. What was sent is handed over first, within `timeout` milliseconds; what was not
   * received is lost. Idempotent.
   *
   * @throws {IpcError} as `Channel.close`
   */
  async close(options?: WaitOptions): Promise<void> {
    try {
      await this.sender.close(options);
    } finally {
      await this.receiver.close();
    }
  }

  /** Gives both directions up at once: with framing "length" the other end gets `IPC_PEER_GONE`. */
  abandon(): void {
    this.sender.abandon();
    this.receiver.abandon();
  }

  /** As `close()`, blocking the thread for at most 5 seconds. */
  [Symbol.dispose](): void {
    try {
      this.sender[Symbol.dispose]();
    } finally {
      this.receiver[Symbol.dispose]();
    }
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const SUPPORTS = { exclusiveSender: true, exclusiveReceiver: true, receiverFirst: false, named: false };

async function connectTo({ socket: address }: UnixAddress, what: string, limit: TimeLimit): Promise<ConnectedSocket> {
  const fd = openSocket(what);
  try {
    if (connect(fd, address) === WOULD_BLOCK) {
      // poll says nothing of the room in a server's queue: only a call that blocks waits for it
      setStatusFlags(fd, getStatusFlags(fd) & ~O_NONBLOCK);
      await connectBlocking(fd, address, limit);
      setStatusFlags(fd, getStatusFlags(fd) | O_NONBLOCK);
    }
    return new ConnectedSocket(fd, ["sender", "receiver"]);
  } catch (error) {
    close(fd);
    throw connectFailure(error, what);
  }
}

function connectToSync({ socket: address }: UnixAddress, what: string, limit: TimeLimit): ConnectedSocket {
  const fd = openSocket(what);
  try {
    if (connect(fd, address) === WOULD_BLOCK) {
      setStatusFlags(fd, getStatusFlags(fd) & ~O_NONBLOCK);
      connectBlockingSync(fd, address, limit);
      setStatusFlags(fd, getStatusFlags(fd) | O_NONBLOCK);
    }
    return new ConnectedSocket(fd, ["sender", "receiver"]);
  } catch (error) {
    close(fd);
    throw connectFailure(error, what);
  }
}

function openSocket(what: string): number {
  try {
    return socket(SOCK_STREAM | SOCK_NONBLOCK);
  } catch (error) {
    throw domainError("open", error, what);
  }
}

function connectFailure(error: unknown, what: string): unknown {
  const { code } = error as SystemError;
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return new IpcError("IPC_NOT_FOUND", `${what}: nobody listens there. Start the server first`, { cause: error });
  }
  if (code === "EPROTOTYPE") {
    return new IpcError("IPC_EXISTS", `${what}: the socket there is not a stream. Use another address`, {
      cause: error,
    });
  }
  return domainError("open", error, what);
}

/** @throws {IpcError} `IPC_PERMISSION` and closes it, when another user is at the other end and that was not asked for */
function checkUser(connected: ConnectedSocket, { otherUsers }: UnixConnectionOptions, what: string): void {
  if (otherUsers === true || connected.sameUser) return;
  connected.close();
  const { pid, uid } = connected.credentials;
  throw new IpcError(
    "IPC_PERMISSION",
    `${what}: user ${uid} listens there, in process ${pid}. Connect with otherUsers: true to talk to another user`,
  );
}

function makePair(): [number, number] {
  try {
    return socketpair(SOCK_STREAM | SOCK_NONBLOCK);
  } catch (error) {
    throw domainError("open", error, "Cannot make a pair of sockets");
  }
}
