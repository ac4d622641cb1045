import { rotaryHeads } from '../adapter/read.js'
import { encodeFloats } from '../blocks/encode.js'
import { joinPath } from '../io/paths.js'
import { writeFolder } from '../io/write-folder.js'
import type { Model } from '../model/model.js'
import { toHuggingFaceName } from '../model/names.js'
import { separateRows } from '../model/permute-rows.js'
import type { ModelDescription } from '../model/spec-from-config.js'
import { writeSafetensors } from '../safetensors/write.js'
import { configFromSpec, type SpecialIds } from './config-from-spec.js'
import { copyCompanions } from './write-hf-model.js'
import { writeTokenizer } from './write-tokenizer.js'

/** A model whose weights are in memory, for instance fresh from training. */
export interface ModelInMemory {
  readonly description: ModelDescription
  /** By canonical name; `values` is called when the tensor is written. */
  readonly tensors: readonly { name: string; shape: readonly number[]; values: () => Float32Array }[]
  readonly ids: SpecialIds
  /** The model it came from: its tokenizer and chat template go along. */
  readonly source?: Model | undefined
  /** A tokenizer.json, a GGUF file, or a folder with one of them: this tokenizer goes along instead. */
  readonly tokenizerFile?: string | undefined
}

/** Writes a Hugging Face folder in float32: config.json, model.safetensors and the tokenizer. Whole or not at all. */
export async function writeModelFolder(output: string, model: ModelInMemory): Promise<void> {
  const { description, tensors, ids, source, tokenizerFile } = model
  const { spec, architecture } = description
  const { writeFileAtomic } = await import('@qt/core/node')
  await writeFolder(output, async (folder) => {
    const writeJson = (name: string, value: unknown) =>
      writeFileAtomic(joinPath(folder, name), `${JSON.stringify(value, null, 2)}\n`)
    await writeSafetensors(
      joinPath(folder, 'model.safetensors'),
      tensors.map(({ name, shape, values }) => ({
        name: toHuggingFaceName(architecture, name) ?? name,
        dtype: 'F32',
        shape,
        data: async function* () {
          yield encodeFloats('F32', inHuggingFaceOrder(name, values()))
        },
      })),
    )
    await writeJson('config.json', configFromSpec(description, 'F32', ids))
    if (tokenizerFile !== undefined) await writeTokenizer(folder, tokenizerFile)
    else if (source?.kind === 'hf') await copyCompanions(source, folder)
    else if (source?.tokenizerFile !== undefined) await writeTokenizer(folder, source.tokenizerFile)
  })

  /** Weights trained from a GGUF base lie in its row order. */
  function inHuggingFaceOrder(name: string, values: Float32Array): Float32Array {
    const projection = name.endsWith('.attn_q.weight') ? 'attn_q' : name.endsWith('.attn_k.weight') ? 'attn_k' : undefined
    const heads = projection && rotaryHeads(spec, projection)
    return heads === undefined ? values : separateRows(values, heads, spec.headDim)
  }
}
