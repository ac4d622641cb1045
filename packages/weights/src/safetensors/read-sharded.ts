import { usageError } from '@qt/core'
import { joinPath } from '../io/paths.js'
import { fileExists, readJsonObject } from '../model/read-json.js'
import { readSafetensors, type Safetensors } from './read.js'

export interface ShardedTensor {
  readonly file: Safetensors
  readonly name: string
}

/** Every tensor of a folder's model.safetensors, or of the shards that model.safetensors.index.json lists. */
export async function readSharded(folder: string): Promise<Map<string, ShardedTensor>> {
  const single = joinPath(folder, 'model.safetensors')
  const index = joinPath(folder, 'model.safetensors.index.json')
  const tensors = new Map<string, ShardedTensor>()
  if (await fileExists(single)) {
    const file = await readSafetensors(single)
    for (const name of file.tensors.keys()) tensors.set(name, { file, name })
    return tensors
  }
  if (!(await fileExists(index)))
    throw usageError('WEIGHTS_MISSING', `The folder ${folder} has no model.safetensors and no model.safetensors.index.json.`, {
      where: { file: folder },
      actions: ['Check the folder.', 'Save the model as safetensors; pickled .bin weights are not read.'],
    })
  const shards = new Map<string, Safetensors>()
  for (const [name, shard] of Object.entries(weightMap(await readJsonObject(index), index))) {
    const file = shards.get(shard) ?? (await readSafetensors(joinPath(folder, shard)))
    shards.set(shard, file)
    if (!file.tensors.has(name))
      throw usageError('TENSOR_MISSING', `The index puts ${name} into ${shard}, where it is not.`, {
        where: { file: index, field: name },
      })
    tensors.set(name, { file, name })
  }
  return tensors
}

function weightMap(json: Readonly<Record<string, unknown>>, file: string): Record<string, string> {
  const map = json.weight_map
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : []
  const result: Record<string, string> = {}
  for (const [name, shard] of entries) {
    // A shard is a file of the same folder: nothing else may be opened.
    if (typeof shard !== 'string' || !/^[\w.-]+$/.test(shard) || shard.startsWith('.'))
      throw usageError('INDEX_INVALID', `The index names the shard ${JSON.stringify(shard)}, which is not a plain file name.`, {
        where: { file, field: name },
      })
    result[name] = shard
  }
  return result
}
