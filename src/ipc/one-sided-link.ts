import type { WriteResult } from "./link.ts";

/**
 * What a link does when it is asked for what the other side does, and where it has nothing to do. A receiver keeps all of it but
 * `tryRead`; a sender overrides what sending takes.
 */
export abstract class OneSidedLink {
  abstract readonly address: string;

  tryWrite(_message: Uint8Array, _waits?: boolean): WriteResult {
    throw new TypeError(`${this.address} is open for receiving`);
  }

  flush(): boolean {
    return true;
  }

  keepRest(): void {}

  retract(): boolean {
    return true;
  }

  cork(): void {}

  uncork(): void {}

  tryRead(): Uint8Array | undefined | null {
    throw new TypeError(`${this.address} is open for sending`);
  }
}
