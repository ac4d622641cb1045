import type { Io } from '../io.js'
import { need } from '../need.js'
import { fields } from '../print/units.js'
import { localPath } from '../resolve.js'

/**
 * Whether a path leads to scenarios rather than to other data: notes that lie among them change nothing. Markdown that is no text is a
 * matter for their checks, too.
 */
export async function holdsScenarios(path: string): Promise<boolean> {
  const { findFiles, looksLikeScenario, readScenarioFile } = await need('@qt/data', () => import('@qt/data'))
  const files = await findFiles(path, { onFinding: () => {} })
  const markdown = files.filter((file) => file.toLowerCase().endsWith('.md'))
  if (markdown.length * 2 <= files.length) return false
  for (const file of markdown) {
    const { text, finding } = await readScenarioFile(file)
    if (text === undefined ? finding.code !== 'unreadable' : looksLikeScenario(text)) return true
  }
  return false
}

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')

/** What a folder of scenarios holds. */
export async function scenarioStats(folder: string, tokenizerFile: string | undefined, io: Io): Promise<number> {
  const { scenarioStatistics } = await need('@qt/data', () => import('@qt/data'))
  const tokenizer = tokenizerFile === undefined ? undefined : await load(tokenizerFile, io)
  const found = await scenarioStatistics(folder, {
    ...(tokenizer ? { tokenizer } : {}),
    onFinding: (finding) => io.note(`left out: ${finding.toString()}\n`),
  })
  const { turns, tokens, levels } = found
  io.out(
    fields([
      ['scenarios', String(found.scenarios)],
      ['categories', list(found.categories)],
      ['spellings', list(found.spellings)],
      ['turns', `User ${turns.user}, DM ${turns.dm} (${found.plainTurns} without a call), TOOLCALL ${turns.tool}`],
      ['tool calls', list(found.calls) || 'none'],
      [
        'party sizes',
        Object.entries(found.partySizes)
          .map(([size, count]) => `${count} of ${size}`)
          .join(', '),
      ],
      ['levels', levels ? `${levels.min} to ${levels.max}` : 'none'],
      ...(tokens ? [['tokens', `${tokens.total}, ${tokens.trainable} trained on, the longest scenario ${tokens.longest}`]] : []),
    ]),
  )
  io.document(found)
  return 0
}

async function load(file: string, io: Io) {
  const { Tokenizer } = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
  return Tokenizer.load(await localPath(file, io))
}
