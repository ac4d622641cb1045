import { usageError } from '@qt/core'

/** Refuses to write a result over what it is made from, under whatever name. */
export async function requireOther(input: string, output: string): Promise<void> {
  const { realpath } = await import('node:fs/promises')
  const real = (path: string) => realpath(path).catch(() => undefined)
  const [from, to] = [await real(input), await real(output)]
  if (from !== undefined && from === to)
    throw usageError('OUTPUT_IS_INPUT', `${output} is what the result is made from.`, {
      where: { file: output },
      actions: ['Choose another output.'],
    })
}
