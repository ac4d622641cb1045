/** Of the source and of how it is compiled, not of the compiler. */
export function sourceHash(): string
