/**
 * A process of the demo: started by the driver, told on standard input what to do, it answers on standard output.
 */
import { rmSync } from "node:fs";
import { describeError } from "../report-error.ts";
import { runConsumer } from "./consumer.ts";
import { DriverLost, Orders } from "./orders.ts";
import { runProducer } from "./producer.ts";
import type { Role, StartOrder } from "./protocol.ts";
import { runStdioConsumer } from "./stdio-consumer.ts";
import { runStdioProducer } from "./stdio-producer.ts";

const ROLES: { readonly [Name in Role]: (start: StartOrder, orders: Orders) => Promise<void> } = {
  producer: runProducer,
  consumer: runConsumer,
  "stdio-producer": runStdioProducer,
  "stdio-consumer": runStdioConsumer,
};

const orders = new Orders();
// whoever writes hears of it
process.stdout.on("error", () => {});
try {
  const start = await orders.expect("start");
  await ROLES[start.role](start, orders);
  process.exit(0);
} catch (error) {
  if (error instanceof DriverLost) removeWorkspace();
  else await orders.report({ report: "failed", message: describeError(error) }).catch(removeWorkspace);
  process.exit(1);
}

/** The driver would have done it. It made the folder for this demo alone. */
function removeWorkspace(): void {
  const workspace = process.env.MILLRACE_DIR;
  if (workspace !== undefined) rmSync(workspace, { recursive: true, force: true });
}
