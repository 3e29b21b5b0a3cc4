const NEWLINE = 10;

/** Puts messages one behind the other, each with a newline after it when `lines` is set. A single one is not copied. */
export function joinMessages(messages: readonly Uint8Array[], lines: boolean): Uint8Array {
  const [first] = messages;
  if (first !== undefined && messages.length === 1 && !lines) return first;
  let length = lines ? messages.length : 0;
  for (const message of messages) length += message.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const message of messages) {
    joined.set(message, offset);
    offset += message.length;
    if (lines) joined[offset++] = NEWLINE;
  }
  return joined;
}
