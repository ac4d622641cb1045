import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface HollowLlama {
  readonly layers: number
  readonly width: number
  readonly ffn: number
  readonly heads: number
  readonly vocabulary: number
  readonly dtype: 'float32' | 'bfloat16'
  /** Files that its tensors are spread over; 1 when left out. */
  readonly shards?: number
}

/** Writes a llama whose numbers are all zeros: holes of its files, which take no disk. */
export async function hollowLlama(folder: string, shape: HollowLlama): Promise<void> {
  const { layers, width, ffn, heads, vocabulary, dtype, shards = 1 } = shape
  await mkdir(folder, { recursive: true })
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: width,
    intermediate_size: ffn,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    head_dim: width / heads,
    hidden_act: 'silu',
    max_position_embeddings: 64,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: true,
    vocab_size: vocabulary,
    dtype,
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const square = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj']
  const layer: [string, number[]][] = [
    ['input_layernorm', [width]],
    ['post_attention_layernorm', [width]],
    ...square.map((name): [string, number[]] => [name, [width, width]]),
    ['mlp.gate_proj', [ffn, width]],
    ['mlp.up_proj', [ffn, width]],
    ['mlp.down_proj', [width, ffn]],
  ]
  const all: [string, number[]][] = [
    ['model.embed_tokens', [vocabulary, width]],
    ['model.norm', [width]],
    ...Array.from({ length: layers }, (_, i) =>
      layer.map(([name, shape]): [string, number[]] => [`model.layers.${i}.${name}`, shape]),
    ).flat(),
  ]
  const each = Math.ceil(all.length / shards)
  const number = (i: number) => String(i).padStart(5, '0')
  const fileOf = (shard: number) =>
    shards === 1 ? 'model.safetensors' : `model-${number(shard + 1)}-of-${number(shards)}.safetensors`
  for (let shard = 0; shard < shards; shard++)
    await writeHollow(join(folder, fileOf(shard)), all.slice(shard * each, (shard + 1) * each), dtype)
  if (shards === 1) return
  const map = Object.fromEntries(all.map(([name], i) => [`${name}.weight`, fileOf(Math.floor(i / each))]))
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }))
}

async function writeHollow(path: string, tensors: readonly [string, number[]][], type: HollowLlama['dtype']): Promise<void> {
  const [dtype, bytes] = type === 'float32' ? ['F32', 4] : ['BF16', 2]
  let end = 0
  const entries = tensors.map(([name, shape]) => {
    const begin = end
    end += Number(bytes) * shape.reduce((product, size) => product * size, 1)
    return [`${name}.weight`, { dtype, shape, data_offsets: [begin, end] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = await open(path, 'w')
  try {
    await file.write(Buffer.concat([length, header]))
    await file.truncate(8 + header.length + end)
  } finally {
    await file.close()
  }
}
