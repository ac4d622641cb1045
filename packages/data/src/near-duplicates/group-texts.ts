import { grown } from '../grown.js'
import type { NearDuplicateOptions } from './band-keys.js'
import { NearDuplicates } from './near-duplicates.js'

/** Numbers of which some belong together. */
export class Groups {
  private parents = new Int32Array(1024)
  length = 0

  add(): number {
    this.parents = grown(this.parents, this.length + 1)
    this.parents[this.length] = this.length
    return this.length++
  }

  /** The smallest number of a group. */
  of(number: number): number {
    let at = number
    while (this.parents[at] !== at) {
      this.parents[at] = this.parents[this.parents[at]!]!
      at = this.parents[at]!
    }
    return at
  }

  join(a: number, b: number): void {
    const [x, y] = [this.of(a), this.of(b)]
    this.parents[Math.max(x, y)] = Math.min(x, y)
  }
}

/** Groups of texts that are linked by near-duplicates: A and C, too, when both are near B. */
export function groupTexts(texts: Iterable<string>, options: NearDuplicateOptions = {}): Groups {
  const groups = new Groups()
  const finder = new NearDuplicates(options)
  for (const text of texts) {
    const number = groups.add()
    for (const { of } of finder.link(text)) groups.join(of, number)
  }
  return groups
}
