/**
 * The machine code of a signal handler, which JavaScript cannot be: a handler may run on any thread, in the middle of anything. It does
 * one system call, write(2), which is safe there, without the C library, so that errno stays what it was. It needs nothing but the data:
 *
 * ```
 * offset  bytes
 *      0      4  descriptor to write to; -1 when the handler is out of use
 *      4      4  how many threads are between reading the descriptor and being done with it
 *      8      4  how many signals were lost, because the write failed
 *     12      4  nothing
 *     16      8  the handler to go on with, with the same arguments; 0 when there is none
 * ```
 *
 * The threads change the two counters atomically; the rest is written by whoever owns the handler.
 * A test assembles the text in the comments and compares.
 */

/** Bytes of the data. */
export const DATA_BYTES = 24;
/** Where the members of the data lie. */
export const FD_AT = 0;
export const RUNNING_AT = 4;
export const LOST_AT = 8;
export const NEXT_AT = 16;

/** Bytes that the handler writes for a signal: its `siginfo_t`. */
export const RECORD_BYTES = 128;

/**
 * @param architecture as `process.arch` names it
 * @param data native address of the data
 * @returns the code, or `undefined` for an architecture without
 */
export function signalCode(architecture: string, data: number): Uint8Array<ArrayBuffer> | undefined {
  if (architecture === "x64") return x64Code(data);
  if (architecture === "arm64") return arm64Code(data);
  return undefined;
}

/** `handler(int signal, siginfo_t *info, void *context)`: in rdi, rsi and rdx. */
function x64Code(data: number): Uint8Array<ArrayBuffer> {
  // biome-ignore format: one instruction per line
  const code = new Uint8Array([
    0xf3, 0x0f, 0x1e, 0xfa,             //     endbr64
    0x57,                               //     push %rdi
    0x56,                               //     push %rsi
    0x52,                               //     push %rdx
    0x49, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, //     movabs $DATA, %r8
    0xf0, 0x41, 0xff, 0x40, 0x04,       //     lock incl 4(%r8)
    0x41, 0x8b, 0x38,                   //     mov (%r8), %edi
    0xba, 0x80, 0x00, 0x00, 0x00,       //     mov $128, %edx
    0xb8, 0x01, 0x00, 0x00, 0x00,       //     mov $1, %eax
    0x0f, 0x05,                         //     syscall
    0x3d, 0x80, 0x00, 0x00, 0x00,       //     cmp $128, %eax
    0x74, 0x05,                         //     je 1f
    0xf0, 0x41, 0xff, 0x40, 0x08,       //     lock incl 8(%r8)
    0xf0, 0x41, 0xff, 0x48, 0x04,       // 1:  lock decl 4(%r8)
    0x4d, 0x8b, 0x40, 0x10,             //     mov 16(%r8), %r8
    0x5a,                               //     pop %rdx
    0x5e,                               //     pop %rsi
    0x5f,                               //     pop %rdi
    0x4d, 0x85, 0xc0,                   //     test %r8, %r8
    0x74, 0x03,                         //     jz 2f
    0x41, 0xff, 0xe0,                   //     jmp *%r8
    0xc3,                               // 2:  ret
  ]);
  new DataView(code.buffer).setBigUint64(X64_DATA_AT, BigInt(data), true);
  return code;
}

const X64_DATA_AT = 9;

/** `handler(int signal, siginfo_t *info, void *context)`: in x0, x1 and x2. */
function arm64Code(data: number): Uint8Array<ArrayBuffer> {
  // biome-ignore format: one instruction per line
  const code = new Uint32Array([
    0xa9be07e0, //     stp x0, x1, [sp, #-32]!
    0xf9000be2, //     str x2, [sp, #16]
    0x580003c9, //     ldr x9, 6f
    0x9100112a, //     add x10, x9, #4
    0x885f7d4b, // 1:  ldxr w11, [x10]
    0x1100056b, //     add w11, w11, #1
    0x880c7d4b, //     stxr w12, w11, [x10]
    0x35ffffac, //     cbnz w12, 1b
    0xd5033bbf, //     dmb ish
    0xb9400120, //     ldr w0, [x9]
    0xd2801002, //     mov x2, #128
    0xd2800808, //     mov x8, #64
    0xd4000001, //     svc #0
    0xf102001f, //     cmp x0, #128
    0x540000c0, //     b.eq 3f
    0x9100212a, //     add x10, x9, #8
    0x885f7d4b, // 2:  ldxr w11, [x10]
    0x1100056b, //     add w11, w11, #1
    0x880c7d4b, //     stxr w12, w11, [x10]
    0x35ffffac, //     cbnz w12, 2b
    0x9100112a, // 3:  add x10, x9, #4
    0xd5033bbf, //     dmb ish
    0x885f7d4b, // 4:  ldxr w11, [x10]
    0x5100056b, //     sub w11, w11, #1
    0x880c7d4b, //     stxr w12, w11, [x10]
    0x35ffffac, //     cbnz w12, 4b
    0xf9400930, //     ldr x16, [x9, #16]
    0xf9400be2, //     ldr x2, [sp, #16]
    0xa8c207e0, //     ldp x0, x1, [sp], #32
    0xb4000050, //     cbz x16, 5f
    0xd61f0200, //     br x16
    0xd65f03c0, // 5:  ret
    0,          // 6:  .quad DATA
    0,
  ]);
  const bytes = new Uint8Array(code.buffer);
  new DataView(code.buffer).setBigUint64(bytes.byteLength - 8, BigInt(data), true);
  return bytes;
}
