import { type TensorInfo, usageError } from '@qt/core'
import type { Metadata, MetadataValue } from '@qt/weights'
import { layerOf } from './mixture/category.js'
import { factsOf } from './mixture/facts.js'

/** A tensor of the source under the name that it gets. */
export interface NamedTensor extends TensorInfo {
  readonly source: string
}

/** The tensors and metadata of a model without some of its layers, those after them renumbered. */
export function prune(
  tensors: readonly TensorInfo[],
  metadata: Metadata,
  layers: readonly number[],
): { tensors: NamedTensor[]; metadata: Metadata } {
  if (layers.length === 0) return { tensors: tensors.map((tensor) => ({ ...tensor, source: tensor.name })), metadata }
  const { architecture, layers: count } = factsOf(metadata)
  for (const layer of layers)
    if (!Number.isSafeInteger(layer) || layer < 0 || layer >= count)
      throw usageError('QUANT_LAYER', `There is no layer ${layer} to leave out; the model has layers 0 to ${count - 1}.`, {
        where: { field: 'pruneLayers' },
        actions: [`Name layers from 0 to ${count - 1}.`],
      })
  const gone = new Set(layers)
  const left = Array.from({ length: count }, (_, i) => i).filter((i) => !gone.has(i))
  if (left.length === 0)
    throw usageError('QUANT_LAYER', 'No layer would be left.', {
      where: { field: 'pruneLayers' },
      actions: ['Keep at least one.'],
    })
  const numbers = new Map(left.map((layer, i) => [layer, i]))
  const named = tensors.flatMap((tensor): NamedTensor[] => {
    const layer = layerOf(tensor.name)
    if (layer === undefined) return [{ ...tensor, source: tensor.name }]
    const next = numbers.get(layer)
    if (next === undefined) return []
    return [{ ...tensor, name: tensor.name.replace(/^blk\.\d+/, `blk.${next}`), source: tensor.name }]
  })
  const pruned = new Map<string, MetadataValue>(metadata)
  pruned.set(`${architecture}.block_count`, { type: 'UINT32', value: left.length })
  for (const [key, entry] of metadata) {
    // Lists with an entry for each layer (heads, widths, windows).
    if (!key.startsWith(`${architecture}.`) || entry.type !== 'ARRAY' || entry.value.length !== count) continue
    if (entry.of === 'INT32' || entry.of === 'UINT32' || entry.of === 'FLOAT32')
      pruned.set(key, { ...entry, value: left.map((layer) => entry.value[layer]!) })
    else if (entry.of === 'BOOL') pruned.set(key, { ...entry, value: left.map((layer) => entry.value[layer]!) })
  }
  return { tensors: named, metadata: pruned }
}
