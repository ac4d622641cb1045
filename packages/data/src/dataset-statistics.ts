import type { Tokenizer } from '@qt/core'
import { viewRecord } from './checks/record-view.js'
import { findFiles } from './find-files.js'
import { grown } from './grown.js'
import { languageOf } from './language-of.js'
import { layoutOf } from './layouts.js'
import { readRecordBatches } from './read-records.js'
import { stratumOf } from './split-dataset.js'

/** How a number is distributed over records; the shares are exact. */
export interface Distribution {
  readonly least: number
  readonly tenth: number
  readonly median: number
  readonly ninetieth: number
  readonly ninetyNinth: number
  readonly most: number
  readonly mean: number
}

export interface DatasetStatistics {
  readonly files: number
  readonly records: number
  /** Records by layout; `unknown`: of none. */
  readonly layouts: Readonly<Record<string, number>>
  readonly turns: Distribution
  /** Characters of Unicode. */
  readonly letters: Distribution
  /** Of the texts alone, without a chat template; with a tokenizer. */
  readonly tokens?: Distribution
  /** Records by the language of what is said, system prompts apart; `unknown`: too short or too mixed to say. */
  readonly languages: Readonly<Record<string, number>>
  /** Records by what lies in the field `by`; `none`: nothing; `others`: what came after the first 10,000 values. */
  readonly categories: Readonly<Record<string, number>>
}

export interface DatasetStatisticsOptions {
  readonly tokenizer?: Tokenizer | undefined
  /** Dots for what lies deeper: `metadata.category`. Default `category`. */
  readonly by?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Counts what records hold: layouts, turns, lengths, languages and categories. Of each record only its counts are kept.
 *
 * @example
 * ```ts
 * const { tokens, languages, categories } = await datasetStatistics('chats.jsonl', { tokenizer })
 * ```
 */
export async function datasetStatistics(
  path: string | readonly string[],
  { tokenizer, by = 'category', signal }: DatasetStatisticsOptions = {},
): Promise<DatasetStatistics> {
  const files = await findFiles(path, { signal })
  const [turns, letters, tokens] = [new Numbers(), new Numbers(), new Numbers()]
  const [layouts, languages, categories] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()]
  let records = 0
  for (const file of files)
    for await (const batch of readRecordBatches(file)) {
      signal?.throwIfAborted()
      for (const { value, where } of batch) {
        records++
        const layout = layoutOf(value, where.file)
        const view = layout === undefined || layout === 'tokens' ? undefined : viewRecord(value, layout, () => {})
        const said = [...(view?.messages ?? []), ...(view?.rejected ?? [])]
        const text = said.map((turn) => turn.text).join('\n')
        const unprompted = said.filter(({ role }) => role !== 'system').map((turn) => turn.text)
        add(layouts, layout ?? 'unknown')
        add(languages, languageOf(unprompted.join('\n')) ?? 'unknown')
        const category = stratumOf(value, by) || 'none'
        add(categories, categories.size < mostCategories || categories.has(category) ? category : 'others')
        turns.add(view?.messages.length ?? 0)
        letters.add(lettersOf(text))
        if (tokenizer) tokens.add(tokensOf(value, text, tokenizer))
      }
    }
  return {
    files: files.length,
    records,
    layouts: counted(layouts),
    turns: turns.distribution(),
    letters: letters.distribution(),
    ...(tokenizer ? { tokens: tokens.distribution() } : {}),
    languages: counted(languages),
    categories: counted(categories),
  }
}

const tokensOf = ({ input_ids: ids }: Readonly<Record<string, unknown>>, text: string, tokenizer: Tokenizer): number =>
  Array.isArray(ids) ? ids.length : tokenizer.encode(text).length

/** A field that says something else in each record has no categories. */
const mostCategories = 10_000

function lettersOf(text: string): number {
  let letters = 0
  // The second half of a character of two units is past.
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) letters++
  return letters
}

const add = (counts: Map<string, number>, name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1)

/** The commonest first, but for names that are whole numbers, which come before others in any object. */
const counted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))

class Numbers {
  private list = new Int32Array(1024)
  private count = 0
  private sum = 0

  add(value: number): void {
    this.list = grown(this.list, this.count + 1)
    this.list[this.count++] = value
    this.sum += value
  }

  distribution(): Distribution {
    const sorted = this.list.subarray(0, this.count).sort()
    const at = (share: number): number => sorted[Math.min(this.count - 1, Math.floor(share * this.count))] ?? 0
    return {
      least: at(0),
      tenth: at(0.1),
      median: at(0.5),
      ninetieth: at(0.9),
      ninetyNinth: at(0.99),
      most: at(1),
      mean: this.count === 0 ? 0 : this.sum / this.count,
    }
  }
}
