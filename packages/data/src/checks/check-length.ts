import type { Tokenizer } from '@qt/core'
import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

/** What a chat template puts around a turn, at least. */
const perTurn = 4

/** Examples that do not fit a context of some tokens. */
export function checkLength(
  { messages, value, kind }: RecordView,
  { contextLength, tokenizer }: { contextLength: number; tokenizer: Tokenizer | undefined },
  report: Report,
): void {
  if (kind === 'tokens') {
    const ids = value.input_ids
    if (Array.isArray(ids) && ids.length > contextLength) tooLong(ids.length, true)
    return
  }
  // Text longer than a context is cut into pieces, nothing is lost.
  if (kind === 'text') return
  const letters = messages.reduce((sum, { text }) => sum + text.length, 0)
  // A token is a byte at least, and a letter three bytes at most.
  if (3 * letters + perTurn * messages.length <= contextLength) return
  if (tokenizer === undefined) {
    // About four letters make a token; sure enough only from two on.
    if (letters / 2 > contextLength * 2) tooLong(Math.round(letters / 4), false)
    return
  }
  let tokens = perTurn * messages.length
  for (const { text } of messages) tokens += tokenizer.encode(text).length
  if (tokens > contextLength) tooLong(tokens, true)

  function tooLong(tokens: number, exact: boolean): void {
    report({
      code: 'too-long',
      severity: 'warning',
      ...(kind === 'tokens' ? { path: ['input_ids'] } : {}),
      message: `The example has ${exact ? '' : 'about '}${tokens} tokens, more than the ${contextLength} of the context: its end would be cut off.`,
      fix: { label: 'Shorten it, split it, or train with a longer context.', drop: true },
    })
  }
}
