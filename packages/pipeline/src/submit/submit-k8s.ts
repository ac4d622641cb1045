import { isAbsolute, join } from 'node:path'
import { shellWord, type TrainingConfig, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { isOver } from './job-state.js'
import { type K8sJob, k8sJobState, kubectl } from './k8s-job.js'
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

/**
 * Applies the manifests of a training by kubectl, with its settings of cluster and user, and remembers what was applied. One of
 * the same name that is not over is left alone, and one that is over makes room.
 */
export async function submitK8s(config: TrainingConfig, options: K8sOptions): Promise<K8sSubmission> {
  const { name, namespace, jobSet } = k8sSettings(config, options)
  const text = manifestText(k8sManifests(config, options))
  const output = isAbsolute(config.output) ? join('runs', name) : config.output
  const files = submitFiles(output)
  const job: K8sJob = { kind: jobSet ? 'JobSet' : 'Job', name, namespace }
  await makeRoom(job, output)
  // Before it is applied: what cannot be written here must not run there.
  await makeFolder(files.folder)
  await writeFileAtomic(files.manifests, text)
  const said = await kubectl(['apply', '--filename', '-'], text)
  if (said.code !== 0) throw refused('kubectl', said.stderr)
  await writeSubmission(output, { to: 'k8s', ...job, time: new Date().toISOString(), run: files.run })
  return { name, namespace, run: files.run, manifests: files.manifests }
}

/** A Job that is there cannot be changed by applying it again: one that is over would start nothing, one that is not be spoilt. */
async function makeRoom(job: K8sJob, output: string): Promise<void> {
  const { kind, name, namespace } = job
  const state = await k8sJobState(job)
  if (!isOver(state))
    throw usageError('SUBMIT_ACTIVE', `${kind} ${namespace}/${name} is ${state.state}.`, {
      where: { file: output },
      actions: [`Wait for it, or cancel it: qt submit cancel ${shellWord(output)}`, 'Choose another --name.'],
    })
  if (state.state === 'GONE') return
  const said = await kubectl(['delete', kind.toLowerCase(), name, '--namespace', namespace, '--ignore-not-found'])
  if (said.code !== 0) throw refused('kubectl', said.stderr)
}
