import { test } from "uvu";
import * as assert from "uvu/assert";
import { statusOf } from "../../src/cli/exit-status.ts";
import { formatBytes } from "../../src/cli/format-bytes.ts";
import { gbPerSecond } from "../../src/cli/gb-per-second.ts";
import { OutputClosed } from "../../src/cli/output-closed.ts";
import { describeError } from "../../src/cli/report-error.ts";
import { ReportedError } from "../../src/cli/reported-error.ts";
import { UsageError } from "../../src/cli/usage-error.ts";
import { IpcError } from "../../src/errors.ts";

test("every kind of error has its status", () => {
  const statuses: [unknown, number][] = [
    [new UsageError("x"), 2],
    [new IpcError("IPC_CLOSED", "x"), 3],
    [new IpcError("IPC_PEER_GONE", "x"), 3],
    [new IpcError("IPC_TIMEOUT", "x"), 4],
    [new IpcError("IPC_BUSY", "x"), 5],
    [new IpcError("IPC_CORRUPT", "x"), 1],
    [new OutputClosed(), 141],
    [new Error("x"), 1],
    [new TypeError("a defect"), 1],
    ["not even an error", 1],
  ];
  for (const [error, status] of statuses) {
    assert.is(statusOf(error), status, String(error));
    assert.is(statusOf(new ReportedError(error)), status);
  }
});

test("an error is told in one line", () => {
  assert.is(describeError(new Error("one\n  two\r\nthree")), "one; two; three");
  assert.is(describeError(new IpcError("IPC_BUSY", "Taken")), "Taken (IPC_BUSY)");
  assert.is(describeError(new RangeError()), "RangeError");
  assert.is(describeError("plain"), "plain");
});

test("amounts have three digits", () => {
  const amounts = {
    0: "0 B",
    999: "999 B",
    1000: "1.00 kB",
    12345: "12.3 kB",
    999499: "999 kB",
    999500: "1.00 MB",
    107394952: "107 MB",
  };
  for (const [bytes, text] of Object.entries(amounts)) assert.is(formatBytes(Number(bytes)), text);
  assert.is(formatBytes(9_995_000), "10.0 MB");
  assert.is(gbPerSecond(2e9, 0.5), 4);
  assert.is(gbPerSecond(1, 0), 0);
});

test.run();
