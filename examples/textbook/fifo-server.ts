// A server and its clients, which meet at FIFOs. The server's has a name that everybody knows; each client makes a private one for
// its replies and names it in its request. All of them write what they do to one log.
//
// - A request is one message of at most PIPE_BUF bytes, so the requests of several clients do not mix.
// - A FIFO ends when its last writer closes. So the server holds a write end of its own: it serves one client after the other.
// - A server that ends takes its FIFO with it. The private FIFO of a client that was killed is removed by the server.
// - The client opens its private FIFO before it asks. So a reply to a FIFO that nobody reads is for a client that is gone, and the
//   server, which opens it without waiting, is not held up.
//
// Run it: bun examples/textbook/fifo-server.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel, SystemError } from "millrace";
import { Log, readLog } from "./log.ts";

interface Request {
  /** The client's private FIFO; without one it is the order to end. */
  replyTo?: string;
  text: string;
}

const [, , role, folder = "", name = ""] = process.argv;
if (role === "server") await serve();
else if (role === "client") await ask();
else await startAll();

async function serve() {
  using log = new Log(join(folder, "log"), "server");
  await using requests = await Channel.receiver(`fifo:${join(folder, "requests")}`, { codec: "json" });
  await using _keepsItOpen = await Channel.sender(`fifo:${join(folder, "requests")}`, { codec: "json" });
  log.info("ready");
  process.send?.("ready");
  for await (const request of requests) {
    const { replyTo, text } = request as Request;
    if (replyTo === undefined) break;
    log.debug(`asked "${text}" by ${replyTo}`);
    if (await reply(replyTo, text.toUpperCase())) log.info(`replied to "${text}"`);
    else log.warn(`nobody waits for the reply to "${text}"`);
  }
  log.info("ended");
  process.disconnect?.();
}

/** Whether somebody was there to read it. */
async function reply(replyTo: string, text: string): Promise<boolean> {
  try {
    await using replies = await Channel.sender(`fifo:${replyTo}`, { codec: "text", wait: false });
    await replies.send(text);
    return true;
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "ENXIO")) throw error;
    rmSync(replyTo, { force: true }); // the client, which is gone, could not do so itself
    return false;
  }
}

async function ask() {
  using log = new Log(join(folder, "log"), name);
  const replyTo = join(folder, `replies-${process.pid}`);
  await using replies = await Channel.receiver(`fifo:${replyTo}`, { codec: "text" });
  await using requests = await Channel.sender(`fifo:${join(folder, "requests")}`, { codec: "json" });
  const request: Request = { replyTo, text: `hello from ${name}` };
  await requests.send(request);
  if (name === "hasty") process.kill(process.pid, "SIGKILL");
  const reply = await replies.receive({ timeout: 10_000 });
  if (reply !== request.text.toUpperCase()) log.error(`the reply is wrong: ${reply}`);
  else log.info(`got "${reply}"`);
}

async function startAll() {
  const shared = mkdtempSync(join(tmpdir(), "fifo-server-"));
  const start = (...args: string[]) => fork(import.meta.filename, args);
  const startClient = (client: string) => once(start("client", shared, client), "exit");
  const server = start("server", shared);
  const serverEnded = once(server, "exit");
  const { pid } = server;
  assert(pid !== undefined);
  try {
    const [ready] = await Promise.race([once(server, "message"), serverEnded]);
    assert.equal(ready, "ready", "the server did not start");

    const together = ["anna", "bert", "carl"].map(startClient);
    for (const ending of together) assert.deepEqual(await ending, [0, null]);

    process.kill(pid, "SIGSTOP"); // so that this client is gone before the server looks at its request
    assert.deepEqual(await startClient("hasty"), [null, "SIGKILL"]);
    process.kill(pid, "SIGCONT");
    assert.deepEqual(await startClient("dora"), [0, null]);

    await using orders = await Channel.sender(`fifo:${join(shared, "requests")}`, { codec: "json" });
    await orders.send({ text: "end" } satisfies Request);
    assert.deepEqual(await serverEnded, [0, null]);
    assert.deepEqual(readdirSync(shared), ["log"], "a FIFO was left");
    report(join(shared, "log"));
  } finally {
    if (server.exitCode === null) server.kill("SIGKILL"); // after a failed check
    rmSync(shared, { recursive: true });
  }
}

function report(path: string) {
  const clients = readLog(path).filter(({ name }) => name !== "server");
  const happy = clients.filter(({ name, text }) => text === `got "HELLO FROM ${name.toUpperCase()}"`);
  console.log(`got their reply: ${happy.map(({ name }) => name).sort()}`);
  for (const level of ["debug", "info"] as const)
    console.log(`level ${level} and above: ${readLog(path, level).length} lines`);
  for (const { level, name, text } of readLog(path, "warn")) console.log(`${level}: ${name}: ${text}`);
}

// Output:
// got their reply: anna,bert,carl,dora
// level debug and above: 16 lines
// level info and above: 11 lines
// warn: server: nobody waits for the reply to "hello from hasty"
