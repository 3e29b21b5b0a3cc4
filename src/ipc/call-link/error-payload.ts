import { textCodec } from "../codec-text.ts";
import { RemoteError } from "../remote-error.ts";

/** Longer texts are cut, so that an error always fits where a request did. */
const MOST_CHARACTERS = 1024;

/** What the other side learns of an error: its name, its message and its code; never its stack. */
export function encodeError(error: unknown): Uint8Array {
  const isError = error instanceof Error;
  const code = isError ? (error as { code?: unknown }).code : undefined;
  return textCodec.encode(
    JSON.stringify({
      name: cut(isError ? error.name : "Error"),
      message: cut(isError ? error.message : String(error)),
      ...(typeof code === "string" ? { code: cut(code) } : {}),
    }),
  );
}

/**
 * The error that a payload stands for.
 *
 * @throws when it is not what {@link encodeError} makes
 */
export function decodeError(payload: Uint8Array): RemoteError {
  const parsed: unknown = JSON.parse(textCodec.decode(payload));
  const { name, message, code } = (parsed ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof message !== "string" || (code !== undefined && typeof code !== "string")) {
    throw new TypeError("an error is { name, message, code? }, all of them texts");
  }
  return new RemoteError(name, message, code);
}

function cut(text: unknown): string {
  const whole = String(text).toWellFormed();
  return whole.length > MOST_CHARACTERS ? `${whole.slice(0, MOST_CHARACTERS - 1).toWellFormed()}…` : whole;
}
