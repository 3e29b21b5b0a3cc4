// timeout: 240s
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeHeader } from "../../src/ipc/call-link/call-frame.ts";
import { PendingCall } from "../../src/ipc/call-link/pending-call.ts";
import { RequestsInFlight } from "../../src/ipc/call-link/requests-in-flight.ts";
import { Channel } from "../../src/ipc/channel.ts";
import type { IncomingCall } from "../../src/ipc/incoming-call.ts";
import { RemoteError } from "../../src/ipc/remote-error.ts";
import { Requester } from "../../src/ipc/requester.ts";
import { Responder } from "../../src/ipc/responder.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { removeJournalsAtExit } from "../support/remove-journals.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;
const PEER = "test/ipc/peers/call-peer.ts";
const JSON_CODEC = { codec: "json" } as const;
const test = suite("request and reply");
const folder = mkdtempSync(join(tmpdir(), "calls-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
removeJournalsAtExit();

const newAddress = () => `ring:${uniqueName("calls")}`;

/** A responder whose calls the test answers itself, and a requester. */
async function openBoth(options: { concurrency?: number; backlog?: number; maxInFlight?: number } = {}) {
  const { maxInFlight = 1024, ...given } = options;
  const address = newAddress();
  const responder = await Responder.listen(address, { ...JSON_CODEC, ...given });
  const requester = await Requester.connect(address, { ...JSON_CODEC, maxInFlight });
  const calls = responder[Symbol.asyncIterator]();
  const next = async () => (await calls.next()).value as IncomingCall<unknown>;
  return { address, responder, requester, next };
}

async function closeBoth({ requester, responder }: { requester: Requester<unknown>; responder: Responder<unknown> }) {
  await requester.close();
  await responder.close();
}

/** What the header of a hostile frame says. */
function frameOf(kind: number, session: number, id: number, { flags = 0, payload = "" } = {}): Uint8Array {
  const text = new TextEncoder().encode(payload);
  const frame = new Uint8Array(16 + text.length);
  writeHeader(frame, kind, flags, session, id);
  frame.set(text, 16);
  return frame;
}

test(
  "10,000 requests, 100 in flight, answered in any order",
  deadline(LIMIT, async () => {
    const seed = (Math.random() * 2 ** 31) >>> 0;
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const both = await openBoth({ maxInFlight: 100 });
    const { responder, requester } = both;
    const held: IncomingCall<unknown>[] = [];
    let most = 0;
    const answering = (async () => {
      let left = 10_000;
      for await (const call of responder) {
        held.push(call);
        most = Math.max(most, held.length);
        // the last ones are given out too
        while (held.length > 0 && (held.length > 50 || left === held.length || random(3) === 0)) {
          const [one] = held.splice(random(held.length), 1) as [IncomingCall<unknown>];
          assert.ok(one.reply({ answer: one.value }));
          left--;
        }
        if (left === 0) break;
      }
    })();
    const replies = await Promise.all(
      Array.from({ length: 10_000 }, async (_, n) => ((await requester.request(n)) as { answer: number }).answer),
    );
    await answering;
    assert.ok(
      replies.every((reply, n) => reply === n),
      `seed ${seed}`,
    );
    assert.ok(most > 1 && most <= 100, `${most} at a time`);
    assert.equal(requester.stats(), { requests: 10_000, replies: 10_000, late: 0, waiting: 0 });
    await closeBoth(both);
  }),
);

test(
  "a request whose time is over is given up, its handler's signal fires, and its reply is dropped",
  deadline(LIMIT, async () => {
    const both = await openBoth();
    const { requester, responder, next } = both;
    const given = failsWith("IPC_TIMEOUT", requester.request("slow", { timeout: 2000 }), /^request\(\) on ring:/);
    const call = await next();
    await given;
    const other = requester.request("other");
    const second = await next();
    // the cancellation came before the second request
    assert.ok(call.cancelled);
    assert.ok(call.signal.aborted);
    await failsWith("IPC_ABORTED", Promise.reject(call.signal.reason));
    assert.is(call.reply("late"), false);
    assert.ok(second.reply("in time"));
    assert.is(await other, "in time");
    await failsWith("IPC_TIMEOUT", requester.request("never sent", { timeout: 0 }));
    assert.is(responder.stats().cancelled, 1);
    assert.is(requester.stats().late, 0);
    await closeBoth(both);
  }),
);

test(
  "a request that is aborted is given up; a reply that crosses the cancellation is dropped and counted",
  deadline(LIMIT, async () => {
    const both = await openBoth({ maxInFlight: 1 });
    const { requester, next } = both;
    const abort = new AbortController();
    const given = failsWith("IPC_ABORTED", requester.request("slow", { signal: abort.signal }));
    const call = await next();
    const fired = new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    // its place is taken until the responder knows
    const waits = requester.request("next");
    abort.abort(new Error("changed my mind"));
    const error = await given;
    assert.is((error.cause as Error).message, "changed my mind");
    await fired;
    const second = await next();
    second.reply("done");
    assert.is(await waits, "done");

    const crossing = new AbortController();
    const crossed = failsWith("IPC_ABORTED", requester.request("crossing", { signal: crossing.signal }));
    const third = await next();
    crossing.abort();
    assert.is(third.reply("too late"), true);
    await crossed;
    const last = requester.request("last");
    (await next()).reply(undefined);
    assert.is(await last, undefined);
    assert.is(requester.stats().late, 1);
    await failsWith("IPC_ABORTED", requester.request("never", { signal: AbortSignal.abort() }));
    await closeBoth(both);
  }),
);

test(
  "a request that waits for its place, or for room, can be given up and is never seen",
  deadline(LIMIT, async () => {
    const both = await openBoth({ maxInFlight: 1 });
    const { requester, next } = both;
    const first = requester.request("first");
    await failsWith("IPC_TIMEOUT", requester.request("second", { timeout: 5 }));
    const third = requester.request("third");
    const call = await next();
    assert.is(call.value, "first");
    call.reply(1);
    assert.is(await first, 1);
    const after = await next();
    assert.is(after.value, "third");
    after.reply(3);
    assert.is(await third, 3);
    await closeBoth(both);

    const address = newAddress();
    const responder = await Responder.listen(address, { capacity: 4096, backlog: 1 });
    const small = await Requester.connect(address, { capacity: 4096 });
    // far more than the ring and the backlog hold
    const many = Array.from({ length: 20 }, () => small.request(new Uint8Array(1000)));
    const abort = new AbortController();
    const given = failsWith("IPC_ABORTED", small.request(new Uint8Array([7]), { signal: abort.signal }));
    await turnEventLoop();
    abort.abort();
    await given;
    const last = small.request(new Uint8Array([8]));
    let seen = 0;
    for await (const call of responder) {
      call.reply(call.value);
      assert.not.equal([...call.value], [7]);
      if (++seen === 21) break;
    }
    await Promise.all(many);
    assert.equal([...(await last)], [8]);
    await small.close();
    await responder.close();
  }),
);

test(
  "what a handler throws arrives with its message, name and code, and without its stack",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const thrown: Record<string, unknown> = {
      range: new RangeError("No such price"),
      code: Object.assign(new Error("not there"), { code: "ENOENT" }),
      text: "just a text",
      long: new Error("x".repeat(100_000)),
      half: new Error("half \ud800 of a pair"),
    };
    const responder = await Responder.serve(
      address,
      (name) => {
        if (name === "function") return (() => {}) as never;
        throw thrown[name as string];
      },
      JSON_CODEC,
    );
    const requester = await Requester.connect(address, JSON_CODEC);
    const errorOf = async (name: string) => {
      const error = await requester.request(name).then(
        () => undefined,
        (reason) => reason,
      );
      assert.instance(error, RemoteError);
      return error as RemoteError;
    };
    const range = await errorOf("range");
    assert.equal(
      [range.name, range.remoteName, range.message, range.code],
      ["RemoteError", "RangeError", "No such price", undefined],
    );
    assert.not.match(range.stack ?? "", /thrown/);
    assert.is((await errorOf("code")).code, "ENOENT");
    const text = await errorOf("text");
    assert.equal([text.remoteName, text.message], ["Error", "just a text"]);
    assert.is((await errorOf("long")).message.length, 1024);
    assert.is((await errorOf("half")).message, "half \ufffd of a pair");
    // what the codec does not take is the handler's error too
    assert.is((await errorOf("function")).remoteName, "TypeError");
    await requester.close();
    await responder.close();
  }),
);

test(
  "codecs, undefined, and empty values",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const bytes = await Responder.serve(address, (value) => value);
    const requester = await Requester.connect(address);
    assert.equal([...(await requester.request(new Uint16Array([1, 2])))], [1, 0, 2, 0]);
    assert.is((await requester.request(new Uint8Array(0))).length, 0);
    assert.is(await requester.request(undefined), undefined);
    await failsWith("TypeError", requester.request("text" as never), /codec: "text"/);
    // they are the caller's own
    const one = await requester.request(new Uint8Array([1]));
    await requester.request(new Uint8Array([2]));
    assert.equal([...one], [1]);
    await requester.close();
    await bytes.close();

    const text = await Responder.serve(address, (value) => value.toUpperCase(), { codec: "text" });
    const asText = await Requester.connect(address, { codec: "text" });
    assert.is(await asText.request("grüße"), "GRÜSSE");
    await asText.close();
    // what one side's codec cannot read is that request's error, and the connection goes on
    const asBytes = await Requester.connect(address);
    const error = await asBytes.request(new Uint8Array([0xff])).catch((reason) => reason);
    assert.equal([error.name, error.code], ["RemoteError", "IPC_CORRUPT"]);
    assert.equal([...(await asBytes.request(new Uint8Array([97])))], [65]);
    await asBytes.close();
    const asJson = await Requester.connect(address, JSON_CODEC);
    await failsWith("IPC_CORRUPT", asJson.request(null), /^Cannot decode/);
    assert.is(await asJson.request(12), 12);
    await asJson.close();
    await text.close();

    const codec = {
      encode: (value: number) => new Uint8Array(new Float64Array([value]).buffer),
      decode: (from: Uint8Array) => new Float64Array(from.slice().buffer)[0] as number,
    };
    const numbers = await Responder.serve(address, async (value) => value / 2, { codec });
    const asNumbers = await Requester.connect(address, { codec });
    assert.is(await asNumbers.request(5), 2.5);
    await asNumbers.close();
    await numbers.close();
  }),
);

test(
  "messages far longer than the ring, many at a time",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const options = { capacity: 65_536, maxMessageBytes: 4_000_000 };
    const responder = await Responder.serve(address, (value) => value.map((byte) => byte ^ 0xff), options);
    const requester = await Requester.connect(address, options);
    const lengths = [3_000_000, 10, 65_536, 0, 1_000_000, 70_000];
    const replies = await Promise.all(lengths.map((length, n) => requester.request(new Uint8Array(length).fill(n))));
    replies.forEach((reply, n) => {
      assert.is(reply.length, lengths[n]);
      assert.ok(reply.every((byte) => byte === (n ^ 0xff)));
    });
    await failsWith("IPC_TOO_LARGE", requester.request(new Uint8Array(4_000_001)), /4000001 bytes/);
    await requester.close();
    await responder.close();
  }),
);

test(
  "no more handlers run than concurrency says, and those that were given up keep their place",
  deadline(LIMIT, async () => {
    const address = newAddress();
    let running = 0;
    let most = 0;
    let free: (() => void)[] = [];
    const responder = await Responder.serve(
      address,
      async (value) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => free.push(resolve));
        running--;
        return value;
      },
      { ...JSON_CODEC, concurrency: 3, backlog: 4 },
    );
    const requester = await Requester.connect(address, JSON_CODEC);
    const abort = new AbortController();
    const given = failsWith("IPC_ABORTED", requester.request("given up", { signal: abort.signal }));
    const replies = Promise.all(Array.from({ length: 20 }, (_, n) => requester.request(n)));
    while (responder.stats().running < 3) await turnEventLoop();
    abort.abort();
    await given;
    assert.is(responder.stats().running, 3);
    assert.ok(responder.stats().queued <= 4);
    while (await isPending(replies)) {
      const all = free;
      free = [];
      for (const end of all) end();
    }
    assert.equal(
      await replies,
      Array.from({ length: 20 }, (_, n) => n),
    );
    assert.is(most, 3);
    await requester.close();
    await responder.close();
  }),
);

test(
  "close() waits for the replies in flight",
  deadline(LIMIT, async () => {
    const both = await openBoth();
    const { requester, responder, next } = both;
    const reply = requester.request("one");
    const call = await next();
    const closing = requester.close();
    assert.is(await isPending(closing), true);
    await failsWith("IPC_CLOSED", requester.request("two"));
    call.reply("answered");
    assert.is(await reply, "answered");
    await closing;
    await requester.close();
    assert.is(requester.closed, true);
    await responder.close();

    const again = await openBoth();
    const given = failsWith("IPC_CLOSED", again.requester.request("one"));
    const left = await again.next();
    await failsWith("IPC_TIMEOUT", again.requester.close({ timeout: 10 }));
    await given;
    await new Promise((resolve) => {
      if (left.signal.aborted) resolve(undefined);
      else left.signal.addEventListener("abort", resolve);
    });
    await failsWith("IPC_CLOSED", Promise.reject(left.signal.reason));
    await again.responder.close();

    const disposed = await openBoth();
    const rejected = failsWith("IPC_CLOSED", disposed.requester.request("one"));
    await disposed.next();
    disposed.requester[Symbol.dispose]();
    await rejected;
    disposed.responder[Symbol.dispose]();
    await disposed.requester.close();
    await disposed.responder.close();
  }),
);

test(
  "a responder that closes answers what runs and rejects the rest",
  deadline(LIMIT, async () => {
    const both = await openBoth({ concurrency: 1 });
    const { requester, responder, next } = both;
    const first = requester.request("first");
    const second = failsWith("IPC_CLOSED", requester.request("second"), /Connect again/);
    const call = await next();
    const closing = responder.close();
    assert.is(await isPending(closing), true);
    assert.ok(call.reply("still"));
    assert.is(await first, "still");
    await closing;
    await second;
    assert.is(requester.closed, true);
    await failsWith("IPC_CLOSED", requester.request("third"));
    await requester.close();
    for await (const _ of responder) throw new Error("a closed responder gives nothing");

    const again = await openBoth();
    const rejected = failsWith("IPC_CLOSED", again.requester.request("one"));
    const left = await again.next();
    await failsWith("IPC_TIMEOUT", again.responder.close({ timeout: 10 }));
    assert.ok(left.signal.aborted);
    assert.is(left.reply("nobody"), false);
    await rejected;
    await again.requester.close();
  }),
);

test(
  "a responder serves one requester after the other, over every transport with both directions",
  deadline(LIMIT, async () => {
    const key = 0x4d70_0000 + (process.pid & 0xffff) * 2;
    const addresses = [
      `memory:${uniqueName()}`,
      newAddress(),
      `mq:/${uniqueName()}`,
      { request: `sysv:${key}`, reply: `sysv:${key + 1}` },
      `unix:@${uniqueName("calls")}`,
      `unix:${join(folder, uniqueName())}`,
      `fifo:${join(folder, uniqueName())}`,
      { request: newAddress(), reply: `mq:/${uniqueName()}` },
    ];
    for (const address of addresses) {
      const responder = await Responder.serve(address, (value) => value, JSON_CODEC);
      for (let client = 0; client < 3; client++) {
        const requester = await Requester.connect(address, { ...JSON_CODEC, timeout: 20_000 });
        const replies = await Promise.all([1, 2, 3].map((n) => requester.request({ client, n })));
        assert.equal(
          replies,
          [1, 2, 3].map((n) => ({ client, n })),
        );
        await requester.close();
      }
      await responder.close();
      assert.is(responder.stats().answered, 9, JSON.stringify(address));
    }
  }),
);

test(
  "either side may come first; a second one of either is refused",
  deadline(LIMIT, async () => {
    const address = newAddress();
    await failsWith("IPC_TIMEOUT", Requester.connect(address, { timeout: 20 }), /^Connecting to ring:/);
    assert.is(await Channel.remove(`${address}.request`), false);
    assert.is(await Channel.remove(`${address}.reply`), false);
    const connecting = Requester.connect(address, JSON_CODEC);
    assert.is(await isPending(connecting), true);
    const responder = await Responder.serve(address, () => "welcome", JSON_CODEC);
    const requester = await connecting;
    await failsWith("IPC_BUSY", Requester.connect(address));
    await failsWith("IPC_BUSY", Responder.listen(address));
    assert.is(await requester.request(1), "welcome");
    assert.is(responder.connected, true);
    await requester.close();
    await responder.close();
    const abort = new AbortController();
    const aborted = failsWith("IPC_ABORTED", Requester.connect(address, { signal: abort.signal }));
    await turnEventLoop();
    abort.abort();
    await aborted;
    assert.is(await Channel.remove(`${address}.request`), false);
  }),
);

test(
  "a responder that is killed rejects all that is in flight; its successor is found again",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const first = startPeer(currentRuntime(), PEER, ["serve", address]);
    await first.line("serving");
    const requester = await Requester.connect(address, JSON_CODEC);
    assert.is(await requester.request({ echo: 1 }), 1);
    const given = Array.from({ length: 10 }, () => failsWith("IPC_PEER_GONE", requester.request({ hang: true })));
    await requester.request({ echo: 2 });
    await first.kill();
    await Promise.all(given);
    await failsWith("IPC_PEER_GONE", requester.request({ echo: 3 }));
    assert.is(requester.closed, true);
    await requester.close();

    const connecting = Requester.connect(address, JSON_CODEC);
    const second = startPeer(currentRuntime(), PEER, ["serve", address]);
    const again = await connecting;
    assert.is(await again.request({ echo: 4 }), 4);
    // another one comes in its place while nobody looks
    await second.kill();
    const third = startPeer(currentRuntime(), PEER, ["serve", address]);
    await third.line("serving");
    await failsWith("IPC_PEER_GONE", again.request({ echo: 5 }));
    const last = await Requester.connect(address, JSON_CODEC);
    assert.is(await last.request({ echo: 6 }), 6);
    await last.close();
    third.resume();
    assert.is((await third.exit()).status, 0);
  }),
);

test(
  "a requester that is killed fires the signals of its calls, and the next one may come",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const responder = await Responder.listen(address, JSON_CODEC);
    const calls = responder[Symbol.asyncIterator]();
    const peer = startPeer(currentRuntime(), PEER, ["hang", address]);
    const call = (await calls.next()).value as IncomingCall<unknown>;
    const gone = new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    await peer.kill();
    await gone;
    await failsWith("IPC_PEER_GONE", Promise.reject(call.signal.reason));
    assert.is(call.reply("nobody"), false);
    const requester = await Requester.connect(address, JSON_CODEC);
    const reply = requester.request("next");
    ((await calls.next()).value as IncomingCall<unknown>).reply("here");
    assert.is(await reply, "here");
    await requester.close();
    await responder.close();
    await Channel.remove(`${address}.reply`);
  }),
);

test(
  "a handler in another process sees the cancellation",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const peer = startPeer(currentRuntime(), PEER, ["serve", address]);
    const requester = await Requester.connect(address, JSON_CODEC);
    const abort = new AbortController();
    const given = failsWith("IPC_ABORTED", requester.request({ hang: true }, { signal: abort.signal }));
    await peer.line("hanging");
    abort.abort();
    await given;
    await peer.line("cancelled IPC_ABORTED");
    await requester.close();
    peer.resume();
    await peer.exit();
  }),
);

test(
  "requestSync() blocks for its reply and keeps the others' for them",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const peer = startPeer(currentRuntime(), PEER, ["serve", address]);
    const requester = await Requester.connect(address, { ...JSON_CODEC, maxInFlight: 4 });
    const others = Array.from({ length: 10 }, (_, n) => requester.request({ echo: n }));
    assert.is(requester.requestSync({ echo: "blocking" }), "blocking");
    assert.equal(requester.stats().waiting, 0);
    assert.equal(
      await Promise.all(others),
      Array.from({ length: 10 }, (_, n) => n),
    );
    for (let n = 0; n < 100; n++) assert.is(requester.requestSync({ echo: n }), n);
    await failsWith("IPC_TIMEOUT", () => requester.requestSync({ hang: true }, { timeout: 20 }), /within 20 ms$/);
    await peer.line("cancelled IPC_ABORTED");
    const hanging = requester.request({ hang: true });
    const rejected = failsWith("IPC_PEER_GONE", hanging);
    assert.is(requester.requestSync({ echo: "again" }), "again");
    assert.is(await requester.request({ echo: "free" }), "free");
    const long = "x".repeat(3_000_000);
    assert.is(requester.requestSync({ echo: long }), long);
    await failsWith("TypeError", () => requester.requestSync(1, { signal: new AbortController().signal }));
    await peer.kill();
    await failsWith("IPC_PEER_GONE", () => requester.requestSync({ echo: 1 }));
    await rejected;
    await failsWith("IPC_PEER_GONE", () => requester.requestSync({ echo: 1 }));
    // what the dead responder did not read waits for the next one
    await Channel.remove(`${address}.request`);
  }),
);

test(
  "a responder that sends what none sends loses its requester",
  deadline(LIMIT, async () => {
    const hostile = [
      (session: number, id: number) => frameOf(19, session, id + 1, { payload: "1" }),
      (session: number, id: number) => frameOf(99, session, id),
      (session: number, id: number) => frameOf(19, session, id).subarray(0, 15),
      (session: number, id: number) => frameOf(19, session, id, { flags: 1, payload: "1" }),
      (session: number, id: number) => frameOf(20, session, id, { flags: 1 }),
      (session: number, id: number) => frameOf(21, session, id),
      (session: number, id: number) => frameOf(22, session, id, { payload: "{}" }),
      (session: number, id: number) => {
        const frame = frameOf(19, session, id, { payload: "1" });
        frame[13] = 1;
        return frame;
      },
    ];
    for (const frame of hostile) {
      const address = newAddress();
      const requests = await Channel.receiver(`${address}.request`);
      const replies = await Channel.sender(`${address}.reply`);
      const connecting = Requester.connect(address, JSON_CODEC);
      const hello = (await requests.receive()) as Uint8Array;
      const session = new DataView(hello.buffer, hello.byteOffset).getUint32(4, true);
      assert.equal([hello[0], hello[8], hello.length], [1, 1, 16]);
      await replies.send(frameOf(18, session, 1));
      const requester = await connecting;
      const given = failsWith("IPC_CORRUPT", requester.request(1));
      const request = (await requests.receive()) as Uint8Array;
      // not for this requester
      await replies.send(frameOf(19, session ^ 1, 5));
      await replies.send(frame(session, new DataView(request.buffer, request.byteOffset).getUint32(8, true)));
      await given;
      assert.is(requester.closed, true);
      await replies.close();
      await requests.close();
    }
    const address = newAddress();
    const requests = await Channel.receiver(`${address}.request`);
    const replies = await Channel.sender(`${address}.reply`);
    const connecting = failsWith("IPC_CORRUPT", Requester.connect(address), /version 2/);
    const hello = (await requests.receive()) as Uint8Array;
    await replies.send(frameOf(18, new DataView(hello.buffer, hello.byteOffset).getUint32(4, true), 2));
    await connecting;
    await replies.close();
    await requests.close();
  }),
);

test(
  "a requester that sends what none sends is told and dropped, and the responder goes on",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const responder = await Responder.serve(address, () => new Promise<never>(() => {}), JSON_CODEC);
    const hostile = [
      [new Uint8Array(3)],
      [frameOf(99, 7, 0)],
      [frameOf(1, 0, 1)],
      [frameOf(19, 7, 0)],
      [frameOf(2, 7, 1, { payload: "1" }), frameOf(2, 7, 1, { payload: "1" })],
      [frameOf(3, 7, 1, { flags: 1 })],
    ];
    let corrupt = 0;
    for (const frames of hostile) {
      const replies = await Channel.receiver(`${address}.reply`);
      const requests = await Channel.sender(`${address}.request`);
      await requests.send(frameOf(1, 7, 1));
      for (const frame of frames) await requests.send(frame);
      let fault: Uint8Array;
      do {
        fault = (await replies.receive()) as Uint8Array;
      } while (fault[0] !== 22);
      assert.match(new TextDecoder().decode(fault.slice(16)), /IPC_CORRUPT/);
      assert.is(responder.stats().corrupt, ++corrupt);
      assert.is(responder.connected, false);
      // what it sends from here on is of no connection
      await requests.send(frameOf(2, 7, 2, { payload: "1" }));
      await requests.close();
      await replies.close();
    }
    const requester = await Requester.connect(address, JSON_CODEC);
    const given = failsWith("IPC_TIMEOUT", requester.request(1, { timeout: 10 }));
    await given;
    assert.is(responder.stats().stale, hostile.length);
    await requester.close();
    responder[Symbol.dispose]();
  }),
);

test("ids wrap, and one that is still taken is passed over", () => {
  const calls = new RequestsInFlight(4, 2 ** 32 - 2);
  const make = () =>
    new PendingCall(
      "test",
      new Uint8Array(0),
      0,
      () => {},
      () => {},
    );
  const [a, b, c, d] = [make(), make(), make(), make()] as const;
  for (const call of [a, b, c]) calls.enter(call);
  assert.equal([a.id, b.id, c.id], [2 ** 32 - 2, 2 ** 32 - 1, 0]);
  calls.abandon(b);
  assert.is(calls.answer(a.id), a);
  assert.is(calls.answer(a.id), undefined);
  assert.is(calls.hasRoom, true);
  calls.enter(d);
  assert.is(d.id, 1);
  assert.is(calls.answer(b.id), "late");
  assert.is(calls.answer(b.id), undefined);
  const near = new RequestsInFlight(3, 5);
  const [e, f] = [make(), make()] as const;
  near.enter(e);
  near.abandon(e);
  assert.is(near.waiting, 0);
  near.enter(f);
  assert.is(f.id, 6);
  assert.equal(near.clear(), [f]);
});

test(
  "what is wrong is refused before anything is made",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const wrong: [expected: "TypeError" | "RangeError", address: unknown, options?: unknown][] = [
      ["TypeError", 7],
      ["TypeError", { request: "ring:a" }],
      ["RangeError", { request: "ring:a", reply: "a" }],
      ["RangeError", "sysv:1"],
      ["RangeError", "pipe:3"],
      ["RangeError", "nothing:1"],
      ["RangeError", `ring:${"x".repeat(196)}`],
      ["TypeError", address, { codec: "xml" }],
      ["TypeError", address, { framing: "raw" }],
      ["TypeError", address, { wrong: 1 }],
      ["TypeError", "unix:@x", { framing: "raw" }],
    ];
    for (const [expected, where, options] of wrong) {
      await failsWith(expected, Requester.connect(where as string, options as object));
      await failsWith(expected, Responder.listen(where as string, options as object));
    }
    await failsWith("RangeError", Requester.connect(address, { maxInFlight: 0 }), /maxInFlight is 0/);
    await failsWith("TypeError", Requester.connect(address, { maxInFlight: "1" as never }));
    await failsWith("RangeError", Requester.connect(address, { requestTimeout: -1 }));
    await failsWith("RangeError", Responder.listen(address, { concurrency: 1.5 }));
    await failsWith("RangeError", Responder.listen(address, { backlog: 2 ** 21 }));
    await failsWith("TypeError", Responder.serve(address, undefined as never), /Responder.listen\(\)/);
    await failsWith("IPC_ABORTED", Requester.connect(address, { signal: AbortSignal.abort() }));

    const both = await openBoth();
    const reply = both.requester.request("x");
    await failsWith(
      "TypeError",
      both.requester.request(() => {}),
    );
    await failsWith("RangeError", both.requester.request(1, { timeout: -1 }));
    const call = await both.next();
    await failsWith("TypeError", () => call.reply(() => {}));
    call.reply("y");
    await failsWith("TypeError", () => call.reply("z"), /answered before/);
    await failsWith("TypeError", () => call.fail(new Error("z")));
    assert.is(await reply, "y");
    await closeBoth(both);
    const served = await Responder.serve(address, (value) => value);
    await failsWith("TypeError", served[Symbol.asyncIterator]().next());
    await served.close();
    await served.close();
  }),
);

test(
  "a request that gives no time-out has that of the requester",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const responder = await Responder.listen(address);
    const requester = await Requester.connect(address, { requestTimeout: 10 });
    await failsWith("IPC_TIMEOUT", requester.request(new Uint8Array(1)), /within 10 ms/);
    await requester.close();
    await responder.close();
  }),
);

leakCheck(test, async () => {
  const responder = await Responder.serve(newAddress(), (value) => value);
  const requester = await Requester.connect(responder.address);
  await requester.request(undefined);
  await requester.close();
  await responder.close();
  // as many waits at a time as ever take a thread in this file, which is kept
  const address = `fifo:${join(folder, uniqueName())}`;
  const openings = [1, 2, 3].map(() => Channel.sender(address));
  await turnEventLoop();
  const receiver = await Channel.receiver(address);
  for (const sender of await Promise.all(openings)) await sender.close();
  await receiver.close();
});
test.run();
