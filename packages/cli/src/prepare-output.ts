import { realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'

/** Before long work: that its file can be written where it is wanted, and is none of what is read, under whatever name. */
export async function prepareOutput(output: string, inputs: readonly string[]): Promise<void> {
  const file = await realOf(output)
  for (const input of inputs) {
    const from = await realpath(input).catch(() => undefined)
    if (from === undefined || !isWithin(from, file)) continue
    throw usageError('OUTPUT_IS_INPUT', `${output} is ${from === file ? '' : 'among '}what is read: ${input}.`, {
      where: { file: output },
      actions: ['Choose another output.'],
    })
  }
  if ((await stat(file).catch(() => undefined))?.isDirectory())
    throw usageError('FOLDER_UNUSABLE', `${output} is a folder, and a file is to be written.`, {
      where: { file: output },
      actions: ['Name a file in it.'],
    })
  await makeFolder(dirname(file))
}

/** Without links, as far as there is something already. */
async function realOf(path: string): Promise<string> {
  const whole = resolve(path)
  for (let there = whole; ; there = dirname(there)) {
    const real = await realpath(there).catch(() => undefined)
    if (real !== undefined) return resolve(real, relative(there, whole))
    if (there === dirname(there)) return whole
  }
}

function isWithin(input: string, file: string): boolean {
  const way = relative(input, file)
  return !isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`)
}
