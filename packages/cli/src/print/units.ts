const binary = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1536 → "1.5 KiB". */
export function bytesText(bytes: number): string {
  const power = Math.min(binary.length - 1, bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10))
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${binary[power]}`
}

/** 3725 → "1h02m", 65 → "1m05s", 4.2 → "4s". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`
  if (whole >= 60) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  return `${whole}s`
}

/** 134515008 → "134.5 M". */
export function countText(n: number): string {
  for (const [unit, size] of [
    ['B', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (n >= size) return `${(n / size).toFixed(1)} ${unit}`
  return String(n)
}

const aligned = (rows: readonly (readonly string[])[], right: boolean): string => {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  const pad = (cell: string, i: number) => (right && i > 0 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('')
}

/** Names and what they are. */
export const fields = (rows: readonly (readonly string[])[]): string => aligned(rows, false)

/** A table of numbers: the first column to the left, the others to the right. */
export const numbers = (rows: readonly (readonly string[])[]): string => aligned(rows, true)
