// Frames are written straight into the ring's memory and read where they lie: nothing is copied, nothing is allocated.
import { Channel } from "millrace";

await using camera = await Channel.sender("ring:example-frames", { capacity: 1 << 20 });
await using screen = await Channel.receiver("ring:example-frames");

for (let frame = 1; frame <= 3; frame++) {
  const room = await camera.claim(640 * 480);
  room.fill(frame);
  camera.commit();

  const picture = await screen.peek();
  if (picture === undefined) break;
  console.log(`frame of ${picture.length} bytes, brightness ${picture[1000]}`);
  screen.release(); // from here on the bytes are the camera's again
}

// Output:
// frame of 307200 bytes, brightness 1
// frame of 307200 bytes, brightness 2
// frame of 307200 bytes, brightness 3
