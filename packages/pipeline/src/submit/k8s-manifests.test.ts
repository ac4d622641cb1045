import { parseConfig } from '@qt/core'
import { Job } from 'kubernetes-models/batch/v1'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { k8sManifests, type Manifest, manifestText } from './k8s-manifests.js'
import type { K8sOptions } from './k8s-options.js'

const config = (output = 'runs/first') => parseConfig({ base: 'owner/model', data: { path: 'rows.jsonl' }, output })
const plain: K8sOptions = { image: 'registry.example/qt:1', claims: ['training:/data'] }
const full: K8sOptions = {
  ...plain,
  namespace: 'lab',
  name: 'first',
  nodes: 4,
  gpus: 1,
  cpu: '8',
  memory: '64Gi',
  claims: ['training:/data', 'models:/models:ro'],
  secrets: ['HF_TOKEN=hub/token'],
  serviceAccount: 'trainer',
  backoff: 3,
}

/** What kubectl would read. */
const read = (options: K8sOptions, output?: string): Manifest[] =>
  parseAllDocuments(manifestText(k8sManifests(config(output), options))).map((document) => document.toJS())

/** The schemas that Kubernetes publishes. */
const models = { ConfigMap, NetworkPolicy, Service, Job }
function validate(manifest: Manifest): void {
  const Model = Object.entries(models).find(([kind]) => kind === manifest.kind)?.[1]
  if (!Model) throw new Error(`There is no schema of ${manifest.kind}.`)
  new Model(manifest).validate()
}

const withPath = (manifest: Manifest, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], manifest)

test.each([
  ['one pod', plain, ['ConfigMap', 'Job']],
  ['everything', full, ['ConfigMap', 'NetworkPolicy', 'Service', 'Job']],
])('the manifests of %s are valid by the schemas of Kubernetes', (_name, options, kinds) => {
  const manifests = read(options)
  expect(manifests.map(({ kind }) => kind)).toEqual(kinds)
  for (const manifest of manifests) expect(() => validate(manifest)).not.toThrow()
})

test('the schemas would refuse what is wrong', () => {
  const job = read(plain)[1]!
  expect(() => validate({ ...job, spec: { ...(job.spec as object), completions: 'four' } })).toThrow('completions')
})

test('a JobSet has the same pods in a set that is started again as a whole', () => {
  const [configMap, policy, set] = read({ ...full, jobSet: true })
  for (const one of [configMap!, policy!]) expect(() => validate(one)).not.toThrow()
  expect(set).toMatchObject({ apiVersion: 'jobset.x-k8s.io/v1alpha2', kind: 'JobSet', metadata: { name: 'first' } })
  expect(withPath(set!, 'spec.failurePolicy.maxRestarts')).toBe(3)
  // The JobSet's own rule for names of rules.
  expect(withPath(set!, 'spec.failurePolicy.rules.0.name')).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
  const spec = withPath(set!, 'spec.replicatedJobs.0.template.spec')
  expect(() => validate({ ...read(full)[3]!, spec })).not.toThrow()
  expect(spec).toMatchObject({ completions: 4, parallelism: 4, backoffLimit: 0 })
  expect(environment(set!, 'spec.replicatedJobs.0.template.spec.template.spec')).toMatchObject({
    MASTER_ADDR: 'first-ranks-0-0.first',
  })
})

function environment(manifest: Manifest, pod: string): Record<string, unknown> {
  const env = withPath(manifest, `${pod}.containers.0.env`) as { name: string; value?: string; valueFrom?: unknown }[]
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]))
}

test('processes find each other by the stable name of the first, and know their place by the index', () => {
  const [, policy, service, job] = read(full)
  expect(environment(job!, 'spec.template.spec')).toMatchObject({
    WORLD_SIZE: '4',
    MASTER_ADDR: 'first-0.first',
    MASTER_PORT: '29500',
    RANK: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } },
    HF_TOKEN: { secretKeyRef: { name: 'hub', key: 'token' } },
  })
  expect(service).toMatchObject({
    metadata: { name: withPath(job!, 'spec.template.spec.subdomain') },
    spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: { 'batch.kubernetes.io/job-name': 'first' } },
  })
  const pods = { matchLabels: withPath(job!, 'spec.template.metadata.labels') }
  expect(policy).toMatchObject({ spec: { podSelector: pods, ingress: [{ from: [{ podSelector: pods }] }] } })
  expect(environment(read(plain)[1]!, 'spec.template.spec')).not.toHaveProperty('WORLD_SIZE')
})

test('a wrong configuration ends the job; a pod that was told to stop does not count, nor those that stopped with it', () => {
  expect(withPath(read(full)[3]!, 'spec.podFailurePolicy.rules')).toEqual([
    { action: 'FailJob', onExitCodes: { containerName: 'train', operator: 'In', values: [2] } },
    { action: 'Ignore', onExitCodes: { containerName: 'train', operator: 'In', values: [130] } },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  ])
})

test('the configuration goes in whole, and what the run writes is on a claim', () => {
  const [configMap, , , job] = read(full)
  const { data } = configMap as Manifest & { data: Record<string, string> }
  expect(parseConfig(parse(data['train.yaml'] ?? ''))).toEqual(config())
  const container = withPath(job!, 'spec.template.spec.containers.0')
  expect(container).toMatchObject({
    workingDir: '/data',
    command: ['qt', 'train', '--config', '/etc/qt/train.yaml', '--resume'],
    resources: { limits: { cpu: '8', memory: '64Gi', 'nvidia.com/gpu': '1' } },
  })
  expect(withPath(job!, 'spec.template.spec.containers.0.volumeMounts')).toContainEqual({
    name: 'claim-1',
    mountPath: '/models',
    readOnly: true,
  })
})

test('pods are not root, have no rights and cannot write to their image', () => {
  const pod = withPath(read(plain)[1]!, 'spec.template.spec')
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      { securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } },
    ],
  })
})

test.each([
  [{ claims: [] }, 'claim'],
  [{ claims: ['training'] }, 'claim'],
  [{ claims: ['training:data'] }, 'claim'],
  [{ claims: ['training:/data:ro'] }, 'output'],
  [{ image: 'a b' }, 'image'],
  [{ name: 'Has_Capitals' }, 'name'],
  [{ name: 'a'.repeat(41) }, 'name'],
  [{ memory: '64 gigabytes' }, 'memory'],
  [{ cpu: '-1' }, 'cpu'],
  [{ nodes: 0 }, 'nodes'],
  [{ gpus: 0.5 }, 'gpus'],
  [{ secrets: ['HF_TOKEN=hunter2'] }, 'secret'],
])('%j is refused', (wrong, field) => {
  expect(() => k8sManifests(config(), { ...plain, ...wrong })).toThrow(
    expect.objectContaining({ code: 'SUBMIT_BAD_VALUE', where: { field } }),
  )
})

test('a run outside all claims is refused, and a secret by mistake is not shown', () => {
  expect(() => k8sManifests(config('/elsewhere/run'), plain)).toThrow('/elsewhere/run is on no claim')
  expect(() => k8sManifests(config('/database/run'), plain)).toThrow('is on no claim')
  expect(() => k8sManifests(config(), { ...plain, secrets: ['HF_TOKEN=hunter2'] })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  )
})

test.each([
  ['runs/My Run (2)', 'qt-my-run-2'],
  ['runs/ünï', 'qt-n'],
  [`runs/${'long'.repeat(30)}`, `qt-${'long'.repeat(30)}`.slice(0, 40)],
])('a run called %s makes a job called %s', (output, name) => {
  expect(read(plain, output).at(-1)?.metadata.name).toBe(name)
})

test('pods are not asked to share blocks, which they would over a network', () => {
  const groups = parseConfig({ base: 'owner/model', data: { path: 'rows.jsonl' }, training: { tensorParallel: 2 } })
  expect(() => k8sManifests(groups, { ...plain, nodes: 2 })).toThrow('Each machine has 1 process, which cannot be groups of 2.')
})

test.each([
  [{ claims: ['training:/data', 'models:/data/'] }, 'Two claims appear at /data.'],
  [{ secrets: ['HF_TOKEN=hub/token', 'HF_TOKEN=other/token'] }, 'Two secrets appear at HF_TOKEN.'],
  [{ memory: '0Gi' }, '--memory cannot be "0Gi".'],
  [{ cpu: '0.0' }, '--cpu cannot be "0.0".'],
])('what the cluster would refuse, or take for something else, is said before: %j', (options, message) => {
  expect(() => k8sManifests(config(), { ...plain, ...options })).toThrow(message)
})
