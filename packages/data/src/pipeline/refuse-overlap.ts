import { realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { usageError } from '@qt/core'

/** Refuses an output folder that what goes in lies in, or that lies in a folder that goes in: a run would read or replace its own data. */
export async function refuseOverlap(output: string, inputs: readonly string[]): Promise<void> {
  const folder = await realOf(output)
  for (const input of inputs) {
    const real = await realpath(input).catch(() => undefined)
    if (real === undefined) continue
    if (inside(real, folder))
      throw refused(`${input} lies in the output folder of the pipeline, and would be replaced or read again.`, output)
    if (inside(folder, real))
      throw refused(`The output folder lies in ${input}, and would be read as input the next time.`, output)
  }
}

const inside = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)

/** The real path of what need not be there yet. */
async function realOf(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined)
  if (real !== undefined) return real
  const parent = dirname(path)
  return parent === path ? path : join(await realOf(parent), basename(path))
}

const refused = (message: string, output: string) =>
  usageError('DATA_PIPELINE', message, {
    where: { file: output, field: 'output' },
    actions: ['Write into a folder of its own, beside the input.'],
  })
