import { Shingler } from '../near-duplicates/shingles.js'

export interface Contamination {
  readonly benchmark: string
  /** How many of the text's n-grams are the benchmark's. */
  readonly shared: number
}

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
  private readonly grams = new Map<number, number>()
  /** Shinglers by size: whole items that are shorter than n, and n itself. */
  private readonly sizes = new Map<number, Shingler>()

  constructor(
    readonly n = 13,
    readonly shortest = 8,
  ) {
    this.sizes.set(n, new Shingler({ size: n }))
  }

  add(benchmark: string, texts: Iterable<string>): void {
    const index = this.names.push(benchmark) - 1
    for (const text of texts) {
      const words = text.match(/[\p{L}\p{N}\p{M}]+/gu)?.length ?? 0
      if (words < this.shortest) continue
      const size = Math.min(this.n, words)
      const shingler = this.sizes.get(size) ?? new Shingler({ size })
      this.sizes.set(size, shingler)
      for (const gram of shingler.hashes(text)) this.grams.set(gram * 64 + size, index)
    }
  }

  find(text: string): Contamination[] {
    const shared = new Map<number, number>()
    for (const [size, shingler] of this.sizes)
      for (const gram of shingler.hashes(text)) {
        const index = this.grams.get(gram * 64 + size)
        if (index !== undefined) shared.set(index, (shared.get(index) ?? 0) + 1)
      }
    return [...shared].map(([index, count]) => ({ benchmark: this.names[index]!, shared: count }))
  }
}
