import type { Comparison } from '../compare/compare.js'

/** A value for people: shares in percent, others with four digits that count. */
export const figureText = (value: number, share = false): string =>
  Number.isNaN(value) ? 'none' : share ? `${(100 * value).toFixed(1)} %` : String(Number(value.toPrecision(4)))

/** `61.0 %  (57.1 % – 64.8 %)` */
export const intervalText = ({
  value,
  low,
  high,
  share,
}: {
  value: number
  low: number
  high: number
  share?: boolean | undefined
}): string =>
  Number.isNaN(value) ? 'none' : `${figureText(value, share)}  (${figureText(low, share)} – ${figureText(high, share)})`

/** 0.0004 → "0.0004", smaller ones as a bound. */
export const chanceText = (p: number): string => (p < 0.0001 ? '< 0.0001' : p.toFixed(4))

const isForbidden = (code: number): boolean =>
  (code < 0x20 && ![0x09, 0x0a, 0x0d].includes(code)) || code === 0xfffe || code === 0xffff

/** Without the characters that XML forbids, and terminals obey. */
export const visible = (text: string): string =>
  Array.from(text, (character) => (isForbidden(character.codePointAt(0)!) ? '\ufffd' : character)).join('')

/** Text within HTML or XML. */
export const escaped = (text: string): string =>
  visible(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** What a comparison leaves out, in sentences. */
export function leftOut({ a, b, unpaired, uncompared }: Comparison): string[] {
  return [
    ...(unpaired > 0 ? [`${unpaired} items are in one run only and were not compared.`] : []),
    ...uncompared.map((suite) => `Of ${suite}, which ${a} measured, ${b} lacks items: nothing can be said about it as a whole.`),
  ]
}
