import { writeFileAtomic } from '@qt/core/node'
import { defineVerb, type Flags } from '../args/verb.js'
import { cluster } from '../follow-job.js'
import { submittedConfig, submittedConfigFlags } from '../submitted-config.js'

const own = {
  image: { type: 'text', value: 'IMAGE', description: 'A container image that has qt on its PATH.', required: true },
  claim: {
    type: 'text',
    value: 'CLAIM:/MOUNT',
    description: 'A volume, and where it appears; :ro for one only read.',
    many: true,
  },
  namespace: { type: 'text', value: 'NAME', description: 'Namespace (default: default).' },
  name: { type: 'text', value: 'NAME', description: 'Name of the job (default that of the run).' },
  nodes: { type: 'number', value: 'N', description: 'Pods, each with one process (default 1).' },
  gpus: { type: 'number', value: 'N', description: 'GPUs of each pod (default none).' },
  cpu: { type: 'text', value: 'CORES', description: 'Processor cores of each pod: 4, 500m.' },
  memory: { type: 'text', value: 'SIZE', description: 'Memory of each pod: 16Gi.' },
  secret: { type: 'text', value: 'ENV=SECRET/KEY', description: 'An environment variable from a secret.', many: true },
  'service-account': { type: 'text', value: 'NAME', description: 'Account that the pods act as (default none).' },
  jobset: { type: 'boolean', description: 'A JobSet, which starts all pods again when one dies, instead of a Job.' },
  backoff: { type: 'number', value: 'N', description: 'How often it may be started again (default 6).' },
  'dry-run': { type: 'boolean', description: 'Print the manifests (so it is without --out and --apply, too).' },
  out: { type: 'text', value: 'FILE', description: 'Write the manifests to this file.' },
  apply: { type: 'boolean', description: 'Apply them with kubectl.' },
} as const satisfies Flags

export const submitK8s = defineVerb({
  name: 'submit k8s',
  summary: 'Train on a cluster with Kubernetes.',
  details:
    'Makes the manifests of an indexed Job, or a JobSet, with the configuration inside, and prints them, writes them or applies them. ' +
    'Relative paths of the configuration are relative to the first claim.',
  flags: { ...submittedConfigFlags, ...own },
  examples: [
    'qt submit k8s --config train.yaml --image registry.example/qt:1 --claim training:/data --gpus 1 --memory 64Gi --out job.yaml',
    'qt submit k8s --config train.yaml --image registry.example/qt:1 --claim training:/data --nodes 8 --gpus 1 --jobset --apply',
  ],
  async run({ flags, io }) {
    const config = await submittedConfig(flags)
    const options = {
      image: flags.image,
      claims: flags.claim,
      namespace: flags.namespace,
      name: flags.name,
      nodes: flags.nodes,
      gpus: flags.gpus,
      cpu: flags.cpu,
      memory: flags.memory,
      secrets: flags.secret,
      serviceAccount: flags['service-account'],
      jobSet: flags.jobset,
      backoff: flags.backoff,
    }
    const { k8sManifests, manifestText, submitK8s: submit } = await cluster()
    const manifests = k8sManifests(config, options)
    const text = manifestText(manifests)
    if (flags.out !== undefined) {
      await writeFileAtomic(flags.out, text)
      io.out(`The manifests are in ${flags.out}.\n`)
    }
    if (flags.apply && !flags['dry-run']) {
      const submitted = await submit(config, options)
      io.out(
        `${submitted.namespace}/${submitted.name} is applied.\n  run        ${submitted.run}\n  manifests  ${submitted.manifests}\n`,
      )
      io.document({ ...submitted, manifests })
      return 0
    }
    if (flags.out === undefined) io.out(text)
    io.document({ manifests })
    return 0
  },
})
