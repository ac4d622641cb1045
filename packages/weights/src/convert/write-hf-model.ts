import { metadataNumber } from '../gguf/metadata.js'
import { joinPath } from '../io/paths.js'
import { writeFolder } from '../io/write-folder.js'
import type { Model } from '../model/model.js'
import { fileExists, readJsonObject } from '../model/read-json.js'
import { writeSafetensors } from '../safetensors/write.js'
import { tokenizerFiles } from '../vocabulary/from-gguf.js'
import { configFromSpec, type SpecialIds, torchTypes } from './config-from-spec.js'
import { configJson } from './config-json.js'
import type { WriteJob } from './write-gguf-model.js'

/** Files of a folder that belong to its tokenizer and its way of generating, copied as they are. */
const companions = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'generation_config.json',
]

export async function writeHfModel(job: WriteJob): Promise<void> {
  const { writeFileAtomic } = await import('@qt/core/node')
  // Before the weights, which take long: whatever cannot be expressed is refused at once.
  const files = await jsonFiles(job)
  await writeFolder(job.output, async (folder) => {
    await writeSafetensors(
      joinPath(folder, 'model.safetensors'),
      job.tensors.map((tensor) => ({ ...tensor, dtype: tensor.type })),
      { onTensor: job.onTensor, signal: job.signal },
    )
    if (job.model.kind === 'hf') await copyCompanions(job.model, folder)
    for (const [name, value] of Object.entries(files))
      await writeFileAtomic(
        joinPath(folder, name),
        name === 'config.json' ? configJson(value) : `${JSON.stringify(value, null, 2)}\n`,
      )
  })
}

/** config.json and, from a GGUF, the files that say the same as its metadata. */
async function jsonFiles({ model, type }: WriteJob): Promise<Record<string, Readonly<Record<string, unknown>>>> {
  if (model.kind === 'hf') {
    // What is written are plain numbers, however the model had them.
    const { quantization_config: _, ...config } = await readJsonObject(joinPath(model.path, 'config.json'))
    const key = 'dtype' in config ? 'dtype' : 'torch_dtype'
    const untied = config.tie_word_embeddings !== false && !model.spec.tiedEmbeddings ? { tie_word_embeddings: false } : {}
    return { 'config.json': { ...config, ...layersOf(config, model.spec.layers), ...untied, [key]: torchTypes[type] } }
  }
  const ids = specialIds(model)
  const files = { 'config.json': configFromSpec(model.description, type, ids), 'generation_config.json': generationConfig(ids) }
  if (model.tokenizerFile === undefined || model.metadata === undefined) return files
  const { tokenizer, tokenizerConfig } = tokenizerFiles(model.metadata, model.path)
  return { ...files, 'tokenizer.json': tokenizer, 'tokenizer_config.json': tokenizerConfig }
}

/** What config.json says of its layers, when there are more or fewer than in the model it came from; they are all alike then. */
function layersOf(config: Readonly<Record<string, unknown>>, layers: number): Record<string, unknown> {
  if (config.num_hidden_layers === layers) return {}
  const { layer_types: kinds } = config
  const repeated = Array.isArray(kinds) ? { layer_types: Array.from({ length: layers }, () => kinds[0]) } : {}
  const late = 'max_window_layers' in config ? { max_window_layers: layers } : {}
  return { num_hidden_layers: layers, ...repeated, ...late }
}

export async function copyCompanions(model: Model, folder: string): Promise<void> {
  const { copyFile } = await import('node:fs/promises')
  for (const name of companions)
    if (await fileExists(joinPath(model.path, name))) await copyFile(joinPath(model.path, name), joinPath(folder, name))
}

function specialIds({ metadata }: Model): SpecialIds {
  const id = (name: string) => metadata && metadataNumber(metadata, `tokenizer.ggml.${name}_token_id`)
  return { bos: id('bos'), eos: id('eos'), pad: id('padding') }
}

const generationConfig = ({ bos, eos, pad }: SpecialIds) =>
  Object.fromEntries(
    Object.entries({ bos_token_id: bos, eos_token_id: eos, pad_token_id: pad }).filter(([, id]) => id !== undefined),
  )
