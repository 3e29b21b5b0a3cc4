import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseArguments } from "../../src/cli/parse-arguments.ts";
import { parseDuration } from "../../src/cli/parse-duration.ts";
import { parseSize } from "../../src/cli/parse-size.ts";
import { parseWholeNumber } from "../../src/cli/parse-whole-number.ts";
import { readTransferOptions, TRANSFER_ARGS } from "../../src/cli/transfer-options.ts";
import { UsageError } from "../../src/cli/usage-error.ts";

const ARGS = {
  address: { type: "positional", required: true },
  file: { type: "positional", required: false },
  ...TRANSFER_ARGS,
} as const;

const read = (...raw: string[]) => readTransferOptions(parseArguments(raw, ARGS));

function refuses(action: () => unknown, pattern: RegExp): void {
  assert.throws(action, (error: unknown) => error instanceof UsageError && pattern.test(error.message));
}

test("a duration is a number with a unit", () => {
  const durations = { "0": 0, "1500": 1500, "250ms": 250, "5s": 5000, "2m": 120_000, "1.5h": 5_400_000, "5S": 5000 };
  for (const [text, milliseconds] of Object.entries(durations))
    assert.is(parseDuration("--timeout", text), milliseconds);
  for (const text of ["", "s", "-1", "5x", "5 s", "1e3", "5ss", "Infinity"]) {
    refuses(() => parseDuration("--timeout", text), /--timeout is ".*", but must be a duration/);
  }
});

test("a size is a whole number of bytes, in powers of 1024", () => {
  const sizes = {
    "0": 0,
    "4096": 4096,
    "64k": 65_536,
    "64K": 65_536,
    "1m": 1_048_576,
    "1MiB": 1_048_576,
    "1.5k": 1536,
    "2g": 2 ** 31,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.is(parseSize("--capacity", text), bytes);
  for (const text of ["", "k", "-1", "1.5", "64 k", "1t", "0x10"]) {
    refuses(() => parseSize("--capacity", text), /--capacity is ".*", but must be a size/);
  }
});

test("a whole number may be hexadecimal", () => {
  assert.is(parseWholeNumber("--type", "0x10", 0), 16);
  assert.is(parseWholeNumber("--count", "1", 1), 1);
  for (const text of ["0", "-1", "1.5", "x", "", "9007199254740993"]) {
    refuses(() => parseWholeNumber("--count", text, 1), /must be a whole number from 1/);
  }
});

test("options become what the channel takes", () => {
  assert.equal(read("frames"), {
    address: "ring:frames",
    channel: {},
    lines: false,
    count: Number.POSITIVE_INFINITY,
    timeout: undefined,
    json: false,
    progress: true,
  });
  const { channel, count, json, progress } = read(
    "ring:a",
    "--capacity",
    "64k",
    "--count=3",
    "--timeout",
    "5s",
    "--json",
  );
  assert.equal(channel, { capacity: 65_536, timeout: 5000 });
  assert.equal([count, json, progress], [3, true, false]);
  assert.is(read("ring:a", "--no-progress").progress, false);
  assert.equal(read("sysv:7", "--type", "9", "--fragments").channel, { type: 9, fragments: true });
});

test("--raw is the framing of pipes, and nothing elsewhere", () => {
  assert.equal(read("fifo:/tmp/f", "--raw").channel, { framing: "raw" });
  assert.equal(read("pipe:3", "--raw", "--lines").channel, { framing: "lines" });
  assert.equal(read("fifo:/tmp/f", "--lines").channel, {});
  assert.equal(read("ring:a", "--raw").channel, {});
});

test("what cannot be understood is a usage error that says what would be right", () => {
  refuses(() => read(), /no ADDRESS/);
  refuses(() => read("x:y"), /unknown scheme "x".*ring:NAME/);
  refuses(() => read("ring:a/b"), /"a\/b"/);
  refuses(() => read("ring:a", "--frobnicate"), /no option --frobnicate/);
  refuses(() => read("ring:a", "-x"), /no option -x/);
  refuses(() => read("ring:a", "--no-such"), /no option --no-such/);
  refuses(() => read("ring:a", "b", "c"), /argument too many: "c"/);
  refuses(() => read("ring:a", "--count"), /--count needs a value/);
  refuses(() => read("ring:a", "--count", "--json"), /--count needs a value/);
  refuses(() => read("ring:a", "--no-count"), /--count needs a value/);
  refuses(() => read("ring:a", "--capacity", "0"), /capacity is 0/);
  refuses(() => read("sysv:7", "--capacity", "1m"), /no use for the option "capacity"/);
  refuses(() => read("ring:a", "--type", "1"), /no use for the option "type"/);
  refuses(() => read("memory:a"), /inside one process/);
});

test("what comes after -- is no option", () => {
  assert.is(parseArguments(["ring:a", "--", "--json"], ARGS).file, "--json");
  assert.is(parseArguments(["ring:a", "-"], ARGS).file, "-");
});

test.run();
