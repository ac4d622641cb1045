import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, optional, temporaryFolder } from '../../test/files.js'
import { openModel } from '../model/open-model.js'
import { readSafetensors } from '../safetensors/read.js'
import { readAdapter } from './read.js'
import { writeAdapter } from './write.js'

const folderSpec = (await openModel(fixture('tiny-llama'))).spec
const ggufSpec = (await openModel(fixture('tiny-llama.gguf'))).spec

/** The fixture's adapter with some settings replaced. */
async function adapterWith(settings: Record<string, unknown>): Promise<string> {
  const folder = temporaryFolder()
  await cp(fixture('adapter'), folder, { recursive: true })
  const config = JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8'))
  await writeFile(`${folder}/adapter_config.json`, JSON.stringify({ ...config, ...settings }))
  return folder
}

async function sameTensors(a: string, b: string): Promise<void> {
  const [left, right] = [
    await readSafetensors(`${a}/adapter_model.safetensors`),
    await readSafetensors(`${b}/adapter_model.safetensors`),
  ]
  expect([...right.tensors.keys()].sort()).toEqual([...left.tensors.keys()].sort())
  for (const [name, { shape }] of left.tensors) {
    expect(right.tensors.get(name)?.shape).toEqual(shape)
    expect(Buffer.compare(await right.read(name), await left.read(name))).toBe(0)
  }
}

describe('readAdapter', () => {
  it('follows rank_pattern, alpha_pattern and rank-stabilised scaling', async () => {
    const { modules, ...adapter } = await readAdapter(fixture('adapter'), folderSpec)
    expect(adapter).toMatchObject({ kind: 'lora', rank: 4, alpha: 8, dropout: 0, rankStabilised: true })
    expect(modules.size).toBe(14)
    expect([...modules.keys()].slice(0, 2)).toEqual(['blk.0.attn_q.weight', 'blk.0.attn_k.weight'])
    expect(modules.get('blk.0.attn_q.weight')).toMatchObject({ rank: 2, alpha: 8, scale: 8 / Math.sqrt(2) })
    expect(modules.get('blk.1.attn_v.weight')).toMatchObject({ rank: 4, alpha: 5, scale: 5 / 2 })
    expect(modules.get('blk.1.ffn_down.weight')).toMatchObject({ rank: 3, alpha: 8, scale: 8 / Math.sqrt(3) })
    expect(modules.get('blk.0.ffn_down.weight')).toMatchObject({ rank: 4, alpha: 8, scale: 4 })
  })

  it('puts the rows of q and k into the order of a GGUF base', async () => {
    const halves = await readAdapter(fixture('adapter'), folderSpec)
    const interleaved = await readAdapter(fixture('adapter'), ggufSpec)
    const [before, after] = [halves, interleaved].map((adapter) => adapter.modules.get('blk.0.attn_k.weight')!)
    expect(after!.a).toEqual(before!.a)
    // Row 1 of a head of 8 rows is the first row of its second half.
    expect(after!.b.slice(4, 8)).toEqual(before!.b.slice(4 * 4, 5 * 4))
    expect(interleaved.modules.get('blk.0.attn_v.weight')).toEqual(halves.modules.get('blk.0.attn_v.weight'))
  })

  it('names the first tensor that does not fit the base, with both shapes', async () => {
    await expect(readAdapter(fixture('adapter'), { ...folderSpec, ffn: 96 })).rejects.toMatchObject({
      code: 'ADAPTER_MISMATCH',
      message: expect.stringMatching(/mlp\.down_proj\.lora_A\.weight has the shape \[4, 64\], the model needs \[4, 96\]/),
    })
    await expect(readAdapter(fixture('adapter'), { ...folderSpec, layers: 1 })).rejects.toThrow('only 1 layers')
  })

  it.each([
    ['use_qalora', true],
    ['bias', 'all'],
    ['init_lora_weights', 'pissa_niter_16'],
    ['init_lora_weights', 'olora'],
    ['modules_to_save', ['lm_head']],
    ['peft_type', 'IA3'],
    ['fan_in_fan_out', true],
    ['r', 0],
    ['lora_alpha', 'much'],
    ['rank_pattern', { '(a+)+': 3 }],
    ['alpha_pattern', { '(': 3 }],
  ])('refuses %s by name', async (field, value) => {
    await expect(readAdapter(await adapterWith({ [field]: value }), folderSpec)).rejects.toMatchObject({
      kind: 'usage',
      where: { field: expect.stringContaining(field) },
    })
  })

  it('names a module whose magnitudes and use_dora contradict each other', async () => {
    const settings = { target_modules: ['q_proj'] }
    await expect(readAdapter(await adapterWith({ ...settings, use_dora: true }), folderSpec)).rejects.toMatchObject({
      code: 'ADAPTER_INVALID',
      message: expect.stringContaining('has no lora_magnitude_vector'),
    })
  })

  it('says that a folder is no adapter', async () => {
    await expect(readAdapter(fixture('tiny-llama'), folderSpec)).rejects.toMatchObject({ code: 'JSON_UNREADABLE' })
  })
})

describe('writeAdapter', () => {
  it.each([
    ['halves', folderSpec],
    ['interleaved', ggufSpec],
  ])('writes what it read, rows in the order of Hugging Face, for a base with %s', async (_, spec) => {
    const folder = `${temporaryFolder()}/adapter`
    await writeAdapter(folder, await readAdapter(fixture('adapter'), spec), spec, { baseName: 'owner/base' })
    await sameTensors(fixture('adapter'), folder)
    const config = JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8'))
    expect(config).toMatchObject({
      peft_type: 'LORA',
      r: 4,
      lora_alpha: 8,
      use_rslora: true,
      base_model_name_or_path: 'owner/base',
    })
    expect(config.target_modules).toEqual(['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'])
    expect(await readAdapter(folder, spec)).toEqual({
      ...(await readAdapter(fixture('adapter'), spec)),
      targets: config.target_modules,
    })
  })

  it.each([
    ['halves', folderSpec],
    ['interleaved', ggufSpec],
  ])('writes a DoRA adapter as it was read, for a base with %s', async (_, spec) => {
    const folder = `${temporaryFolder()}/adapter`
    const adapter = await readAdapter(fixture('adapter-dora'), spec)
    expect(adapter.kind).toBe('dora')
    expect(adapter.modules.get('blk.0.attn_q.weight')?.magnitude).toHaveLength(32)
    await writeAdapter(folder, adapter, spec)
    await sameTensors(fixture('adapter-dora'), folder)
    expect(JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8'))).toMatchObject({ use_dora: true, r: 2 })
  })

  it('names modules in full when not every layer has them', async () => {
    const folder = `${temporaryFolder()}/adapter`
    const adapter = await readAdapter(fixture('adapter'), folderSpec)
    const modules = new Map([...adapter.modules].filter(([name]) => name === 'blk.1.attn_q.weight'))
    await writeAdapter(folder, { ...adapter, modules }, folderSpec)
    const config = JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8'))
    expect(config.target_modules).toEqual(['model.layers.1.self_attn.q_proj'])
    expect(config.rank_pattern).toEqual({ 'model.layers.1.self_attn.q_proj': 2 })
  })

  it('replaces an older adapter and keeps files that are not its own', async () => {
    const parent = temporaryFolder()
    const folder = `${parent}/adapter`
    await mkdir(folder)
    await writeFile(`${folder}/README.md`, 'mine')
    const adapter = await readAdapter(fixture('adapter'), folderSpec)
    await writeAdapter(folder, adapter, folderSpec)
    await writeAdapter(folder, adapter, folderSpec)
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors'])
    expect(await readdir(parent)).toEqual(['adapter'])
    expect(await readFile(`${folder}/README.md`, 'utf8')).toBe('mine')
  })

  it('gives the reference adapter of a real model back, byte for byte', async () => {
    const base = optional('.models/SmolLM2-135M-Instruct.Q4_1.gguf', 'round trip of a real adapter')
    const reference = optional('../shared/parity/smollm2-lora/adapter_final', 'round trip of a real adapter')
    if (base === undefined || reference === undefined) return
    const folder = `${temporaryFolder()}/adapter`
    const { spec } = await openModel(base)
    await writeAdapter(folder, await readAdapter(reference, spec), spec)
    await sameTensors(reference, folder)
  })
})
