import * as assert from "uvu/assert";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { bytes, drain, LARGE } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Two processes. */
export function processes(sentence: Sentence): void {
  sentence(
    87,
    "what another process sends arrives, whatever the forms of the calls",
    ["processes", "messages", "end"],
    async (context) => {
      const steps = [
        "send:500:85:4000",
        "try-send:500:86:4000",
        "send-sync:500:87:4000",
        "send-many:500:88:4000",
        "close",
      ];
      const { channel, peer } = await context.connectPeer("sender", steps, context.factory.small);
      for (const seed of [85, 86, 87, 88]) {
        const seeded = new SeededMessages(seed, 4000);
        for (let i = 0; i < 500; i++) seeded.verify(i, (await channel.receive()) as Uint8Array);
      }
      assert.is(await channel.receive(), undefined);
      assert.is((await peer.exit()).status, 0);
    },
  );

  sentence(
    88,
    "what this process sends arrives at another, whatever the forms of the calls",
    ["processes", "messages", "end"],
    async (context) => {
      const steps = [
        "receive:500:85:4000",
        "try-receive:500:86:4000",
        "receive-sync:500:87:4000",
        "batches:500:88:4000",
        "end",
      ];
      const { channel, peer } = await context.connectPeer("receiver", steps, context.factory.small);
      for (const seed of [85, 86, 87, 88]) {
        const seeded = new SeededMessages(seed, 4000);
        for (let i = 0; i < 500; i++) await channel.send(seeded.at(i));
      }
      await channel.close();
      assert.equal(await peer.exit(), { status: 0, lines: ["open", ...steps.map((step) => `done ${step}`)] });
    },
  );

  sentence(
    89,
    "of a sender killed while it sends, a faultless beginning arrives, then IPC_PEER_GONE",
    ["processes", "messages", "peerDeath", "backPressure"],
    async (context) => {
      for (const form of ["send", "send-sync", "send-many"]) {
        const { channel, peer } = await context.connectPeer(
          "sender",
          [`${form}:1000000:89:4000`],
          context.factory.small,
        );
        const seeded = new SeededMessages(89, 4000);
        let received = 0;
        for (; received < 200; received++) seeded.verify(received, (await channel.receive()) as Uint8Array);
        const killed = peer.kill();
        await failsWith("IPC_PEER_GONE", async () => {
          for await (const message of channel) seeded.verify(received++, message);
        });
        await killed;
        assert.is(await channel.receive(), undefined);
        await channel.close();
      }
    },
  );

  sentence(90, "a sender that is killed wakes a receiver that waits", ["processes", "peerDeath"], async (context) => {
    const { channel, peer } = await context.connectPeer("sender", ["hang"]);
    await peer.line("open");
    const outcome = failsWith("IPC_PEER_GONE", channel.receive());
    const behind = channel.receive();
    await peer.kill();
    await outcome;
    assert.is(await behind, undefined);
  });

  sentence(
    91,
    "a receiver that is killed wakes a sender that waits for room",
    ["processes", "backPressure"],
    async (context) => {
      const { channel, peer } = await context.connectPeer("receiver", ["hang"], context.factory.small);
      await peer.line("open");
      context.fill(channel);
      const { supports } = context;
      const code = (supports.receiverDeath ?? supports.peerDeath) ? "IPC_PEER_GONE" : "IPC_CLOSED";
      const outcome = failsWith(code, channel.send(LARGE));
      await peer.kill();
      await outcome;
      // what was on its way to the dead may be reported too, once
      await channel.close().catch((error) => assert.is(error.code, code));
    },
  );

  sentence(
    92,
    "a receiver that closes wakes a sender in another process that waits for room",
    ["processes", "backPressure"],
    async (context) => {
      const { channel, peer } = await context.connectPeer("sender", ["send:1000000:90:4000"], context.factory.small);
      await channel.receive();
      await channel.close();
      const { status, lines } = await peer.exit();
      assert.equal(lines, ["open", "error IPC_CLOSED"]);
      assert.is(status, 0);
    },
  );

  sentence(93, "a process that ends without closing counts as died", ["processes", "peerDeath"], async (context) => {
    const { channel, peer } = await context.connectPeer("sender", ["send:3:91:100", "exit"]);
    for (let i = 0; i < 3; i++) await channel.receive();
    await failsWith("IPC_PEER_GONE", channel.receive());
    assert.equal(await drain(channel), []);
    assert.is((await peer.exit()).status, 0);
  });

  sentence(
    94,
    "peer knows the process at the other end, and that it died",
    ["processes", "peerPid"],
    async (context) => {
      const { channel, peer } = await context.connectPeer("receiver", ["hang"]);
      await peer.line("open");
      assert.equal(channel.peer, { alive: true, pid: peer.pid });
      await peer.kill();
      assert.is(channel.peer.alive, false);
    },
  );

  sentence(95, "a channel that waits uses no CPU", [], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const waits = receiver.receive();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = { cpu: process.cpuUsage(), ...receiver.stats() };
    await new Promise((resolve) => setTimeout(resolve, 600));
    const { user, system } = process.cpuUsage(before.cpu);
    assert.ok(user + system < 300_000, `${user + system} us of CPU in 600 ms`);
    assert.ok(receiver.stats().stalls - before.stalls < 3, `${receiver.stats().stalls - before.stalls} waits`);
    await sender.send(bytes(1));
    assert.equal(await waits, bytes(1));
  });

  sentence(
    96,
    "what trySend() has taken keeps its process alive until it is handed over",
    ["processes", "messages", "peerDeath"],
    async (context) => {
      const { sender } = await context.smallPair();
      const most = Math.min(300_000, sender.maxMessageBytes);
      const steps = [`try-send:1:95:${most}`];
      const { channel, peer } = await context.connectPeer("sender", steps, context.factory.small);
      await peer.line(`done ${steps[0]}`);
      new SeededMessages(95, most).verify(0, (await channel.receive()) as Uint8Array);
      await failsWith("IPC_PEER_GONE", channel.receive());
      assert.is((await peer.exit()).status, 0);
    },
  );
}
