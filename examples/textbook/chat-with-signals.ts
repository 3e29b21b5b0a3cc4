// The chat room of chat-with-condition.ts without a condition: members tell each other with SIGUSR2 that something changed. The memory has
// their process ids. A member puts its own there after it has begun to receive the signal, so it misses none; it takes it away before it
// ends, so nobody signals a process that is gone. Several signals may arrive as one, which does no harm: a member reads all there is.
//
// Run it: bun examples/textbook/chat-with-signals.ts
import { Channel, Mutex, SharedMemory, signals } from "millrace";
import { ALL_LINES, holdChat, LINES, MUTEX_AT, NAMES, ROOM_BYTES, Room } from "./chat-room.ts";

const [, , role, name = ""] = process.argv;
if (role === undefined) await openRoom();
else await chat(Number(role));

async function chat(member: number) {
  using memory = SharedMemory.open(name);
  await using transcript = await Channel.sender("pipe:3", { codec: "json" });
  const room = new Room(memory);
  const mutex = Mutex.at(memory, MUTEX_AT);
  // never closed: a signal that is still on its way when this member has left would end the process
  const changes = signals.receive(["SIGUSR2"]);
  const heard: string[] = [];
  let said = 0;
  await mutex.withLock(() => room.enter(member));
  while (heard.length < ALL_LINES) {
    const hasChanged = await mutex.withLock(() => {
      const before = heard.length + said;
      while (room.readBy(member) < room.said) heard.push(room.read(member));
      if (said < LINES && !room.isFull) room.say(`${NAMES[member]}: line ${++said}`);
      if (heard.length === ALL_LINES) room.leave(member);
      if (heard.length + said === before) return false;
      for (const pid of room.members) if (pid !== process.pid) signals.send(pid, "SIGUSR2");
      return true;
    });
    if (!hasChanged) await changes.next();
  }
  await transcript.send(heard);
}

async function openRoom() {
  const sharedName = `/chat-with-signals-${process.pid}`;
  using memory = SharedMemory.create(sharedName, ROOM_BYTES);
  const mutex = Mutex.create(memory, MUTEX_AT);
  await holdChat(import.meta.filename, (member) => [`${member}`, sharedName]);
  mutex.destroy();
  memory.remove();
}

// Output:
// 4 members heard the same 200 lines in the same order
// and the lines of each as they were said
