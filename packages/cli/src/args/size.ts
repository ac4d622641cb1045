import { usageError } from '@qt/core'

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** "1.2GB" → 1200000000: GB is 10⁹ bytes, GiB is 2³⁰; a bare number is bytes. */
export function sizeOf(flag: string, text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? []
  const scale = units[(unit ?? '?').toLowerCase()]
  const bytes = Math.floor(Number(amount) * (scale ?? Number.NaN))
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw usageError('USAGE_BAD_VALUE', `--${flag} must be a size, not "${text}".`, {
    actions: ['Write 2GB, 1.2GB or 700MB (GB is 10⁹ bytes), or 2GiB (2³⁰).'],
  })
}
