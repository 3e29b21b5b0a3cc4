// A chat room: processes that all talk to all, over shared memory, with a mutex and a condition. The memory holds the last few lines. Who
// has nothing to read and cannot say anything waits for the condition "something changed"; nobody polls.
//
// Run it: bun examples/textbook/chat-with-condition.ts
import { Channel, Condition, Mutex, SharedMemory } from "millrace";
import { ALL_LINES, CHANGED_AT, holdChat, LINES, MUTEX_AT, NAMES, ROOM_BYTES, Room } from "./chat-room.ts";

const [, , role, name = ""] = process.argv;
if (role === undefined) await openRoom();
else await chat(Number(role));

/** What a member does: it reads what is new and says its own lines, until all lines of all members were said and read. */
async function chat(member: number) {
  using memory = SharedMemory.open(name);
  await using transcript = await Channel.sender("pipe:3", { codec: "json" });
  const room = new Room(memory);
  const mutex = Mutex.at(memory, MUTEX_AT);
  const changed = Condition.at(memory, CHANGED_AT);
  const heard: string[] = [];
  let said = 0;
  {
    using guard = mutex.lockSync();
    while (heard.length < ALL_LINES) {
      if (room.readBy(member) < room.said) {
        heard.push(room.read(member));
        changed.broadcast(); // somebody may wait for the place
      } else if (said < LINES && !room.isFull) {
        room.say(`${NAMES[member]}: line ${++said}`);
        changed.broadcast();
      } else {
        changed.waitSync(guard); // gives the mutex up meanwhile
      }
    }
  }
  await transcript.send(heard);
}

async function openRoom() {
  const sharedName = `/chat-with-condition-${process.pid}`;
  using memory = SharedMemory.create(sharedName, ROOM_BYTES);
  const mutex = Mutex.create(memory, MUTEX_AT);
  const changed = Condition.create(memory, CHANGED_AT);
  await holdChat(import.meta.filename, (member) => [`${member}`, sharedName]);
  changed.destroy();
  mutex.destroy();
  memory.remove();
}

// Output:
// 4 members heard the same 200 lines in the same order
// and the lines of each as they were said
