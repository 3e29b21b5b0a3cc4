import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { close, write } from "../../src/ffi/fd.ts";
import { publishByName } from "../../src/objects/publish-by-name.ts";
import { publishFile } from "../../src/objects/publish-file.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";

const test = suite("files that appear whole");
const folder = mkdtempSync(join(tmpdir(), "publish-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

for (const publish of [publishFile, publishByName]) {
  test(`${publish.name}: a file of zeros, with its space and its mode, and nothing beside it`, () => {
    const path = join(folder, publish.name);
    const umask = process.umask(0o022);
    const fd = publish(path, 10_000, 0o666);
    process.umask(umask);
    const { size, mode, blocks } = statSync(path);
    assert.equal([size, mode & 0o7777], [10_000, 0o644]);
    assert.ok(blocks * 512 >= 10_000);
    assert.ok(readFileSync(path).every((byte) => byte === 0));
    write(fd, new Uint8Array([1]));
    assert.is(readFileSync(path)[0], 1);
    close(fd);
    rmSync(path);
    assert.equal(readdirSync(folder), []);
  });

  test(`${publish.name}: what exists is not replaced, and a failure leaves nothing`, () => {
    const path = join(folder, "taken");
    writeFileSync(path, "stays");
    failsWithCode(() => publish(path, 10, 0o600), "EEXIST");
    assert.is(readFileSync(path, "utf8"), "stays");
    rmSync(path);
    failsWithCode(() => publish(path, 2 ** 53 - 1, 0o600), /^(EFBIG|ENOSPC)$/);
    failsWithCode(() => publish(join(folder, "no", "such"), 10, 0o600), "ENOENT");
    assert.equal(readdirSync(folder), []);
  });
}

test("a file system that has no files without a name gets one with a temporary name", () => {
  if (!existsSync("/proc/self")) return skip("needs /proc");
  // which takes no file of any name: the name in the error tells which way was gone
  assert.throws(() => publishFile("/proc/millrace-test", 1, 0o600), /open '\/proc\/\.tmp-/);
});

function failsWithCode(action: () => unknown, code: string | RegExp): void {
  assert.throws(action, (error: { code?: string }) =>
    typeof code === "string" ? error.code === code : code.test(error.code ?? ""),
  );
}

leakCheck(test);
test.run();
