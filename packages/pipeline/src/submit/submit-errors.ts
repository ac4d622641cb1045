import { QtError, usageError } from '@qt/core'

export const badValue = (field: string, message: string, action: string): QtError =>
  usageError('SUBMIT_BAD_VALUE', message, { where: { field }, actions: [action] })

/** What the cluster's own program said. */
export const refused = (program: string, stderr: string): QtError =>
  new QtError({
    code: 'SUBMIT_REFUSED',
    message: `${program} refused: ${stderr.trim() === '' ? 'it said nothing.' : stderr.trim()}`,
    actions: ['Correct what it names.', 'Look at what would be submitted with --dry-run.'],
  })

export const noKubectl = (): QtError =>
  new QtError({
    code: 'SUBMIT_NO_KUBECTL',
    message: 'kubectl is not installed on this machine.',
    actions: [
      'Install kubectl and give it the settings of your cluster.',
      'Write the manifests to a file with --out, and apply them elsewhere.',
    ],
  })
