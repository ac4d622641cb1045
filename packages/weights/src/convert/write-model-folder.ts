import { QtError } from '@qt/core'
import { rotaryHeads } from '../adapter/read.js'
import type { TensorEntry } from '../architectures/architecture.js'
import { encodeFloats } from '../blocks/encode.js'
import { joinPath } from '../io/paths.js'
import { writeFolder } from '../io/write-folder.js'
import type { ModelDescription } from '../model/build-spec.js'
import type { Model } from '../model/model.js'
import { separateRows } from '../model/permute-rows.js'
import { expectedTensors } from '../model/shapes.js'
import { writeSafetensors } from '../safetensors/write.js'
import { configFromSpec, type SpecialIds } from './config-from-spec.js'
import { configJson } from './config-json.js'
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
    const given = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    await writeSafetensors(
      joinPath(folder, 'model.safetensors'),
      expectedTensors(architecture, spec).map(({ huggingFace, shape, entry, parts, name }) => ({
        name: huggingFace,
        dtype: 'F32',
        shape,
        data: async function* () {
          for (const part of parts ?? [{ name, entry }]) {
            const tensor = given.get(part.name)
            if (tensor === undefined) throw new QtError({ code: 'TENSOR_MISSING', message: `${part.name} was not given.` })
            yield encodeFloats('F32', asHuggingFaceHasIt(part.entry, part.name, tensor.values()))
          }
        },
      })),
    )
    await writeFileAtomic(joinPath(folder, 'config.json'), configJson(configFromSpec(description, 'F32', ids)))
    if (tokenizerFile !== undefined) await writeTokenizer(folder, tokenizerFile)
    else if (source?.kind === 'hf') await copyCompanions(source, folder)
    else if (source?.tokenizerFile !== undefined) await writeTokenizer(folder, source.tokenizerFile)
  })

  /** Weights trained from a GGUF base lie in its row order; norms are trained as they multiply. */
  function asHuggingFaceHasIt(entry: TensorEntry, name: string, values: Float32Array): Float32Array {
    if (entry.plusOne) return values.map((value) => value - 1)
    const projection = name.endsWith('.attn_q.weight') ? 'attn_q' : name.endsWith('.attn_k.weight') ? 'attn_k' : undefined
    const heads = projection && rotaryHeads(spec, projection)
    return heads === undefined ? values : separateRows(values, heads, spec.headDim)
  }
}
