/**
 * One sender, three receivers. Each of them gets every message; the one that comes too late for some of them is told how many it missed.
 */
import { Channel, IpcError } from "millrace";

await using sender = await Channel.sender("broadcast:example-ticks", { codec: "json", capacity: 4096 });
await using fast = await Channel.receiver("broadcast:example-ticks", { codec: "json" });
await using slow = await Channel.receiver("broadcast:example-ticks", { codec: "json" });

await sender.send({ tick: 0 });
console.log("fast", JSON.stringify(await fast.receive()));
console.log("slow", JSON.stringify(await slow.receive()));

// the sender never waits, so a receiver that does not keep up is overtaken
for (let tick = 1; tick <= 1000; tick++) {
  await sender.send({ tick });
  await fast.receive();
}
try {
  await slow.receive();
} catch (error) {
  if (!(error instanceof IpcError && error.code === "IPC_LAGGED")) throw error;
  const next = (await slow.receive()) as { tick: number };
  console.log("slow goes on where it can:", next.tick === 1 + (error.missed ?? 0));
}

// who is only interested in what comes from now on says so
await using late = await Channel.receiver("broadcast:example-ticks", { codec: "json", from: "now" });
await sender.send({ tick: 1001 });
console.log("late", JSON.stringify(await late.receive()));
// Output:
// fast {"tick":0}
// slow {"tick":0}
// slow goes on where it can: true
// late {"tick":1001}
