/** The bytes of Windows-1252 by character: what UTF-8 is most often mistaken for. */
const windows1252 = new Map([
  ...Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(byte), byte] as const),
  ...[...'€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'].map((letter, index) => [letter, 128 + index] as const),
])
const suspicious =
  /[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]+/g

/** A text whose UTF-8 was read as Windows-1252, as it was before; `broken` is the first piece of it. Undefined when there is none. */
export function repairMojibake(text: string): { text: string; broken: string; meant: string } | undefined {
  let first: { broken: string; meant: string } | undefined
  const repaired = text.replace(suspicious, (run) => {
    const meant = decoded(run)
    if (meant !== undefined) first ??= { broken: run, meant }
    return meant ?? run
  })
  return first && { text: repaired, ...first }
}

/** The text that some mistaken characters were, or undefined when they are no UTF-8. */
function decoded(run: string): string | undefined {
  const bytes = [...run].map((letter) => windows1252.get(letter))
  if (bytes.some((byte) => byte === undefined)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes.filter((byte) => byte !== undefined)))
  } catch {
    return undefined
  }
}
