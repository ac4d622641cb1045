import { spellingOf } from './section-names.js'
import { sourceLines } from './source-lines.js'

const fence = /^\s*(```|~~~)/

/** Whether a Markdown text is a scenario: a line outside of code begins one of its sections. */
export function looksLikeScenario(text: string): boolean {
  let code = false
  for (const line of sourceLines(text)) {
    if (fence.test(line.text)) code = !code
    else if (!code && spellingOf(line.text) !== undefined) return true
  }
  return false
}
