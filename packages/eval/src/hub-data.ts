import { QtError } from '@qt/core'
import { findFiles } from '@qt/data'

/** Whether data is a dataset of the hub, `hf://datasets/owner/name/path`. */
export const isOfHub = (data: string): boolean => data.startsWith('hf:')

/**
 * The files of data: a path as it is; a dataset of the hub downloaded first, or taken from where an earlier download left it. Where it cannot be
 * had, the error says what to give instead.
 */
export async function filesOf(data: string, instead: string): Promise<readonly string[]> {
  if (!isOfHub(data)) return [data]
  try {
    return await findFiles(data)
  } catch (error) {
    if (!QtError.isInstance(error) || !error.code.startsWith('HUB_')) throw error
    throw new QtError({
      code: 'EVAL_DATA_UNREACHABLE',
      kind: error.kind,
      message: `${data} cannot be had: ${error.message}`,
      actions: [instead, ...error.actions],
      cause: error,
    })
  }
}
