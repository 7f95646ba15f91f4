/** The worker's clock runs so many times as fast as this machine's: whatever it waits for takes so much less time. */
export const RATE = Number(process.env.RATE || 4);
