import { type ModelSpec, type TensorInfo, usageError } from '@qt/core'
import { readAdapter } from '../adapter/read.js'
import type { RowChange } from '../convert/tensor-stream.js'
import type { Model } from '../model/model.js'
import { openModel } from '../model/open-model.js'
import { readTensorRows } from '../model/read-rows.js'
import { deltaOf } from './delta.js'
import type { ModelReference } from './recipe.js'

/** A model that takes part in a merge. */
export interface MergeSource {
  readonly model: Model
  /** What its adapter adds to a tensor. */
  change(tensor: string): RowChange | undefined
}

export async function openMergeSource({ path, adapter }: ModelReference, signal: AbortSignal | undefined): Promise<MergeSource> {
  const model = await openModel(path, { signal })
  if (adapter === undefined) return { model, change: () => undefined }
  const { modules, saved } = await readAdapter(adapter, model.spec)
  if (saved)
    throw usageError('ADAPTER_UNSUPPORTED', 'This adapter brings a whole embedding or output, which recipes do not combine.', {
      where: { file: adapter, field: 'modules_to_save' },
      actions: ['Merge it into its base first: qt merge --base BASE --adapter ADAPTER --out merged.gguf.'],
    })
  return {
    model,
    change(tensor) {
      const module = modules.get(tensor)
      return module && deltaOf([{ module, weight: 1 }])
    },
  }
}

/** Rows of a tensor as numbers, adapter included. */
export async function readRows(source: MergeSource, tensor: string, row: number, count: number): Promise<Float32Array> {
  const info = tensorOf(source, tensor)
  const columns = info.shape.at(-1)!
  const values = await readTensorRows(info, row, count)
  if (values === undefined)
    throw usageError('MERGE_TYPE', `${info.name} is stored as ${info.type}, which cannot be merged.`, {
      where: { file: info.file, field: info.name },
      actions: ['Convert the model to a float type first: qt convert.'],
    })
  await source.change(tensor)?.(values, row, columns)
  return values
}

export function tensorOf({ model }: MergeSource, tensor: string): TensorInfo {
  const info = model.tensors.get(tensor)
  if (info) return info
  throw usageError('MERGE_MISMATCH', `${model.path} has no tensor ${tensor}.`, {
    where: { file: model.path },
    actions: ['Merge models of one architecture, and layers that they have.'],
  })
}

/** Models can be merged when their tensors have the same shapes and their rows the same order. */
export function requireAlike(first: Model, other: Model): void {
  const sizes = ['architecture', 'vocabularySize', 'dModel', 'heads', 'kvHeads', 'headDim', 'ffn', 'tiedEmbeddings'] as const
  const different = sizes.find((size: keyof ModelSpec) => first.spec[size] !== other.spec[size])
  const kind = first.kind === other.kind
  if (different === undefined && kind) return
  throw usageError(
    'MERGE_MISMATCH',
    different === undefined
      ? `${first.path} and ${other.path} are a ${first.kind === 'gguf' ? 'GGUF file and a folder' : 'folder and a GGUF file'}, whose rows lie in different orders.`
      : `${different} is ${String(first.spec[different])} in ${first.path} and ${String(other.spec[different])} in ${other.path}.`,
    {
      where: { file: other.path },
      actions: [
        different === undefined ? 'Convert one of them first: qt convert.' : 'Merge models that were tuned from the same base.',
      ],
    },
  )
}
