import { mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { BOOST, NATS } from "./contender-names.ts";
import { isWanted } from "./is-wanted.ts";
import { compileNative, type NativePrograms } from "./native-programs.ts";
import { type NatsServer, startNats } from "./nats-server.ts";
import { newRingSegment } from "./ring-segment.ts";

/** What a contender's target may be. */
export type Target = "ring" | "unix channel" | "fifo channel" | "path" | "segment" | "nats";

/** What a part that starts contenders needs: a folder, the native programs, a NATS server, and new names. */
export class Scratch {
  readonly folder: string;
  readonly native: NativePrograms;
  readonly nats: NatsServer;
  #made = 0;

  private constructor(folder: string, native: NativePrograms, nats: NatsServer) {
    this.folder = folder;
    this.native = native;
    this.nats = nats;
  }

  /**
   * @param only parts of the names of the contenders that take part, all without: what the others need is not made
   * @throws {Error} when there is no C compiler
   */
  static async make(only?: readonly string[]): Promise<Scratch> {
    const folder = mkdtempSync("/dev/shm/millrace-bench-");
    try {
      const native = compileNative(folder, isWanted(BOOST, only));
      const nats = isWanted(NATS, only) ? await startNats() : { missing: "It was not asked for", stop() {} };
      return new Scratch(folder, native, nats);
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  /** A path in the folder that was not used before. */
  path(): string {
    return join(this.folder, String(++this.#made));
  }

  /** A new object of a kind, or the name of one. */
  target(kind: Target): string {
    const path = this.path();
    switch (kind) {
      case "ring":
        return `ring:${basename(this.folder)}-${this.#made}`;
      case "unix channel":
        return `unix:${path}`;
      case "fifo channel":
        return `fifo:${path}`;
      case "segment":
        return newRingSegment(path);
      case "nats":
        return String(this.nats.port);
      case "path":
        return path;
    }
  }

  [Symbol.dispose](): void {
    this.nats.stop();
    rmSync(this.folder, { recursive: true });
  }
}
