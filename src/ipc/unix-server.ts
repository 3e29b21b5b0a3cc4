import { IpcError } from "../errors.ts";
import { POLLIN } from "../ffi/abi/current.ts";
import { waitForFd } from "../ffi/off-thread/reactor.ts";
import { pollOne } from "../ffi/poll.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { abortedError, checkSyncOptions, checkWaitOptions, type WaitOptions } from "../wait/wait-options.ts";
import { unixAddress } from "./address.ts";
import type { ValueOf } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { resolveCodec } from "./codec.ts";
import type { ChannelOptions, Codec } from "./options.ts";
import { DEFAULT_MODE } from "./recommended.ts";
import { UnixConnection, type UnixConnectionOptions } from "./unix-connection.ts";
import { ConnectedSocket } from "./unix-link/connected-socket.ts";
import { ListeningSocket } from "./unix-link/listening-socket.ts";

/** Options of {@link UnixServer.listen}. What is for connections goes to all that are accepted. */
export interface UnixServerOptions extends UnixConnectionOptions, Pick<ChannelOptions, "mode"> {
  /** How many may wait to be accepted; default 128. `/proc/sys/net/core/somaxconn` bounds it. */
  backlog?: number;
}

const DEFAULT_BACKLOG = 128;

/**
 * A unix socket that others connect to, each with a connection of its own.
 *
 * The file of a path is removed when the server closes or its process ends. One that a killed server left is replaced; one whose server
 * lives is not. Connections that were accepted go on after `close()`.
 *
 * @example Answer every client
 * ```ts
 * import { UnixConnection, UnixServer } from "millrace";
 *
 * await using server = await UnixServer.listen("unix:@millrace-example-answers", { codec: "text" });
 * const client = await UnixConnection.connect(server.address, { codec: "text" });
 * await client.sender.send("hello");
 *
 * const connection = await server.accept();
 * for await (const text of connection.receiver) {
 *   await connection.sender.send(text.toUpperCase());
 *   break;
 * }
 * console.log(await client.receiver.receive()); // HELLO
 * await connection.close();
 * await client.close();
 * ```
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export class UnixServer<Value = Uint8Array<ArrayBuffer>>
  implements AsyncIterable<UnixConnection<Value>>, AsyncDisposable, Disposable
{
  /**
   * Listens at an address.
   *
   * @param address `"unix:/path"` or `"unix:@name"`
   * @throws {TypeError | RangeError} when the address or an option is not one
   * @throws {IpcError} `IPC_BUSY` when somebody listens there; `IPC_EXISTS` when the path names something that is not a socket;
   *   `IPC_NOT_FOUND` when its folder does not exist; `IPC_PERMISSION`, `IPC_LIMIT`
   */
  static async listen<const Options extends UnixServerOptions = Record<never, never>>(
    address: string,
    options?: Options,
  ): Promise<UnixServer<ValueOf<Options>>> {
    const { backlog = DEFAULT_BACKLOG, mode = DEFAULT_MODE, ...given }: UnixServerOptions = options ?? {};
    const parsed = unixAddress(address);
    checkOptions("unix", { ...given, mode });
    checkBacklog(backlog);
    const codec = await resolveCodec(given.codec);
    const listening = ListeningSocket.open(parsed, backlog, mode, `Cannot listen at ${parsed.text}`);
    return new UnixServer<ValueOf<Options>>(parsed.text, listening, given, codec);
  }

  /** The address in canonical form. */
  readonly address: string;
  readonly #listening: ListeningSocket;
  readonly #options: UnixConnectionOptions;
  readonly #codec: Codec<unknown>;
  #closed = false;

  /** For {@link UnixServer.listen}. */
  constructor(address: string, listening: ListeningSocket, options: UnixConnectionOptions, codec: Codec<unknown>) {
    if (!(listening instanceof ListeningSocket)) throw new TypeError("A server is made by UnixServer.listen()");
    this.address = address;
    this.#listening = listening;
    this.#options = options;
    this.#codec = codec;
  }

  /** True from the moment of `close()`. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The next connection; waits while there is none. Several calls may wait. A connection of another user is closed and passed over, unless
   * `otherUsers` is true.
   *
   * @throws {IpcError} `IPC_LIMIT` when this process may open no more descriptors: the connection stays in the queue. Close others before
   *   the next call; it fails at once as long as there is no room
   * @throws {IpcError} `IPC_CLOSED` when the server was or is closed; `IPC_TIMEOUT`, `IPC_ABORTED`
   */
  async accept(options: WaitOptions = {}): Promise<UnixConnection<Value>> {
    checkWaitOptions(options);
    const what = `accept() on ${this.address}`;
    if (options.signal?.aborted) throw abortedError(what, options.signal);
    const limit = new TimeLimit(what, options);
    const stop = new AbortController();
    try {
      for (;;) {
        const connection = this.#tryAccept("accept()");
        if (connection !== undefined) return connection;
        await limit.race(waitForFd(this.#listening.fd, "read", stop.signal));
      }
    } finally {
      stop.abort();
    }
  }

  /**
   * As {@link UnixServer.accept}, and blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws {IpcError} `IPC_LIMIT`, `IPC_CLOSED` as `accept`; `IPC_TIMEOUT`
   */
  acceptSync(options: { timeout?: number } = {}): UnixConnection<Value> {
    checkSyncOptions(options);
    const limit = new TimeLimit(`acceptSync() on ${this.address}`, options);
    for (;;) {
      const connection = this.#tryAccept("acceptSync()");
      if (connection !== undefined) return connection;
      limit.throwIfOver();
      beforeBlocking();
      pollOne(this.#listening.fd, POLLIN, limit.left()?.timeout ?? Number.POSITIVE_INFINITY);
    }
  }

  /**
   * A connection that waits to be accepted, `undefined` when there is none.
   *
   * @throws {IpcError} `IPC_LIMIT`, `IPC_CLOSED` as `accept`
   */
  tryAccept(): UnixConnection<Value> | undefined {
    return this.#tryAccept("tryAccept()");
  }

  /** The connections, one after the other, until the server is closed. */
  async *[Symbol.asyncIterator](): AsyncIterator<UnixConnection<Value>> {
    while (!this.#closed) {
      let connection: UnixConnection<Value>;
      try {
        connection = await this.accept();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      yield connection;
    }
  }

  /** Listens no more, turns away who waits to be accepted, and removes the file. Idempotent. */
  async close(): Promise<void> {
    this[Symbol.dispose]();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listening.close();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tryAccept(call: string): UnixConnection<Value> | undefined {
    if (this.#closed) {
      throw new IpcError("IPC_CLOSED", `${call} on ${this.address}: the server was closed here. Listen again`);
    }
    for (;;) {
      const fd = this.#listening.tryAccept(this.address);
      if (fd === undefined) return undefined;
      const socket = new ConnectedSocket(fd, ["sender", "receiver"]);
      if (this.#options.otherUsers === true || socket.sameUser) {
        return UnixConnection.over({ socket, address: this.address, options: this.#options, codec: this.#codec });
      }
      socket.close();
    }
  }
}

function checkBacklog(backlog: unknown): void {
  if (typeof backlog !== "number") throw new TypeError(`The backlog is ${String(backlog)}, but must be a number`);
  if (Number.isInteger(backlog) && backlog >= 1 && backlog <= 65_535) return;
  throw new RangeError(`The backlog is ${backlog}, but must be a whole number from 1 to 65535`);
}
