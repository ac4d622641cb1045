import type { IPodTemplateSpec } from 'kubernetes-models/v1'
import type { K8sSettings } from './k8s-options.js'

/** Where the configuration appears in the container. */
const configFolder = '/etc/qt'
export const configKey = 'train.yaml'

/** Seconds that a pod has to save itself when it is told to stop. */
const grace = 120

/** Any user but root; files of volumes belong to it. */
const user = 1000

/** The place of a pod among those of its job; kubelet fills it in. */
const indexField = "metadata.annotations['batch.kubernetes.io/job-completion-index']"

/**
 * One process of the training: not root, without rights, its root file system read-only. `leader` is the stable name of the pod
 * with index 0.
 */
export function podTemplate(settings: K8sSettings, leader: string, subdomain?: string) {
  const { image, nodes, gpus, cpu, memory, claims, workingFolder, secrets, serviceAccount } = settings
  const amounts = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(gpus === 0 ? {} : { 'nvidia.com/gpu': String(gpus) }),
  }
  return {
    metadata: { labels: labels(settings) },
    spec: {
      ...(subdomain === undefined ? {} : { subdomain }),
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: grace,
      ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
      automountServiceAccountToken: serviceAccount !== undefined,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        fsGroup: user,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'train',
          image,
          workingDir: workingFolder,
          command: ['qt', 'train', '--config', `${configFolder}/${configKey}`, '--resume'],
          env: [
            { name: 'HOME', value: '/tmp' },
            { name: 'HF_HOME', value: `${workingFolder}/.cache/huggingface` },
            ...(nodes === 1 ? [] : meeting(nodes, leader)),
            ...secrets.map(({ variable, secret, key }) => ({
              name: variable,
              valueFrom: { secretKeyRef: { name: secret, key } },
            })),
          ],
          resources: Object.keys(amounts).length === 0 ? {} : { requests: amounts, limits: amounts },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'config', mountPath: configFolder, readOnly: true },
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'shm', mountPath: '/dev/shm' },
            ...claims.map(({ mount, readOnly }, i) => ({ name: `claim-${i}`, mountPath: mount, readOnly })),
          ],
        },
      ],
      volumes: [
        { name: 'config', configMap: { name: configName(settings) } },
        { name: 'tmp', emptyDir: {} },
        // Processes of one machine exchange gradients through it; the 64 MB of containers are too little.
        { name: 'shm', emptyDir: { medium: 'Memory' } },
        ...claims.map(({ claim, readOnly }, i) => ({
          name: `claim-${i}`,
          persistentVolumeClaim: { claimName: claim, readOnly },
        })),
      ],
    },
  } satisfies IPodTemplateSpec
}

/** How processes find each other: what torchrun sets. */
const meeting = (nodes: number, leader: string) => [
  { name: 'RANK', valueFrom: { fieldRef: { fieldPath: indexField } } },
  { name: 'LOCAL_RANK', value: '0' },
  { name: 'LOCAL_WORLD_SIZE', value: '1' },
  { name: 'WORLD_SIZE', value: String(nodes) },
  { name: 'MASTER_ADDR', value: leader },
  { name: 'MASTER_PORT', value: '29500' },
]

export const configName = ({ name }: K8sSettings): string => `${name}-config`

export const labels = ({ name }: K8sSettings) => ({
  'app.kubernetes.io/name': 'qt-train',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/managed-by': 'qt',
})
