import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../support/project-root.ts";
import type { RingModule } from "./ring-scenario.ts";

/** One change to the source of the ring. */
export interface Change {
  /** A file in `src/ring`. */
  readonly file: string;
  /** Text that is there once. */
  readonly from: string;
  readonly to: string;
}

/** What the names of private members begin with in an opened ring. */
export const OPENED = "private_";

/**
 * Loads a copy of `src/ring` whose private members can be looked at, `#head` as `private_head`, and which is else the same, but for a change.
 *
 * @throws {Error} when the text to be changed is not there once: the source has changed, and so must the test
 */
export async function openedRing(change?: Change): Promise<RingModule> {
  const folder = mkdtempSync(join(tmpdir(), "opened-ring-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = join(projectRoot, "src");
  for (const name of ["ring", "errors.ts", "runtime.ts"]) {
    cpSync(join(source, name), join(folder, name), { recursive: true });
  }
  if (change !== undefined) edit(join(folder, "ring", change.file), (text) => replaced(text, change));
  for (const name of readdirSync(join(folder, "ring"))) {
    edit(join(folder, "ring", name), (text) =>
      text.replace(/(?<=^\s*(?:(?:readonly|get|set) )?|this\.)#(?=[a-z])/gm, OPENED),
    );
  }
  return (await import(join(folder, "ring", "mod.ts"))) as RingModule;
}

function replaced(text: string, { file, from, to }: Change): string {
  if (text.split(from).length !== 2) throw new Error(`${file} does not have this text once: ${from}`);
  return text.replace(from, () => to);
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}
