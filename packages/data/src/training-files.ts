import { type TrainingConfig, usageError } from '@qt/core'
import { dataFiles } from './data-files.js'
import type { Finding } from './scenario/finding.js'
import { realPaths } from './scenario/scenario-files.js'

export interface TrainingFiles {
  readonly files: readonly string[]
  /** Those to validate on, where a path names them: none of them is trained on, though it lie in a folder that is. */
  readonly heldOut: readonly string[]
  /** What was seen on the way. */
  readonly findings: Finding[]
}

/** The data files of a configuration. */
export async function trainingFiles(
  { path, validation, format, skipInvalid }: TrainingConfig['data'],
  signal: AbortSignal | undefined,
): Promise<TrainingFiles> {
  const findings: Finding[] = []
  const onFinding = (finding: Finding) => void findings.push(finding)
  const heldOut = typeof validation === 'string' ? await dataFiles(validation, format, { onFinding, signal }) : []
  const files = await dataFiles(path, format, { onFinding, avoid: await realPaths(heldOut), signal })
  const unreadable = findings.find(({ severity }) => severity === 'error')
  if (unreadable && !skipInvalid) throw unreadableFolder(unreadable)
  return { files, heldOut, findings }
}

const unreadableFolder = ({ file, message, fix }: Finding) =>
  usageError('DATA_UNREADABLE', message, { where: { ...(file === undefined ? {} : { file }) }, actions: [fix.label] })
