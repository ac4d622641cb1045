import { basename, posix } from 'node:path'
import type { TrainingConfig } from '@qt/core'
import { badValue } from './submit-errors.js'
import { requireWholeGroups } from './whole-groups.js'

/** What a training asks of a Kubernetes cluster. */
export interface K8sOptions {
  /** A container image in which `qt` is on PATH. */
  readonly image: string
  readonly namespace?: string | undefined
  /** Left out: made of the name of the run's folder. */
  readonly name?: string | undefined
  /** Pods, each with one process of the training. */
  readonly nodes?: number | undefined
  /** GPUs of each pod. */
  readonly gpus?: number | undefined
  /** As Kubernetes writes quantities: `4`, `500m`. */
  readonly cpu?: string | undefined
  /** `16Gi`. */
  readonly memory?: string | undefined
  /** Volumes: `CLAIM:/mount`, `CLAIM:/mount:ro`. Relative paths of the configuration are relative to the first. */
  readonly claims?: readonly string[] | undefined
  /** Environment from secrets: `HF_TOKEN=hub/token`. */
  readonly secrets?: readonly string[] | undefined
  readonly serviceAccount?: string | undefined
  /** A JobSet (https://jobset.sigs.k8s.io), which starts all pods anew when one dies, instead of a Job. */
  readonly jobSet?: boolean | undefined
  /** How often the training may be started again. Default 6. */
  readonly backoff?: number | undefined
}

export interface Claim {
  readonly claim: string
  readonly mount: string
  readonly readOnly: boolean
}

export interface K8sSettings {
  readonly image: string
  readonly namespace: string
  readonly name: string
  readonly nodes: number
  readonly gpus: number
  readonly cpu: string | undefined
  readonly memory: string | undefined
  readonly claims: readonly Claim[]
  readonly workingFolder: string
  readonly secrets: readonly { readonly variable: string; readonly secret: string; readonly key: string }[]
  readonly serviceAccount: string | undefined
  readonly jobSet: boolean
  readonly backoff: number
}

const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/
/** Above nothing, which Kubernetes takes for no limit at all. */
const quantity = /^(?=.*[1-9])\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/

/** Pods are called after it, with numbers, and a host's name has 63 characters. */
const longestName = 40

/** Defaults filled in and everything checked that needs no cluster. */
export function k8sSettings(config: TrainingConfig, options: K8sOptions): K8sSettings {
  if (!/^[\w][\w./:@-]*$/.test(options.image))
    throw badValue('image', `An image cannot be called "${options.image}".`, 'Write registry/name:tag.')
  requireWholeGroups(config, 1, 'Remove "tensorParallel": a pod has one process. "shardBase" divides a frozen base over pods.')
  const claims = (options.claims ?? []).map(parseClaim)
  const [first] = claims
  if (!first)
    throw badValue(
      'claim',
      'The run has nowhere to stay: a pod loses its files when it ends.',
      'Name a claim of a volume and where it appears: --claim training-data:/data',
    )
  requireDifferent(
    'claim',
    'Two claims appear',
    claims.map(({ mount }) => mount),
  )
  const secrets = (options.secrets ?? []).map(parseSecret)
  requireDifferent(
    'secret',
    'Two secrets appear',
    secrets.map(({ variable }) => variable),
  )
  const output = posix.resolve(first.mount, config.output)
  const holder = claims.find(({ mount, readOnly }) => !readOnly && (output === mount || output.startsWith(`${mount}/`)))
  if (!holder)
    throw badValue(
      'output',
      `The run's folder ${output} is on no claim that can be written to.`,
      `Choose an "output" below ${first.mount}.`,
    )
  const name = options.name ?? nameFrom(config.output)
  if (!label.test(name) || name.length > longestName)
    throw badValue(
      'name',
      `A job of Kubernetes cannot be called "${name}".`,
      `Use at most ${longestName} lower-case letters, digits and dashes.`,
    )
  return {
    image: options.image,
    namespace: named('namespace', options.namespace, label) ?? 'default',
    name,
    nodes: whole('nodes', options.nodes ?? 1, 1),
    gpus: whole('gpus', options.gpus ?? 0, 0),
    cpu: named('cpu', options.cpu, quantity),
    memory: named('memory', options.memory, quantity),
    claims,
    workingFolder: first.mount,
    secrets,
    serviceAccount: named('service-account', options.serviceAccount, subdomain),
    jobSet: options.jobSet ?? false,
    backoff: whole('backoff', options.backoff ?? 6, 0),
  }
}

const nameFrom = (output: string): string =>
  `qt-${basename(output)}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longestName)
    .replace(/-+$/, '')

function parseClaim(text: string): Claim {
  const [claim = '', mount = '', mode, more] = text.split(':')
  if (
    !subdomain.test(claim) ||
    !/^\/[^:]+$/.test(mount) ||
    more !== undefined ||
    (mode !== undefined && mode !== 'ro' && mode !== 'rw')
  )
    throw badValue('claim', `A claim cannot be "${text}".`, 'Write CLAIM:/mount, or CLAIM:/mount:ro for one that is only read.')
  return { claim, mount: posix.normalize(mount).replace(/\/$/, ''), readOnly: mode === 'ro' }
}

/** Kubernetes would refuse them, or take one and say nothing. */
function requireDifferent(field: string, what: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw badValue(field, `${what} at ${twice}.`, 'Give each a place of its own.')
}

function parseSecret(text: string): K8sSettings['secrets'][number] {
  const [, variable, secret, key] = /^([A-Za-z_]\w*)=([a-z0-9.-]+)\/([\w.-]+)$/.exec(text) ?? []
  if (variable && secret && key) return { variable, secret, key }
  // The text is not shown: who mistakes the form has perhaps written the secret itself.
  throw badValue('secret', 'A --secret is not of the form ENV=secret/key.', 'Write --secret HF_TOKEN=hub/token.')
}

function named(field: string, value: string | undefined, form: RegExp): string | undefined {
  if (value === undefined || form.test(value)) return value
  throw badValue(
    field,
    `--${field} cannot be "${value}".`,
    form === quantity ? 'Write a quantity: 4, 500m, 16Gi.' : 'Use a name of Kubernetes.',
  )
}

function whole(field: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw badValue(field, `--${field} must be a whole number from ${least}, not ${value}.`, `Write --${field} ${least}.`)
}
