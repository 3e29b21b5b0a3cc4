import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** A NATS server of this run, or why there is none. */
export interface NatsServer {
  readonly port?: number;
  readonly missing?: string;
  stop(): void;
}

/** Starts Debian's `nats-server` on a port of the loopback that is free, where it is installed. */
export async function startNats(): Promise<NatsServer> {
  const port = await freePort();
  const server = spawn("nats-server", ["-a", "127.0.0.1", "-p", String(port)], { stdio: ["ignore", "ignore", "pipe"] });
  const stop = () => void server.kill();
  try {
    await Promise.race([listening(server), once(server, "exit").then(() => Promise.reject(new Error("It ended")))]);
    return { port, stop };
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code !== "ENOENT";
    return { missing: isThere ? `nats-server: ${(error as Error).message}` : "nats-server is not installed", stop };
  }
}

async function listening(server: ChildProcess): Promise<void> {
  await once(server, "spawn");
  const lines = createInterface({ input: server.stderr as NonNullable<typeof server.stderr> });
  for await (const line of lines) if (line.includes("Server is ready")) break;
  server.stderr?.resume();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
