import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Settings } from './draw-config.js'
import { vocabulary } from './draw-model.js'
import { type Draws, draws } from './draws.js'

/** Random rows of tokens, pairs of answers, or texts of which some weigh more. */
export interface RowsChoice {
  readonly seed: number
  readonly count: number
  readonly shortest: number
  readonly longest: number
  /** What carries loss. */
  readonly labels: 'all' | 'answers' | 'few'
  readonly kind: 'tokens' | 'pairs' | 'texts'
}

export function drawRows(
  draw: Draws,
  { training }: Settings,
  { small, texts }: Readonly<Record<'small' | 'texts', boolean>>,
): RowsChoice {
  const longest = Math.min(draw.pick([6, 20, training.sequenceLength]), training.sequenceLength)
  return {
    seed: draw.whole(1, 1_000_000),
    count: draw.whole(1, small ? 8 : 24),
    shortest: draw.chance(0.3) ? longest : draw.whole(1, Math.min(4, longest)),
    longest,
    labels: draw.pick(['all', 'answers', 'few']),
    kind: (training.objective ?? 'next-token') !== 'next-token' ? 'pairs' : texts && draw.chance(0.6) ? 'texts' : 'tokens',
  }
}

/** Writes them, unless they are there, and gives their path. */
export async function rowsAt(folder: string, choice: RowsChoice): Promise<string> {
  const name = createHash('sha256').update(JSON.stringify(choice)).digest('hex').slice(0, 16)
  const file = join(folder, `${name}.jsonl`)
  if (existsSync(file)) return file
  const draw = draws(choice.seed, 0)
  const lines = Array.from({ length: choice.count }, () => {
    if (choice.kind === 'tokens') return row(draw, choice)
    if (choice.kind === 'texts') return text(draw, choice)
    const prompt = Array.from({ length: draw.whole(1, 4) }, () => draw.whole(3, vocabulary - 1))
    return { chosen: answer(draw, prompt, choice), rejected: answer(draw, prompt, choice) }
  })
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return file
}

function row(draw: Draws, { shortest, longest, labels }: Pick<RowsChoice, 'shortest' | 'longest' | 'labels'>) {
  // Few different ids, so that there is something to learn.
  const ids = Array.from({ length: draw.whole(shortest, longest) }, () => draw.whole(3, draw.chance(0.7) ? 12 : vocabulary - 1))
  const from = labels === 'answers' ? draw.whole(0, ids.length) : 0
  const share = labels === 'few' ? 0.2 : 1
  return labels === 'all'
    ? { input_ids: ids }
    : { input_ids: ids, labels: ids.map((id, i) => (i >= from && draw.chance(share) ? id : -100)) }
}

function text(draw: Draws, { shortest, longest }: RowsChoice) {
  const words = Array.from({ length: draw.whole(shortest, longest) }, () => draw.pick(['the', 'in', ' an', 's', 'ou', '. ']))
  return { text: words.join(''), ...(draw.chance(0.4) && { weight: draw.pick([0, 0.25, 3]) }) }
}

function answer(draw: Draws, prompt: readonly number[], { longest }: RowsChoice) {
  const own = row(draw, { shortest: 1, longest: Math.max(1, longest - prompt.length), labels: 'all' })
  const ids = [...prompt, ...own.input_ids]
  return { input_ids: ids, labels: ids.map((id, i) => (i < prompt.length ? -100 : id)) }
}
