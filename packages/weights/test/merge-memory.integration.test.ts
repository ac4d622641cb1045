import { execFile } from 'node:child_process'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryFolder } from './files.js'

const [width, ffn, vocabulary] = [256, 1024, 64]

/** A llama of so many layers in float32, 4 MB each; its zeros are holes that take no disk. */
async function llama(folder: string, layers: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: width,
    intermediate_size: ffn,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    head_dim: 64,
    hidden_act: 'silu',
    max_position_embeddings: 64,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: true,
    vocab_size: vocabulary,
    dtype: 'float32',
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
  let end = 0
  const entries = all.map(([name, shape]) => {
    const begin = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [`${name}.weight`, { dtype: 'F32', shape, data_offsets: [begin, end] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = await open(join(folder, 'model.safetensors'), 'w')
  try {
    await file.write(Buffer.concat([length, header]))
    await file.truncate(8 + header.length + end)
  } finally {
    await file.close()
  }
}

const program = `
import { mergeModels } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
const [base, a, b, out] = process.argv.slice(1)
const models = [a, b].map((model) => ({ model, parameters: { weight: 0.5, density: 0.4 } }))
await mergeModels({ merge_method: 'ties', base_model: base, models, dtype: 'float16' }, { out })
console.log(process.resourceUsage().maxRSS * 1024)
`

/** The peak of a process that merges three models, in bytes. */
async function peakOf(layers: number): Promise<number> {
  const folder = temporaryFolder()
  const models = ['base', 'a', 'b'].map((name) => join(folder, name))
  for (const model of models) await llama(model, layers)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program, ...models, join(folder, 'merged')],
    { cwd: new URL('..', import.meta.url) },
  )
  return Number(stdout)
}

it('takes no more memory for a model of 20 layers than for one of 4', { timeout: 1_800_000 }, async () => {
  const few = await peakOf(4)
  const many = await peakOf(20)
  // 16 layers more are 200 MB more of inputs and 34 MB more of output.
  expect(many - few).toBeLessThan(64e6)
  expect(many).toBeLessThan(400e6)
})
