import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renameExchange } from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { skip } from "../support/skip.ts";
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

test("what may not be exchanged", () => {
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  const within = join(circle, "x");
  throwsSystemError(() => renameExchange(within, circle), "ELOOP", "renameat2", within);
  const long = join(folder, "x".repeat(256));
  throwsSystemError(() => renameExchange(long, circle), "ENAMETOOLONG", "renameat2", long);
  throwsSystemError(() => renameExchange("/proc", "/sys"), "EBUSY", "renameat2", "/proc");
  if (!isRoot()) return skip("EACCES and EPERM need root, to become another user");
  const shared = mkdtempSync("/dev/shm/millrace-rename-");
  const [one, two] = [join(shared, "one"), join(shared, "two")] as const;
  for (const path of [one, two]) writeFileSync(path, "");
  chmodSync(shared, 0o755);
  throwsSystemError(() => asNobody(() => renameExchange(one, two)), "EACCES", "renameat2", one);
  // sticky: only who owns a file may rename it
  chmodSync(shared, 0o1777);
  throwsSystemError(() => asNobody(() => renameExchange(one, two)), "EPERM", "renameat2", one);
  rmSync(shared, { recursive: true });
});

test.run();
