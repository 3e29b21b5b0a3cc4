import type { AttachOptions } from "../attach-presence.ts";
import type { WriteResult } from "../link.ts";
import { RingSender } from "../ring-link/ring-sender.ts";
import { FileStorage } from "./file-storage.ts";

/** The sending end of a `file:` that has each message on the disk before the call that sends it has done its work. */
export class DurableSender extends RingSender {
  readonly #storage: FileStorage;

  constructor(path: string, options: AttachOptions) {
    let storage: FileStorage | undefined;
    super(path, options, (presence) => {
      storage = new FileStorage(presence, true);
      return { keeping: storage };
    });
    this.#storage = storage as FileStorage;
  }

  override tryWrite(message: Uint8Array): WriteResult {
    const result = super.tryWrite(message);
    this.#storage.settle();
    return result;
  }

  override flush(): boolean {
    const done = super.flush();
    this.#storage.settle();
    return done;
  }

  override uncork(): void {
    super.uncork();
    this.#storage.settle();
  }

  override commit(length: number): void {
    super.commit(length);
    this.#storage.settle();
  }
}
