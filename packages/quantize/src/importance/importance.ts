import { usageError } from '@qt/core'

/** How much the inputs of a weight mattered: for each matrix the sum of their squares by column, and how many were summed. */
export interface ImportanceEntry {
  /** Matrix after matrix, one number a column. */
  readonly sums: Float32Array
  /** One for each matrix, or one for all. */
  readonly counts: Float32Array
}

/** An importance matrix: what a model's inputs looked like on some text, by the name of the weight that they meet. */
export interface Importance {
  readonly entries: ReadonlyMap<string, ImportanceEntry>
  /** What the text was. */
  readonly datasets: readonly string[]
  /** How much text: pieces, and tokens in each. */
  readonly chunks: number
  readonly chunkSize: number
}

/**
 * The mean square of each column's input, what encoders weigh errors with; 1 for a matrix (an expert) that no input reached.
 *
 * @example
 * ```ts
 * importanceWeights({ sums: Float32Array.of(8, 2), counts: Float32Array.of(4) }) // 2, 0.5
 * ```
 */
export function importanceWeights({ sums, counts }: ImportanceEntry): Float32Array {
  const columns = sums.length / counts.length
  return sums.map((sum, i) => {
    const count = counts[Math.floor(i / columns)]!
    return count > 0 ? sum / count : 1
  })
}

/** Refuses numbers that no calibration makes. */
export function checkEntry(name: string, { sums, counts }: ImportanceEntry, file: string): void {
  const fine = counts.length > 0 && sums.length > 0 && sums.length % counts.length === 0
  const finite = [sums, counts].every((numbers) => numbers.every((value) => Number.isFinite(value) && value >= 0))
  if (fine && finite) return
  throw usageError(
    'IMPORTANCE_DAMAGED',
    `The importance of ${name} ${fine ? 'has numbers that are negative or not finite' : 'is empty or has no whole matrices'}.`,
    {
      where: { file, field: name },
      actions: ['Compute the importance matrix again, or take another one.'],
    },
  )
}

/**
 * Importance matrices of the same model as one, as if all their texts had been read in a row; in whatever order.
 *
 * @example
 * ```ts
 * const both = mergeImportance([await readImportance('code.gguf'), await readImportance('chat.gguf')])
 * await writeImportance('both.gguf', both)
 * ```
 */
export function mergeImportance(parts: readonly Importance[]): Importance {
  const entries = new Map<string, ImportanceEntry>()
  for (const part of parts)
    for (const [name, entry] of part.entries) {
      const before = entries.get(name)
      entries.set(name, before ? sum(name, before, entry) : entry)
    }
  return {
    entries,
    datasets: [...new Set(parts.flatMap(({ datasets }) => datasets))],
    chunks: parts.reduce((total, { chunks }) => total + chunks, 0),
    chunkSize: parts.reduce((most, { chunkSize }) => Math.max(most, chunkSize), 0),
  }
}

function sum(name: string, a: ImportanceEntry, b: ImportanceEntry): ImportanceEntry {
  const matrices = Math.max(a.counts.length, b.counts.length)
  const [before, more] = [a, b].map(({ counts }) => (counts.length === 1 ? new Float32Array(matrices).fill(counts[0]!) : counts))
  if (a.sums.length !== b.sums.length || before!.length !== more!.length)
    throw usageError('QUANT_IMPORTANCE', `Two importance matrices have different sizes for ${name}.`, {
      where: { field: name },
      actions: ['Merge only importance matrices of the same model.'],
    })
  return { sums: a.sums.map((value, i) => value + b.sums[i]!), counts: before!.map((value, i) => value + more![i]!) }
}

/**
 * Refuses an importance matrix with weights that a model does not have, or of another width.
 *
 * @example
 * ```ts
 * const used = await model.statistics?.collect([[0]], { output: true }) // one token tells which weights it has
 * if (used) requireSameWeights(await readImportance('imatrix.gguf'), used.inputs, 'imatrix.gguf')
 * ```
 */
export function requireSameWeights(importance: Importance, inputs: ReadonlyMap<string, ImportanceEntry>, file: string): void {
  for (const [name, { sums, counts }] of importance.entries) {
    // llama.cpp counts the inputs of the embedding, too; models do not.
    if (name === 'token_embd.weight') continue
    const own = inputs.get(name)
    const [width, wanted] = [sums.length / counts.length, own && own.sums.length / own.counts.length]
    if (width === wanted) continue
    const other = wanted === undefined ? 'which the model does not have' : `of ${width} columns where the model has ${wanted}`
    throw usageError('QUANT_IMPORTANCE', `The importance matrix is of another model: it weighs ${name}, ${other}.`, {
      where: { file, field: name },
      actions: ['Use importance matrices of this very model.'],
    })
  }
}

/** The entries whose names contain one of `include` (if there are any) and none of `exclude`. */
export function selectImportance(
  importance: Importance,
  include: readonly string[] = [],
  exclude: readonly string[] = [],
): Importance {
  const wanted = (name: string) =>
    (include.length === 0 || include.some((part) => name.includes(part))) && !exclude.some((part) => name.includes(part))
  return { ...importance, entries: new Map([...importance.entries].filter(([name]) => wanted(name))) }
}
