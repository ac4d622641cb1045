import { createHash } from 'node:crypto'
import { type Finding, toFinding } from './finding.js'
import { sourceLines } from './source-lines.js'

export interface CopyFinder {
  /** Scenarios to train on come after those that are held out. */
  heldOut(file: string, text: string): Finding | undefined
  /** An error for a copy of what is held out: measured on it, a model that only remembers looks able. */
  training(file: string, text: string): Finding | undefined
}

/**
 * Finds scenarios that are there twice, line endings and blank lines around them aside.
 *
 * @example
 * ```ts
 * const copies = findCopies()
 * copies.heldOut('held-out/bridge.md', text)
 * copies.training('scenarios/bridge.md', text)?.code // 'held-out-copy'
 * ```
 */
export function findCopies(): CopyFinder {
  const [held, trained] = [new Map<string, string>(), new Map<string, string>()]
  return {
    heldOut: (file, text) => twice(held, file, hashOf(text)),
    training(file, text) {
      const hash = hashOf(text)
      const other = hash === nothing ? undefined : held.get(hash)
      if (other === undefined) return twice(trained, file, hash)
      return toFinding(
        {
          code: 'held-out-copy',
          line: 1,
          message: `This is the same scenario as ${other}, which is held out.`,
          fix: 'Remove one of the two: what is trained on cannot be measured with.',
        },
        file,
      )
    },
  }

  function twice(known: Map<string, string>, file: string, hash: string): Finding | undefined {
    const other = hash === nothing ? undefined : known.get(hash)
    if (other === undefined) {
      known.set(hash, file)
      return undefined
    }
    return toFinding(
      {
        code: 'copied-scenario',
        severity: 'warning',
        line: 1,
        message: `This is the same scenario as ${other}.`,
        fix: 'Remove one of the two, unless it shall count twice.',
      },
      file,
    )
  }
}

const hashOf = (text: string): string =>
  createHash('sha256')
    .update(
      sourceLines(text)
        .map((line) => line.text.trimEnd())
        .join('\n')
        .trim(),
    )
    .digest('base64')

/** Empty files are no copies of each other. */
const nothing = hashOf('')
