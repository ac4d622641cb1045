import { realpath } from 'node:fs/promises'
import { usageError } from '@qt/core'
import type { Gguf } from '@qt/weights'

/** Refuses outputs that are files of the source under whatever name. */
export async function refuseInputs(source: Gguf, outputs: readonly string[]): Promise<void> {
  const real = (paths: readonly string[]) => Promise.all(paths.map((path) => realpath(path).catch(() => undefined)))
  const inputs = await real([...new Set([...source.tensors.values()].map(({ file }) => file))])
  for (const [i, output] of (await real(outputs)).entries()) {
    if (output === undefined || !inputs.includes(output)) continue
    throw usageError('OUTPUT_IS_INPUT', 'The output would replace the file that it is made from.', {
      where: { file: outputs[i]! },
      actions: ['Give the output a name of its own: what is left out cannot be made again from the smaller file.'],
    })
  }
}
