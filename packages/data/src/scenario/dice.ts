/** `3d6+2`: three dice of six sides and two. */
export interface Dice {
  readonly count: number
  readonly sides: number
  readonly modifier: number
}

const shape = /^(\d{0,3})d(\d{1,4})\s*(?:([+\-−–])\s*(\d{1,4}))?$/i

export function parseDice(text: string): Dice | undefined {
  const match = shape.exec(text.trim())
  if (!match) return undefined
  const count = match[1] === '' ? 1 : Number(match[1])
  const sides = Number(match[2])
  if (count === 0 || sides < 2) return undefined
  const amount = Number(match[4] ?? 0)
  return { count, sides, modifier: match[3] && match[3] !== '+' ? -amount : amount }
}

/** Whether terms can come from a roll: one a die or their sum, then the modifier. */
export function possible({ count, sides, modifier }: Dice, terms: readonly number[]): boolean {
  const rolled = modifier === 0 ? terms : terms.slice(0, -1)
  if (modifier !== 0 && terms.at(-1) !== modifier) return false
  if (rolled.length === count && rolled.every((value) => value >= 1 && value <= sides)) return true
  return rolled.length === 1 && rolled[0]! >= count && rolled[0]! <= count * sides
}
