import { IpcError } from "../errors.ts";

/**
 * The error for shared memory that no correct peer writes.
 *
 * @param name the ring's address, if it has one
 * @param word the word, as `docs/ring-layout.md` names it, and where it is
 * @param seen the value found
 * @param right what a correct peer would have written
 * @returns an `IPC_CORRUPT`
 */
export function corrupt(name: string | undefined, word: string, seen: number, right: string): IpcError {
  return new IpcError("IPC_CORRUPT", `Ring ${JSON.stringify(name ?? "")} is corrupt: ${word} is ${seen}, not ${right}`);
}
