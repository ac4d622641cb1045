import { isAbsolute, join } from 'node:path'
import type { TrainingConfig } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { kubectl } from './k8s-job.js'
import { k8sManifests, manifestText } from './k8s-manifests.js'
import { type K8sOptions, k8sSettings } from './k8s-options.js'
import { writeSubmission } from './submission.js'
import { refused } from './submit-errors.js'
import { submitFiles } from './submit-files.js'

export interface K8sSubmission {
  readonly name: string
  readonly namespace: string
  /** The folder on this machine that remembers the submission; the run itself is on its claim. */
  readonly run: string
  readonly manifests: string
}

/** Applies the manifests of a training by kubectl, with its settings of cluster and user, and remembers what was applied. */
export async function submitK8s(config: TrainingConfig, options: K8sOptions): Promise<K8sSubmission> {
  const { name, namespace, jobSet } = k8sSettings(config, options)
  const text = manifestText(k8sManifests(config, options))
  const output = isAbsolute(config.output) ? join('runs', name) : config.output
  const files = submitFiles(output)
  const said = await kubectl(['apply', '--filename', '-'], text)
  if (said.code !== 0) throw refused('kubectl', said.stderr)
  await makeFolder(files.folder)
  await writeFileAtomic(files.manifests, text)
  const kind = jobSet ? 'JobSet' : 'Job'
  await writeSubmission(output, { to: 'k8s', kind, name, namespace, time: new Date().toISOString(), run: files.run })
  return { name, namespace, run: files.run, manifests: files.manifests }
}
