/**
 * What a backend provides: how one JavaScript runtime calls libc.
 *
 * 1. `bind` returns one JavaScript function per C function. Calling it calls C on this thread, at once.
 * 2. Arguments and results are JavaScript numbers, 64-bit ones too: an integer outside the safe range is not representable here.
 * 3. A `buffer` parameter takes a view of any buffer, also a shared or an empty one; C may use the memory until the call returns, not after.
 * 4. A `pointer` is a native address as a number; 0 is NULL, and a result with all bits set, such as `MAP_FAILED`, is -1.
 * 5. `errno()` is the errno of the call made just before, on this thread, as long as nothing else ran in between.
 * 6. `address(view)` is the native address of the view's first byte. It stays right while the memory lives, for a view over a
 *    `WebAssembly.Memory` or over a buffer that was made as a buffer. A small typed array that was made with a length may move
 *    (JavaScriptCore copies its bytes out when somebody asks for its `buffer`).
 * 7. An empty view has no first byte, so its address is a `RangeError`.
 * 8. A function that the C library lacks throws `IPC_UNSUPPORTED` from `bind`; the functions beside it can be bound without it.
 *
 * A backend does not call asynchronously (see `off-thread/`), does not take callbacks and does not convert strings.
 */
export interface Library {
  /** Which backend this is. */
  readonly name: BackendName;
  /** @throws {IpcError} `IPC_UNSUPPORTED` when the C library has no such function */
  bind<Names extends string>(definitions: Readonly<Record<Names, Signature>>): Record<Names, NativeFunction>;
  /**
   * Native address of the first byte of `view`.
   *
   * @throws {RangeError} an empty view
   */
  address(view: ArrayBufferView): number;
  /** errno of the call made just before on this thread. */
  errno(): number;
}

/** The backends there are, by the FFI they use. */
export type BackendName = "bun:ffi" | "koffi" | "node:ffi" | "deno";

/** The C types that signatures use. `usize` is `size_t`; `isize` is `ssize_t` and any other signed word. */
export type NativeType = "void" | "i32" | "u32" | "i64" | "u64" | "usize" | "isize" | "pointer" | "buffer";

/** A C prototype. */
export interface Signature {
  /** Types of the parameters, in order. Those of a variadic function's call as well: on Linux, x86-64 and arm64, it is passed the same. */
  readonly parameters: readonly NativeType[];
  /** Type of the result. Prefer `i32` where the values allow it: 64-bit results cost a BigInt on Deno and `node:ffi`. */
  readonly result: NativeType;
}

/** A bound C function. The backend decides how to convert; the caller keeps to the signature. */
// biome-ignore lint/suspicious/noExplicitAny: the signature table is the type; call groups give each function its precise one
export type NativeFunction = (...values: any[]) => any;

/** Libraries to look in, in this order. glibc before 2.34 keeps some functions outside of libc. */
export const LIBRARY_NAMES: readonly [string, ...string[]] = [
  "libc.so.6",
  "libpthread.so.0",
  "librt.so.1",
  "libdl.so.2",
];
