import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  decodeInotifyEvents,
  FD_CLOEXEC,
  getDescriptorFlags,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_CREATE,
  IN_MOVE,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_NONBLOCK,
  IN_ONLYDIR,
  type InotifyEvent,
  inotifyAddWatch,
  inotifyInit1,
  inotifyRmWatch,
  O_CREAT,
  pipe2,
  read,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "inotify-"));
});
test.after(() => rmSync(folder, { recursive: true }));

function events(fd: number): InotifyEvent[] {
  const bytes = new Uint8Array(4096);
  const count = read(fd, bytes);
  return count === WOULD_BLOCK ? [] : decodeInotifyEvents(bytes.subarray(0, count));
}

test("what happens in a watched folder is told with its names", () => {
  const fd = inotifyInit1(IN_NONBLOCK);
  assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
  const watch = inotifyAddWatch(fd, folder, IN_CREATE | IN_DELETE | IN_MOVE);
  assert.equal(events(fd), []);
  const names = ["a", "sixteen-letters!", "Grüße"];
  for (const name of names) writeFileSync(join(folder, name), "");
  mkdirSync(join(folder, "sub"));
  renameSync(join(folder, "a"), join(folder, "b"));
  unlinkSync(join(folder, "b"));
  const found = events(fd);
  const cookie = found[4]?.cookie ?? 0;
  assert.ok(cookie > 0);
  assert.equal(found, [
    ...names.map((name) => ({ watch, mask: IN_CREATE, cookie: 0, name })),
    { watch, mask: IN_CREATE | IN_ISDIR, cookie: 0, name: "sub" },
    { watch, mask: IN_MOVED_FROM, cookie, name: "a" },
    { watch, mask: IN_MOVED_TO, cookie, name: "b" },
    { watch, mask: IN_DELETE, cookie: 0, name: "b" },
  ]);
  rmdirSync(join(folder, "sub"));
  close(fd);
});

test("the end of a watched file, and of a watch, has no name", () => {
  const fd = inotifyInit1(IN_NONBLOCK);
  const sub = join(folder, "watched");
  mkdirSync(sub);
  const watch = inotifyAddWatch(fd, sub, IN_DELETE_SELF | IN_ONLYDIR);
  const other = inotifyAddWatch(fd, folder, IN_MOVE);
  rmdirSync(sub);
  assert.equal(events(fd), [
    { watch, mask: IN_DELETE_SELF, cookie: 0, name: "" },
    { watch, mask: IN_IGNORED, cookie: 0, name: "" },
  ]);
  inotifyRmWatch(fd, other);
  assert.equal(events(fd), [{ watch: other, mask: IN_IGNORED, cookie: 0, name: "" }]);
  close(fd);
});

test("calls throw what the system says", () => {
  const fd = inotifyInit1();
  const file = join(folder, "file");
  writeFileSync(file, "");
  const missing = join(folder, "missing");
  const long = join(folder, "x".repeat(256));
  const watch = inotifyAddWatch(fd, file, IN_MOVE);
  assert.is(inotifyAddWatch(fd, file, IN_CREATE), watch, "changed");
  throwsSystemError(() => inotifyAddWatch(fd, file, IN_CREATE | IN_MASK_CREATE), "EEXIST", "inotify_add_watch", file);
  throwsSystemError(() => inotifyAddWatch(fd, missing, IN_CREATE), "ENOENT", "inotify_add_watch", missing);
  throwsSystemError(() => inotifyAddWatch(fd, long, IN_CREATE), "ENAMETOOLONG", "inotify_add_watch", long);
  throwsSystemError(() => inotifyAddWatch(fd, file, IN_CREATE | IN_ONLYDIR), "ENOTDIR", "inotify_add_watch", file);
  throwsSystemError(() => inotifyAddWatch(fd, file, 0), "EINVAL", "inotify_add_watch", file);
  throwsSystemError(() => inotifyAddWatch(-1, file, IN_CREATE), "EBADF", "inotify_add_watch", file);
  throwsSystemError(() => inotifyRmWatch(fd, watch + 1), "EINVAL", "inotify_rm_watch");
  throwsSystemError(() => inotifyRmWatch(-1, watch), "EBADF", "inotify_rm_watch");
  throwsSystemError(() => inotifyInit1(O_CREAT), "EINVAL", "inotify_init1");
  const [readEnd, writeEnd] = pipe2();
  throwsSystemError(() => inotifyAddWatch(readEnd, file, IN_CREATE), "EINVAL", "inotify_add_watch", file);
  throwsSystemError(() => inotifyRmWatch(readEnd, watch), "EINVAL", "inotify_rm_watch");
  for (const each of [fd, readEnd, writeEnd]) close(each);
});

test("another user's file cannot be watched", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const path = join("/dev/shm", uniqueName("unwatched"));
  writeFileSync(path, "", { mode: 0o600 });
  const fd = inotifyInit1();
  throwsSystemError(() => asNobody(() => inotifyAddWatch(fd, path, IN_CREATE)), "EACCES", "inotify_add_watch", path);
  close(fd);
  rmSync(path);
});

test("misuse is refused before the call", () => {
  assert.throws(() => inotifyAddWatch(0, "a\0", IN_CREATE), /NUL/);
  assert.throws(() => inotifyAddWatch(0, "a", -1), /mask is -1/);
  assert.throws(() => inotifyRmWatch(0, 0.5), /watch is 0.5/);
});

leakCheck(test);
test.run();
