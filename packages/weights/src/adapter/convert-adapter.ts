import { usageError } from '@qt/core'
import { architectureNamed } from '../architectures/index.js'
import { encodeFloats, type FloatType } from '../blocks/encode.js'
import type { MetadataValue } from '../gguf/metadata.js'
import { type GgufTensor, writeGguf } from '../gguf/write.js'
import { requireOther } from '../io/require-other.js'
import { openModel } from '../model/open-model.js'
import type { AdapterModule } from './adapter.js'
import { readAdapter } from './read.js'
import { fileModules } from './shared-tensors.js'

export interface ConvertAdapterOptions {
  /** The model that the adapter belongs to, GGUF file or folder: its architecture and heads. */
  readonly base: string
  /** Of the factors; F32 when left out. */
  readonly type?: FloatType | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ConvertedAdapter {
  readonly output: string
  readonly modules: number
  /** What llama.cpp divides by each module's rank. */
  readonly alpha: number
}

/**
 * Makes a GGUF adapter of a PEFT folder, as llama.cpp lays it over its base (`--lora`).
 *
 * @example
 * ```ts
 * await convertAdapter('adapter/', 'adapter.gguf', { base: 'base.gguf' })
 * ```
 */
export async function convertAdapter(folder: string, output: string, options: ConvertAdapterOptions): Promise<ConvertedAdapter> {
  const { base, type = 'F32', signal } = options
  for (const input of [folder, base]) await requireOther(input, output)
  const { spec: own } = await openModel(base, { signal })
  const { gguf, name: architecture } = architectureNamed(own.architecture)
  // Rows as a GGUF base has them, whatever this one is.
  const spec = { ...own, rope: { ...own.rope, layout: gguf.ropeLayout } }
  const adapter = await readAdapter(folder, spec)
  if (adapter.kind === 'dora')
    throw usageError('ADAPTER_UNSUPPORTED', 'A DoRA adapter turns the rows of its base, which a GGUF adapter cannot say.', {
      where: { file: folder, field: 'use_dora' },
      actions: ['Merge it into its base: qt merge --base BASE --adapter ADAPTER --out merged.gguf.'],
    })
  if (adapter.saved)
    throw usageError(
      'ADAPTER_UNSUPPORTED',
      'This adapter brings a whole embedding or output, which a GGUF adapter cannot hold.',
      {
        where: { file: folder, field: 'modules_to_save' },
        actions: ['Merge it into its base: qt merge --base BASE --adapter ADAPTER --out merged.gguf.'],
      },
    )
  const modules = fileModules(adapter.modules, spec, adapter.rankStabilised)
  const alpha = modules.map(({ module }) => alphaOf(module)).find((value) => value !== 0) ?? 1
  const metadata = new Map<string, MetadataValue>([
    ['general.type', { type: 'STRING', value: 'adapter' }],
    ['general.architecture', { type: 'STRING', value: architecture }],
    ['adapter.type', { type: 'STRING', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
  ])
  const tensors = modules.flatMap(({ name, outputs, inputs, module }): GgufTensor[] => {
    const factor = alphaOf(module) / alpha
    const b = factor === 1 ? module.b : module.b.map((value) => value * factor)
    return [
      { name: `${name}.lora_a`, type, shape: [module.rank, inputs], data: encodeFloats(type, module.a) },
      { name: `${name}.lora_b`, type, shape: [outputs, module.rank], data: encodeFloats(type, b) },
    ]
  })
  await writeGguf(output, { metadata, tensors }, { signal })
  return { output, modules: modules.length, alpha }
}

/** The one α of the file stands for all: α·√rank when rank-stabilised; where a module's is another, `b` takes up the difference. */
const alphaOf = ({ scale, rank }: AdapterModule): number => scale * rank
