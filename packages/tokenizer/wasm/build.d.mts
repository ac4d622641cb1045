/** Of everything that the binary is made of. */
export function sourceHash(): string
