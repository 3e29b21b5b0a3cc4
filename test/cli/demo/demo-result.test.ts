import { test } from "uvu";
import * as assert from "uvu/assert";
import { failed, summarize } from "../../../src/cli/demo/demo-result.ts";
import type { PassedReport } from "../../../src/cli/demo/protocol.ts";
import { renderResults } from "../../../src/cli/demo/render-results.ts";
import { sha256 } from "../../../src/cli/demo/sha256.ts";

const CONTENT = new Uint8Array(1000).fill(7);
const SENT = { report: "loaded", bytes: CONTENT.length, sha256: sha256(CONTENT) } as const;

function pass(seconds: number, content = CONTENT): PassedReport {
  return { report: "passed", messages: 4, bytes: content.length, seconds, sha256: sha256(content) };
}

test("the median of the passes counts", () => {
  const result = summarize("ring", SENT, [pass(5), pass(1), pass(2)]);
  assert.equal(result, {
    transport: "ring",
    messages: 4,
    bytes: 1000,
    seconds: 2,
    gbPerSecond: 5e-7,
    sha256Sent: SENT.sha256,
    sha256Received: SENT.sha256,
    ok: true,
  });
  assert.is(summarize("ring", SENT, [pass(2), pass(1)]).seconds, 1);
});

test("one pass in which a byte differs makes the whole not equal, and its hash is shown", () => {
  const corrupt = CONTENT.slice();
  corrupt[500] = 8;
  const result = summarize("ring", SENT, [pass(1), pass(3, corrupt), pass(2)]);
  assert.is(result.ok, false);
  assert.is(result.sha256Received, sha256(corrupt));
  assert.match(
    renderResults({ transports: [result], comparison: summarize("stdio", SENT, [pass(1)]) }),
    /│ NO .*\n(.*\n)*ring is not equal/,
  );
});

test("a pass in which bytes are missing is not equal either", () => {
  assert.is(summarize("ring", SENT, [pass(1, CONTENT.subarray(1))]).ok, false);
});

test("an empty file is equal, and no speed", () => {
  const nothing = new Uint8Array(0);
  const sent = { report: "loaded", bytes: 0, sha256: sha256(nothing) } as const;
  const result = summarize("ring", sent, [pass(0, nothing)]);
  assert.is(result.ok, true);
  assert.is(result.gbPerSecond, 0);
});

test("a transport that failed says so", () => {
  const result = failed("sysv", "no queues here");
  assert.is(result.ok, false);
  assert.is(summarize("sysv", SENT, []).ok, false);
  const text = renderResults({
    transports: [summarize("ring", SENT, [pass(1)]), result],
    comparison: summarize("stdio", SENT, [pass(4)]),
  });
  assert.match(text, /failed/);
  assert.match(text, /sysv failed: no queues here/);
  assert.match(text, /ring is 4\.0 times stdio/);
});

test.run();
