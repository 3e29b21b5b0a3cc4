import { LineSplitter } from "../line-splitter.ts";
import type { Order, Report } from "./protocol.ts";

const MAX_ORDER_BYTES = 64 * 1024;

/** A worker's side of the talk with its driver. */
export class Orders {
  readonly #received = readOrders();

  /**
   * Waits for the next order, which has to be this one.
   *
   * @throws {DriverLost} when the driver has gone
   */
  async expect<Name extends Order["order"]>(name: Name): Promise<Extract<Order, { order: Name }>> {
    const order = await this.next();
    if (order.order !== name) throw new Error(`Got the order "${order.order}" instead of "${name}"`);
    return order as Extract<Order, { order: Name }>;
  }

  /** Waits for the next order. */
  async next(): Promise<Order> {
    const { value } = await this.#received.next();
    if (value === undefined) throw new DriverLost();
    return value;
  }

  /**
   * Says something to the driver.
   *
   * @throws {DriverLost} when the driver has gone
   */
  report(report: Report): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(`${JSON.stringify(report)}\n`, (error) => (error ? reject(new DriverLost()) : resolve()));
    });
  }
}

/** The driver ended without a word. */
export class DriverLost extends Error {
  override readonly name = "DriverLost";

  constructor() {
    super("The driver has gone");
  }
}

async function* readOrders(): AsyncGenerator<Order, undefined, undefined> {
  const splitter = new LineSplitter(MAX_ORDER_BYTES);
  const decoder = new TextDecoder();
  for await (const chunk of process.stdin) {
    for (const line of splitter.split(chunk as Uint8Array)) yield JSON.parse(decoder.decode(line)) as Order;
  }
  return undefined;
}
