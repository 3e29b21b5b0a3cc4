import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** How much of a file is read at a time. */
const CHUNK_BYTES = 128 * 1024;

/** Where bytes come from. */
export interface Input {
  /** How many there will be, where that is known. */
  readonly size: number | undefined;
  /** True for a terminal, at which somebody types. */
  readonly isTerminal: boolean;
  /** The bytes, read as they are asked for. A chunk is valid until the next one is asked for. */
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Opens a file, or standard input for `undefined` and `-`.
 *
 * @throws an error of the system when the file cannot be opened
 */
export async function openInput(file: string | undefined): Promise<Input> {
  if (file === undefined || file === "-") return new StandardInput();
  const handle = await open(file, "r");
  try {
    const status = await handle.stat();
    if (status.isDirectory()) throw new Error(`Cannot send ${file}: it is a directory`);
    return new FileInput(handle, status.isFile() ? status.size : undefined);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FileInput implements Input {
  readonly isTerminal = false;
  readonly size: number | undefined;
  readonly #file: FileHandle;

  constructor(file: FileHandle, size: number | undefined) {
    this.#file = file;
    this.size = size;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class StandardInput implements Input {
  readonly isTerminal = process.stdin.isTTY === true;
  readonly size = sizeOfStandardInput();

  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { stdin } = process;
    const stop = () => stdin.destroy(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const chunk of stdin) yield chunk as Uint8Array;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    process.stdin.destroy();
  }
}

function sizeOfStandardInput(): number | undefined {
  try {
    const status = fstatSync(0);
    return status.isFile() ? status.size : undefined;
  } catch {
    return undefined;
  }
}
