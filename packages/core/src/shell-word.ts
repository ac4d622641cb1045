const plain = /^[\w./@:+%=,-]+$/

/**
 * A word as it is pasted into a shell.
 *
 * @example
 * ```ts
 * shellWord('my models/it is.gguf') // "'my models/it is.gguf'"
 * ```
 */
export const shellWord = (word: string): string => (plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
