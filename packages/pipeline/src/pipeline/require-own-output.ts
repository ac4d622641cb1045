import { readFile, realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { usageError } from '@qt/core'
import type { PipelineSettings } from './load-config.js'

/** Refuses an output folder that holds what the pipeline reads: whatever lies in it may be replaced. */
export async function requireOwnOutput({ base, data, file, folder, output }: PipelineSettings): Promise<void> {
  const inputs = [
    ['the folder of pipeline.yaml', folder],
    ['data.scenarios', resolve(folder, data.scenarios)],
    ['data.heldOut', data.heldOut === null ? undefined : resolve(folder, data.heldOut)],
    ['data.tools', data.tools === undefined ? undefined : resolve(folder, data.tools)],
    ['the base', base === undefined ? undefined : resolve(base)],
  ] as const
  const outer = await realPathOf(output)
  for (const [name, path] of inputs) {
    if (path === undefined) continue
    const inner = await realPathOf(path)
    if (!isWithin(inner, outer)) continue
    const line = await lineOfOutput(file)
    throw usageError(
      'PIPELINE_OUTPUT_SHARED',
      `The output folder ${output} ${inner === outer ? 'is' : 'holds'} ${name} (${path}), and what lies in it may be replaced.`,
      {
        where: { file, field: 'output', ...(line === undefined ? {} : { line }) },
        actions: ['Name an output folder that holds nothing else, such as output: output.'],
      },
    )
  }
}

const isWithin = (inner: string, outer: string): boolean => {
  const way = relative(outer, inner)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** Where a path leads, links followed as far as it is there. */
async function realPathOf(path: string): Promise<string> {
  const there = await realpath(path).catch(() => undefined)
  if (there !== undefined || dirname(path) === path) return there ?? path
  return join(await realPathOf(dirname(path)), basename(path))
}

async function lineOfOutput(file: string): Promise<number | undefined> {
  const index = (await readFile(file, 'utf8')).split('\n').findIndex((line) => /^["']?output["']?\s*:/.test(line))
  return index < 0 ? undefined : index + 1
}
