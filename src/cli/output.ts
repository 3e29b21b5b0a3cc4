import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { OutputClosed } from "./output-closed.ts";

/** Where bytes go. */
export interface Output {
  /** True for a terminal, on which nothing else should be drawn. */
  readonly isTerminal: boolean;
  /** Empties a file. Called when the channel is open, so that a failure before that costs nothing. */
  begin(): Promise<void>;
  /** Resolves when the bytes may be used again; that is the back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file for writing, or standard output for `undefined` and `-`.
 *
 * @throws an error of the system when the file cannot be opened; it was not changed then
 */
export async function openOutput(file: string | undefined): Promise<Output> {
  if (file === undefined || file === "-") return new StandardOutput();
  return new FileOutput(await open(file, constants.O_WRONLY | constants.O_CREAT, 0o666));
}

class FileOutput implements Output {
  readonly isTerminal = false;
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async begin(): Promise<void> {
    const status = await this.#file.stat();
    if (status.isFile()) await this.#file.truncate(0);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, offset, bytes.length - offset);
      offset += bytesWritten;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class StandardOutput implements Output {
  readonly isTerminal = process.stdout.isTTY === true;

  constructor() {
    // the error of a write comes to its callback; without a listener it would end the process as well
    process.stdout.on("error", () => {});
  }

  async begin(): Promise<void> {}

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(isClosed(error) ? new OutputClosed({ cause: error }) : error);
      });
    });
  }

  async close(): Promise<void> {}
}

/** Also for a socket, which some programs give a child as its standard output. */
function isClosed({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "ECONNRESET" || code === "ERR_STREAM_DESTROYED";
}
