/**
 * The client of the tests of `UnixServer`: `unix-client.ts ADDRESS COUNT`. It sends so many messages, receives each of them back, says
 * `done`, and stays until it is killed.
 */
import { UnixConnection } from "../../src/ipc/unix-connection.ts";

const [address = "", count = "0"] = process.argv.slice(2);
const connection = await UnixConnection.connect(address, { codec: "text" });
for (let index = 0; index < Number(count); index++) {
  await connection.sender.send(`message ${index}`);
  const back = await connection.receiver.receive();
  if (back !== `message ${index}`) throw new Error(`"message ${index}" came back as ${JSON.stringify(back)}`);
}
console.log("done");
setInterval(() => {}, 2 ** 30);
