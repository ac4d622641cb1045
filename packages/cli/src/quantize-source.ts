import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'

/** The model as a GGUF file: itself, or a folder converted without loss into a temporary one. */
export async function withGguf<T>(
  path: string,
  folder: string,
  io: Io,
  signal: AbortSignal,
  work: (input: string) => Promise<T>,
): Promise<T> {
  if (
    !(await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  )
    return work(path)
  const { convert, inspect } = await need('@qt/weights', () => import('@qt/weights'))
  await mkdir(folder, { recursive: true })
  const temporary = await mkdtemp(join(folder, '.qt-quantize-'))
  try {
    const { totals, bytes } = await inspect(path)
    const exact = (totals.F32?.bytes ?? 0) > bytes / 2 ? 'F32' : undefined
    const input = join(temporary, `${randomUUID()}.gguf`)
    const progress = status(io)
    await convert(path, input, {
      type: exact,
      signal,
      onProgress: ({ tensor, done, total }) => progress.update(`converting  ${done}/${total} tensors  ${tensor}`),
    })
    progress.end()
    return await work(input)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
