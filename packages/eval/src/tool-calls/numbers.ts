const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  )
const tens = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety']
const spoken = new RegExp(`\\b(?:(${tens.join('|')})(?:[- ](${small.slice(1, 10).join('|')}))?|(${small.join('|')}))\\b`, 'gi')
const minus = /[\u2010-\u2015\u2212]/g

/** The numbers that a text says, in digits or in words up to ninety-nine; without what stands in brackets, where calls are. */
export function numbersIn(text: string): number[] {
  const said = text.replace(/\[[^\]]*\]/g, ' ').replace(minus, '-')
  const found: { at: number; value: number }[] = []
  // A dash between numbers or letters is no sign: 3-5, d-6. Dice are no numbers that a text says.
  for (const match of said.matchAll(/(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)/g))
    found.push({ at: match.index, value: Number(match[0].replaceAll(',', '')) })
  for (const match of said.matchAll(spoken)) {
    const [, ten, one, alone] = match.map((part) => part?.toLowerCase())
    const value =
      alone === undefined ? 20 + 10 * tens.indexOf(ten!) + (one === undefined ? 0 : small.indexOf(one)) : small.indexOf(alone)
    found.push({ at: match.index, value })
  }
  return found.sort((a, b) => a.at - b.at).map(({ value }) => value)
}

export interface ArithmeticCheck {
  readonly right: boolean
  readonly explanation: string
}

/**
 * Whether what is said after a call respects its result: every number of `says` is said, none of `never` is (what it was before, say).
 *
 * @example
 * ```ts
 * checkNumbers('Mira is down to eight.', { says: [8], never: [12] }).right // true
 * ```
 */
export function checkNumbers(
  text: string,
  { says = [], never = [] }: { readonly says?: readonly number[]; readonly never?: readonly number[] },
): ArithmeticCheck {
  const numbers = numbersIn(text)
  const missing = says.find((one) => !numbers.includes(one))
  if (missing !== undefined)
    return { right: false, explanation: `${missing} is not said${numbers.length > 0 ? `, but ${numbers.join(', ')}` : ''}.` }
  const wrong = never.find((one) => numbers.includes(one))
  if (wrong !== undefined) return { right: false, explanation: `${wrong} is said, which is not so any more.` }
  return { right: true, explanation: says.length > 0 ? `${says.join(', ')} is said.` : 'No wrong number is said.' }
}
