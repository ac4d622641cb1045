import type { Architecture } from '../architectures/architecture.js'

/** GGUF's name of a Hugging Face tensor, or undefined when the architecture has none such. */
export function toGgufName(architecture: Architecture, name: string): string | undefined {
  const block = /^model\.layers\.(0|[1-9]\d*)\.(.+)$/.exec(name)
  if (block === null) return architecture.tensors.find((entry) => entry.huggingFace === name)?.name
  const entry = architecture.blockTensors.find((candidate) => candidate.huggingFace === block[2])
  return entry && `blk.${block[1]}.${entry.name}`
}

/** The path of a projection's module (`model.layers.0.self_attn.q_proj`) by its canonical name, also of one that shares its tensor with others. */
export function modulePath(architecture: Architecture, name: string): string | undefined {
  const [, layer, rest] = /^blk\.(0|[1-9]\d*)\.(.+)$/.exec(name) ?? []
  const entry = architecture.blockTensors.flatMap((one) => one.parts ?? [one]).find((one) => one.name === rest)
  return entry && `model.layers.${layer}.${entry.huggingFace.replace(/\.weight$/, '')}`
}

/** Hugging Face's name of a GGUF tensor, or undefined when the architecture has none such. */
export function toHuggingFaceName(architecture: Architecture, name: string): string | undefined {
  const block = /^blk\.(0|[1-9]\d*)\.(.+)$/.exec(name)
  if (block === null) return architecture.tensors.find((entry) => entry.name === name)?.huggingFace
  const entry = architecture.blockTensors.find((candidate) => candidate.name === block[2])
  return entry && `model.layers.${block[1]}.${entry.huggingFace}`
}
