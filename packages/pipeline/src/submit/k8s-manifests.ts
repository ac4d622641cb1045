import type { TrainingConfig } from '@qt/core'
import type { IJob } from 'kubernetes-models/batch/v1'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IConfigMap, IService } from 'kubernetes-models/v1'
import { stringify } from 'yaml'
import { type K8sOptions, type K8sSettings, k8sSettings } from './k8s-options.js'
import { configKey, configName, labels, podTemplate } from './k8s-pod.js'

/** An object of Kubernetes, as it goes into a manifest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly [field: string]: unknown
}

/**
 * What runs a training on Kubernetes: its configuration, an indexed Job or a JobSet with one pod for each process, and for several
 * a name under which they find the first, and a network of their own.
 *
 * @example
 * ```ts
 * const config = parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, output: 'runs/first' })
 * k8sManifests(config, { image: 'registry.example/qt:1', claims: ['training:/data'] }).map(({ kind }) => kind) // ['ConfigMap', 'Job']
 * ```
 */
export function k8sManifests(config: TrainingConfig, options: K8sOptions): Manifest[] {
  const settings = k8sSettings(config, options)
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(settings, configName(settings)),
    data: { [configKey]: stringify(config) },
  } satisfies IConfigMap
  const several = settings.nodes > 1
  return [
    configMap,
    ...(several ? [amongThemselves(settings)] : []),
    ...(several && !settings.jobSet ? [headlessService(settings)] : []),
    settings.jobSet ? jobSet(settings) : job(settings),
  ]
}

/** The manifests as one YAML file. */
export const manifestText = (manifests: readonly Manifest[]): string =>
  manifests.map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')

const metadata = (settings: K8sSettings, name = settings.name) => ({
  name,
  namespace: settings.namespace,
  labels: labels(settings),
})

/** Only the processes of the training reach each other. */
const amongThemselves = (settings: K8sSettings) => {
  const pods = { matchLabels: labels(settings) }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(settings),
    spec: { podSelector: pods, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: pods }] }] },
  } satisfies INetworkPolicy
}

/** Gives pods names; also before they are ready, as they are ready only once they have found each other. */
const headlessService = (settings: K8sSettings) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(settings),
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { 'batch.kubernetes.io/job-name': settings.name },
      ports: [{ name: 'meeting', port: 29_500 }],
    },
  }) satisfies IService

/** Pods that failed are made again; each that dies takes the others with it, so all of them count. */
const job = (settings: K8sSettings) =>
  ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata(settings),
    spec: indexedJob(settings, settings.backoff * settings.nodes, `${settings.name}-0.${settings.name}`, settings.name),
  }) satisfies IJob

/** The set is started again as a whole, and not at all when the configuration is wrong. */
const jobSet = (settings: K8sSettings): Manifest => ({
  apiVersion: 'jobset.x-k8s.io/v1alpha2',
  kind: 'JobSet',
  metadata: metadata(settings),
  spec: {
    network: { enableDNSHostnames: true, publishNotReadyAddresses: true },
    failurePolicy: {
      maxRestarts: settings.backoff,
      rules: [{ name: 'badInput', action: 'FailJobSet', onJobFailureReasons: ['PodFailurePolicy'] }],
    },
    replicatedJobs: [
      {
        name: 'ranks',
        replicas: 1,
        // A JobSet calls its pods SET-JOB-NUMBER-INDEX and makes the service, called as the set is.
        template: { spec: indexedJob(settings, 0, `${settings.name}-ranks-0-0.${settings.name}`) },
      },
    ],
  },
})

function indexedJob(settings: K8sSettings, backoffLimit: number, leader: string, subdomain?: string) {
  return {
    completionMode: 'Indexed',
    completions: settings.nodes,
    parallelism: settings.nodes,
    backoffLimit,
    podFailurePolicy: {
      rules: [
        // Exit code 2 is bad input: trying again does not help.
        { action: 'FailJob', onExitCodes: { containerName: 'train', operator: 'In', values: [2] } },
        // Told to stop, and saved, as all are when one of them is evicted.
        { action: 'Ignore', onExitCodes: { containerName: 'train', operator: 'In', values: [130] } },
        // A machine that was drained or taken back is not the training's failure.
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      ],
    },
    template: podTemplate(settings, leader, subdomain),
  } satisfies IJob['spec']
}
