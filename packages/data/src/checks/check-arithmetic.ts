import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

const number = String.raw`-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d{1,15}(?:\.\d{1,9})?`
const operator = String.raw`\s*[+*×÷/−–]\s*|\s+-\s+|\s+x\s+|(?<=\d)-(?=\d)`
const equation = new RegExp(
  String.raw`(?<![\w.,)\]}^%$€£=+*/×÷−–-]|[=+*/×÷−–-]\s)(${number})((?:(?:${operator})(?:${number})){1,8})\s*=\s*(${number})(?![\w^(]|[.,]\d|\s*[-+*/×÷−–=^(%‰°]|\s*(?:x|mod|per\s?cent)\b)`,
  'g',
)

/** What stands near a sum that is not meant to be right, or not of tens. */
const otherwise =
  /\b(?:wrong|incorrect|mistake|error|false|not|never|isn['’]t|binary|base|hex|octal|modulo|mod|if|suppose|instead)\b/i
const near = 48

/** "12 + 30 = 43" in what the model shall learn. */
export function checkArithmetic({ messages, kind }: RecordView, report: Report): void {
  if (kind === 'text') return
  for (const { role, text, path } of messages) {
    if (role !== 'assistant' || !text.includes('=')) continue
    const wrong: { shown: string; right: string }[] = []
    const corrected = text.replace(equation, (whole, first: string, rest: string, result: string, at: number) => {
      const value = evaluate(first + rest)
      if (value === undefined || agrees(value, result)) return whole
      // A range, such as pages or points.
      if (/^\d+-\d+$/.test(first + rest)) return whole
      if (otherwise.test(text.slice(Math.max(0, at - near), at + whole.length + near))) return whole
      const right = written(value, result)
      wrong.push({ shown: whole, right })
      return whole.slice(0, whole.length - result.length) + right
    })
    const [one] = wrong
    if (one)
      report({
        code: 'arithmetic',
        path,
        message: `"${one.shown}" does not add up${wrong.length > 1 ? `, nor do ${wrong.length - 1} more` : ''}.`,
        fix: { label: `It is ${one.right}; check what follows from it.`, set: [{ path, value: corrected }] },
      })
  }
}

const numeric = (text: string): number => Number(text.replaceAll(',', ''))

const [aNumber, anOperator] = [number, operator].map((source) => new RegExp(source, 'y')) as [RegExp, RegExp]

/** Products first, then sums, each from left to right; undefined when something is divided by nothing. */
export function evaluate(text: string): number | undefined {
  let at = 0
  const next = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const [match] = pattern.exec(text) ?? []
    if (match !== undefined) at = pattern.lastIndex
    return match
  }
  const first = next(aNumber)
  if (first === undefined) return undefined
  let sum = 0
  let term = numeric(first)
  while (at < text.length) {
    const [sign, written] = [next(anOperator)?.trim(), next(aNumber)]
    if (sign === undefined || written === undefined) return undefined
    const value = numeric(written)
    if (/^[*×x]$/.test(sign)) term *= value
    else if (/^[/÷]$/.test(sign)) term /= value
    else {
      sum += term
      term = sign === '+' ? value : -value
    }
  }
  return Number.isFinite(sum + term) ? sum + term : undefined
}

const decimals = (text: string): number => (text.includes('.') ? text.length - text.indexOf('.') - 1 : 0)

/** Equal as far as the result is written; whoever rounds may round down as well. */
const agrees = (value: number, result: string): boolean => {
  const unit = 10 ** -decimals(result)
  const whole = decimals(result) === 0 && Number.isInteger(Number(value.toFixed(9)))
  return Math.abs(value - numeric(result)) < (whole ? 1e-6 * Math.max(1, Math.abs(value)) : unit * (1 + 1e-9))
}

function written(value: number, like: string): string {
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toFixed(Math.max(2, decimals(like)))))
  return like.includes(',') ? text.replace(/\B(?=(\d{3})+(?!\d))/g, ',') : text
}
