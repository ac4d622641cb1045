import { resolve as resolvePath } from 'node:path'
import { QtError } from '@qt/core'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'
import { bytesText } from './print/units.js'

/** The local path of what a user named: a path as it is, a model of the hub (`owner/name`) downloaded first. */
export async function localPath(reference: string, io: Io, signal?: AbortSignal): Promise<string> {
  const { resolve } = await need('@qt/weights', () => import('@qt/weights'))
  const progress = status(io)
  const path = await resolve(reference, {
    signal,
    onProgress: ({ file, done, total }) =>
      progress.update(`downloading ${file}  ${bytesText(done)}${total === undefined ? '' : ` of ${bytesText(total)}`}`),
  }).catch((error: unknown) => {
    if (!QtError.isInstance(error) || error.code !== 'REFERENCE_UNKNOWN') throw error
    throw new QtError({
      ...error.toJSON(),
      kind: error.kind,
      where: { file: resolvePath(reference) },
      actions: ['Paths go by the folder that qt runs in, those in a configuration too: run it there.', ...error.actions],
      cause: error,
    })
  })
  progress.end()
  return path
}
