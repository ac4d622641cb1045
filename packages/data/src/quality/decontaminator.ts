import { usageError } from '@qt/core'
import { Shingler } from '../near-duplicates/shingles.js'

export interface Contamination {
  readonly benchmark: string
  /** How many of the text's n-grams are the benchmark's. */
  readonly shared: number
}

/** Of sizes, so that a size and a hash of 32 bits fit one number. */
const sizeLimit = 1024

/**
 * Finds texts that have word n-grams of benchmarks in them (Brown et al. 2020, appendix C: 13 words). An item of fewer words counts as
 * one n-gram when it has `shortest` of them at least.
 *
 * @example
 * ```ts
 * const decontaminator = new Decontaminator()
 * decontaminator.add('humaneval', ['Check if in given list of numbers, are any two numbers closer to each other than a threshold'])
 * decontaminator.find(text) // [] or [{ benchmark: 'humaneval', shared: 4 }]
 * ```
 */
export class Decontaminator {
  private readonly names: string[] = []
  /** The benchmark of a gram by its hash and size, for each of two hashes: what both find is no chance. */
  private readonly grams = [new Map<number, number>(), new Map<number, number>()] as const
  /** Shinglers of both hashes by size: whole items that are shorter than n, and n itself. */
  private readonly sizes = new Map<number, readonly [Shingler, Shingler]>()

  constructor(
    readonly n = 13,
    readonly shortest = 8,
  ) {
    if (!(Number.isInteger(n) && n >= 1 && n < sizeLimit))
      throw usageError('DATA_OPTION', `An n-gram has 1 to ${sizeLimit - 1} words, not ${n}.`, { actions: ['Use 13.'] })
    this.of(n)
  }

  add(benchmark: string, texts: Iterable<string>): void {
    const index = this.names.push(benchmark) - 1
    for (const text of texts) {
      const words = this.of(this.n)[0].count(text)
      if (words < this.shortest) continue
      const size = Math.min(this.n, words)
      for (const [round, shingler] of this.of(size).entries())
        for (const gram of shingler.hashes(text)) this.grams[round === 0 ? 0 : 1].set(gram * sizeLimit + size, index)
    }
  }

  find(text: string): Contamination[] {
    const shared = this.search(text, 0)
    if (shared.size === 0) return []
    const again = this.search(text, 1)
    return [...shared].flatMap(([index, count]) => {
      const both = Math.min(count, again.get(index) ?? 0)
      return both === 0 ? [] : [{ benchmark: this.names[index]!, shared: both }]
    })
  }

  private search(text: string, round: 0 | 1): Map<number, number> {
    const shared = new Map<number, number>()
    for (const [size, shinglers] of this.sizes)
      for (const gram of shinglers[round].hashes(text)) {
        const index = this.grams[round].get(gram * sizeLimit + size)
        if (index !== undefined) shared.set(index, (shared.get(index) ?? 0) + 1)
      }
    return shared
  }

  private of(size: number): readonly [Shingler, Shingler] {
    const found = this.sizes.get(size) ?? ([new Shingler({ size }), new Shingler({ size, seed: 1 })] as const)
    this.sizes.set(size, found)
    return found
  }
}
