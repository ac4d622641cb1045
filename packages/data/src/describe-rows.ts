import type { PreparedRows } from './prepare-rows.js'
import type { RowStatistics } from './row-set.js'

const count = (n: number, noun: string): string => `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`
const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`

/** What the rows are, in one paragraph. */
export function describeRows(
  { format, statistics }: Pick<PreparedRows, 'format' | 'statistics'>,
  sequenceLength: number,
): string {
  const { files, documents, train, validation } = statistics
  const rows = (part: RowStatistics): string => `${count(part.rows, 'row')}, ${count(part.tokens, 'token')}`
  return [
    `${format}: ${count(documents, 'example')} from ${count(files, 'file')}.`,
    `Training: ${rows(train)}, ${share(train.trainableTokens, train.tokens)} trained on,`,
    `rows ${share(train.tokens, train.rows * sequenceLength)} full (sequence length ${sequenceLength}).`,
    validation ? `Validation: ${rows(validation)}.` : 'No validation.',
  ].join(' ')
}
