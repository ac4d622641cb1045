import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import { hashPath } from './hashing.js'

/** What stages make, and nothing else, is removed before it is made anew: the file with the records may be damaged, or anybody's. */
const outputSchema = z
  .string()
  .regex(/^(data\/(train|held-out)\.jsonl|train\/(adapter|model)|merged|model-[a-z0-9_]+\.gguf|report\.html)$/)

const recordSchema = z.object({
  /** Hash of everything that the stage depends on. */
  key: z.string(),
  /** Path below the output folder → hash of what lies there. */
  outputs: z.record(outputSchema, z.string()),
  /** What the stage had to say, as data. */
  result: z.unknown(),
  seconds: z.number(),
})
const fileSchema = z.record(z.string(), recordSchema)
export type StageRecord = z.infer<typeof recordSchema>

/** What earlier runs made, in `stages.json` of the output folder. A damaged file counts as none: everything is made again. */
export async function openStageStore(output: string) {
  const file = join(output, 'stages.json')
  await makeFolder(dirname(file))
  const text = await readFile(file, 'utf8').catch(() => '{}')
  const records = new Map(Object.entries(read(text)))
  const save = () => writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(records), null, 2)}\n`)

  return {
    /** The record of a stage whose inputs are the same and whose outputs still lie there untouched. */
    async valid(stage: string, key: string): Promise<StageRecord | undefined> {
      const record = records.get(stage)
      if (record?.key !== key) return undefined
      for (const [path, hash] of Object.entries(record.outputs))
        if ((await hashPath(join(output, path))) !== hash) return undefined
      return record
    },
    async put(stage: string, key: string, outputs: readonly string[], result: unknown, seconds: number): Promise<StageRecord> {
      const hashes: Record<string, string> = {}
      for (const path of outputs) hashes[path] = (await hashPath(join(output, path))) ?? 'missing'
      const record = { key, outputs: hashes, result, seconds }
      records.set(stage, record)
      await save()
      return record
    },
    /** Removes what a stage left, before it is made anew. */
    async forget(stage: string): Promise<void> {
      const record = records.get(stage)
      if (record === undefined) return
      records.delete(stage)
      await save()
      for (const path of Object.keys(record.outputs)) await rm(join(output, path), { recursive: true, force: true })
    },
  }
}

export type StageStore = Awaited<ReturnType<typeof openStageStore>>

function read(text: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch {
    return {}
  }
}
