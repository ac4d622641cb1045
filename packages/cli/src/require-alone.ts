import { usageError } from '@qt/core'
import { need } from './need.js'

/**
 * Refuses to be one of several processes of a job: each would do the same work in the same folder, and only a training of its own is shared
 * out among them.
 */
export async function requireAlone(verb: string): Promise<void> {
  const { launchOf } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const launch = launchOf()
  if (launch === undefined) return
  throw usageError('JOB_LAUNCH', `qt ${verb} is one process, and this is one of ${launch.size}: only qt train can be several.`, {
    actions: [
      `Start qt ${verb} without mpirun, srun or torchrun${launch.kind === 'tcp' ? ', and without WORLD_SIZE in its environment' : ''}.`,
      'Or train with mpirun -n N qt train --config train.yaml.',
    ],
  })
}
