import { QtError, usageError } from '@qt/core'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

export interface RecordFixes {
  readonly 'dry-run'?: boolean | undefined
  readonly drop?: boolean | undefined
  readonly out?: string | undefined
  readonly ignore?: readonly string[] | undefined
}

/** Corrects files of conversations, instructions and texts. */
export async function fixRecords(path: string, flags: RecordFixes, io: Io): Promise<number> {
  const { findFiles, fixDataset } = await need('@qt/data', () => import('@qt/data'))
  const dryRun = flags['dry-run'] === true
  const files: Record<string, unknown>[] = []
  const all = { examples: 0, fixed: 0, dropped: 0, left: 0 }
  const left = (finding: { toString(): string }) => io.out(`left: ${finding.toString()}\n`)
  const paths = await findFiles(path, { onFinding: (finding) => io.note(`${finding.toString()}\n`) })
  if (flags.out !== undefined && paths.length > 1)
    throw usageError('USAGE_BAD_VALUE', `--out takes the records of one file, and ${path} has ${paths.length}.`, {
      actions: ['Name one file.', 'Or leave out --out: each file is corrected in its place.'],
    })
  for (const file of paths) {
    try {
      const result = await withInterrupt((signal) =>
        fixDataset(file, {
          out: flags.out,
          drop: flags.drop,
          dryRun,
          ignore: flags.ignore,
          signal,
          onFixed: (finding) => io.out(`${dryRun ? 'would fix' : 'fixed'}: ${finding.toString()}\n`),
          onDropped: (finding) => io.out(`${dryRun ? 'would leave out' : 'left out'}: ${finding.toString()}\n`),
          onLeft: left,
        }),
      )
      for (const key of ['examples', 'fixed', 'dropped', 'left'] as const) all[key] += result[key]
      files.push({ file, ...result })
    } catch (error) {
      // One file that cannot be read or written is no reason to leave the others as they are.
      if (!QtError.isInstance(error) || paths.length === 1) throw error
      all.left++
      left(`${error.place}  ${error.message}  ${error.actions.map(({ label }) => label).join(' ')}`)
      files.push({ file, error: error.toJSON() })
    }
  }
  io.out(
    `${plural(all.fixed, 'correction')} ${dryRun ? 'can be made' : 'made'}, ${plural(all.dropped, 'example')} ${dryRun ? 'would be left out' : 'left out'}, ${all.left} left for you.\n`,
  )
  io.document({ ...all, dryRun, files })
  return 0
}
