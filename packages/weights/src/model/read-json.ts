import { messageOf, usageError } from '@qt/core'

const largestJson = 256 * 2 ** 20

/** A JSON object from a file; errors name the file. */
export async function readJsonObject(file: string): Promise<Readonly<Record<string, unknown>>> {
  const { readFile, stat } = await import('node:fs/promises')
  const fail = (what: string, cause?: unknown) =>
    usageError('JSON_UNREADABLE', `${file} ${what}.`, { where: { file }, actions: ['Check or restore the file.'], cause })
  let value: unknown
  try {
    if ((await stat(file)).size > largestJson) throw fail('is too large')
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw cause instanceof SyntaxError ? fail('is not valid JSON', cause) : fail(`cannot be read: ${messageOf(cause)}`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('does not hold an object')
  return { ...value }
}

export async function fileExists(file: string): Promise<boolean> {
  const { stat } = await import('node:fs/promises')
  return stat(file).then(
    (status) => status.isFile(),
    () => false,
  )
}
