import type { TrainedTensor } from '../binding.js'

/** The name of a trained tensor in a checkpoint: the module's, and for an adapter's share what share it is, as in a GGUF adapter. */
export const trainedName = ({ module, role }: Pick<TrainedTensor, 'module' | 'role'>): string =>
  role === 'weight' ? module : `${module}.${role}`
