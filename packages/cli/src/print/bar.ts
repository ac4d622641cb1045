const cells = 20

/** A bar with two blanks before it; nothing where the share is not known. */
export function bar(share: number | undefined): string {
  if (share === undefined) return ''
  const full = Math.round(Math.min(1, Math.max(0, share)) * cells)
  return `  ${'█'.repeat(full)}${'░'.repeat(cells - full)}`
}
