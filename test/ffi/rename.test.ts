import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renameExchange } from "../../src/ffi/mod.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "rename-"));
});
test.after(() => rmSync(folder, { recursive: true }));

test("two names change places, whatever they lead to", () => {
  const file = join(folder, "file");
  const directory = join(folder, "directory");
  writeFileSync(file, "content");
  mkdirSync(join(directory, "inside"), { recursive: true });
  renameExchange(file, directory);
  assert.is(readFileSync(directory, "utf8"), "content");
  assert.equal(readdirSync(file), ["inside"]);
});

test("it throws what the system says, with the first path", () => {
  const file = join(folder, "one");
  writeFileSync(file, "");
  const missing = join(folder, "missing");
  throwsSystemError(() => renameExchange(file, missing), "ENOENT", "renameat2", file);
  throwsSystemError(() => renameExchange(missing, file), "ENOENT", "renameat2", missing);
  throwsSystemError(() => renameExchange(file, "/proc/self/status"), "EXDEV", "renameat2", file);
  throwsSystemError(() => renameExchange(join(file, "below"), file), "ENOTDIR", "renameat2", join(file, "below"));
  throwsSystemError(() => renameExchange(folder, file), "EINVAL", "renameat2", folder);
  assert.throws(() => renameExchange(file, "a\0"), /NUL/);
});

test.run();
