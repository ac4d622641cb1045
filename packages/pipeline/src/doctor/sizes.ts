/** What is recommended, in bytes (GB = 10⁹): enough for bases of several billion parameters. */
export const recommended = { deviceMemory: 16e9, memory: 32e9, disk: 50e9 } as const

/** Below these, not even the smallest bases work in comfort. */
export const least = { memory: 2e9, disk: 2e9 } as const

/** 33_600_000_000 → "33.6 GB". */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 10e9 ? 1 : 0)} GB`
