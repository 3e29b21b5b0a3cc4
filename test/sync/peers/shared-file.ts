import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapShared, type Region } from "../../../src/memory/region.ts";
import { uniqueName } from "../../support/unique-name.ts";

const BYTES = 4096;

/** A page of shared memory that any process can map by the path of its file. */
export interface SharedFile extends Disposable {
  readonly path: string;
  readonly region: Region;
  /** The region as words. */
  readonly words: Int32Array<SharedArrayBuffer>;
}

/** @param path of one that another process made; without it a new one is made */
export function sharedFile(path?: string): SharedFile {
  const file = path ?? join(tmpdir(), uniqueName("shared"));
  if (path === undefined) writeFileSync(file, new Uint8Array(BYTES));
  const fd = openSync(file, "r+");
  const region = mapShared(fd, BYTES);
  closeSync(fd);
  const words = region.arena.words.subarray(region.offset / 4, (region.offset + BYTES) / 4);
  return {
    path: file,
    region,
    words,
    [Symbol.dispose]() {
      region.close();
      if (path === undefined) rmSync(file, { force: true });
    },
  };
}
