// A server and its clients over a unix socket: each client has a connection of its own, in both directions, and the kernel tells the
// server who is at the other end. The server serves all of them at the same time, in one thread.
//
// Run it: bun examples/textbook/unix-server.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnixConnection, UnixServer } from "millrace";

const CLIENTS = 3;
const QUESTIONS = 100; // of each client

const [, , role, address = ""] = process.argv;
if (role === "client") await ask();
else await serve();

async function ask() {
  await using connection = await UnixConnection.connect(address, { codec: "text" });
  assert.equal(await connection.receiver.receive(), `welcome, process ${process.pid}`);
  for (let count = 0; count < QUESTIONS; count++) {
    await connection.sender.send(`question ${count}`);
    assert.equal(await connection.receiver.receive(), `QUESTION ${count}`);
  }
}

async function serve() {
  const folder = mkdtempSync(join(tmpdir(), "unix-server-"));
  try {
    const server = await UnixServer.listen(`unix:${join(folder, "socket")}`, { codec: "text" });
    const clients = Array.from({ length: CLIENTS }, () => fork(import.meta.filename, ["client", server.address]));
    const endings = clients.map((client) => once(client, "exit"));

    const conversations: Promise<number>[] = [];
    for (let count = 0; count < CLIENTS; count++) {
      const connection = await server.accept({ timeout: 10_000 });
      const { pid, uid } = connection.credentials;
      assert(clients.some((client) => client.pid === pid));
      assert.equal(uid, process.getuid?.());
      conversations.push(answer(connection));
    }
    await server.close(); // no more clients; those that are there are served on
    assert.deepEqual(readdirSync(folder), [], "the socket was left");

    assert.deepEqual(
      await Promise.all(conversations),
      clients.map(() => QUESTIONS),
    );
    for (const ending of endings) assert.deepEqual(await ending, [0, null]);
    console.log(`${CLIENTS} clients were known by their process ids, and got ${QUESTIONS} answers each`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns how many questions the client had, until it closed the connection */
async function answer(connection: UnixConnection<string>): Promise<number> {
  await using _ends = connection;
  await connection.sender.send(`welcome, process ${connection.credentials.pid}`);
  let count = 0;
  for await (const question of connection.receiver) {
    await connection.sender.send(question.toUpperCase());
    count++;
  }
  return count;
}

// Output:
// 3 clients were known by their process ids, and got 100 answers each
