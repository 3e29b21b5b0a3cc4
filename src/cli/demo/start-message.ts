/** What a producer sends before the first byte of the file: its arrival starts the clock. */
export const START_MESSAGE: Uint8Array = new Uint8Array(1);
