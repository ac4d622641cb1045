import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type TensorInfo, type TensorType, tensorTypeNames } from '@qt/core'
import { describe, expect, it } from 'vitest'
import type { ModelFacts } from './facts.js'
import { fileTypeNamed, fileTypes } from './file-types.js'
import { mixture } from './mixture.js'

const schemas = new URL('../../../../../shared/data/quant-schemas/', import.meta.url)
const files = existsSync(schemas) ? readdirSync(schemas) : []
if (files.length === 0) console.log('skipped: the golden types of whole models (../shared/data/quant-schemas) are not here')

interface Golden {
  readonly sizes: Record<string, number>
  readonly sections: readonly { readonly name: string; readonly base: string; readonly types: Record<string, string> }[]
}

/** `[FILE_TYPE] base`, then the tensors that have another type. */
function parse(text: string): Golden {
  const sizes = Object.fromEntries([...text.matchAll(/(n_\w+)=(\d+)/g)].map(([, key, value]) => [key!, Number(value)]))
  const sections = text
    .split(/^(?=\[)/m)
    .slice(1)
    .map((section) => {
      const [head, ...lines] = section.trim().split('\n')
      const [, name, base] = /^\[(\w+)\] (\w+)/.exec(head!)!
      return { name: name!, base: base!, types: Object.fromEntries(lines.map((line) => line.split(' '))) }
    })
  return { sizes, sections }
}

const matrices = ['attn_k', 'attn_output', 'attn_q', 'attn_v', 'ffn_down', 'ffn_gate', 'ffn_up']

function tensorsOf({ n_embd = 0, n_ff = 0, n_layer = 0 }: Record<string, number>, output: boolean) {
  const tensor = (name: string, columns = n_embd) => ({ name, type: 'F32' as const, shape: [512, columns] })
  const layers = Array.from({ length: n_layer }, (_, i) => i).flatMap((i) =>
    matrices.map((name) => tensor(`blk.${i}.${name}.weight`, name === 'ffn_down' ? n_ff : n_embd)),
  )
  return [tensor('token_embd.weight'), ...(output ? [tensor('output.weight')] : []), ...layers]
}

describe.each(files)('%s', (file) => {
  const text = readFileSync(new URL(file, schemas), 'utf8')
  const { sizes, sections } = parse(text)
  const model: ModelFacts = {
    architecture: file.startsWith('gemma') ? 'gemma3' : file.startsWith('qwen') ? 'qwen3' : 'llama',
    layers: sizes.n_layer!,
    experts: 0,
    grouped: Math.trunc(sizes.n_head! / sizes.n_head_kv!),
    is70B: file.includes('70b'),
  }
  it.each(sections.map((section) => ({ ...section })))('has the types of llama.cpp as $name', ({ name, base, types }) => {
    const fileType = fileTypeNamed(name)
    expect(fileTypes[fileType].base.toLowerCase()).toBe(base.toLowerCase())
    const found = mixture(fileType, tensorsOf(sizes, /^output\.weight /m.test(text)), model)
    const others = [...found].filter(([, type]) => type !== fileTypes[fileType].base)
    const lower = (entries: readonly (readonly [string, string])[]) =>
      Object.fromEntries(entries.map(([tensor, type]) => [tensor, type.toLowerCase()]))
    expect(lower(others)).toEqual(lower(Object.entries(types)))
  })
})

const llama: ModelFacts = { architecture: 'llama', layers: 4, experts: 0, grouped: 3, is70B: false }
const infos = (columns: number): Pick<TensorInfo, 'name' | 'shape' | 'type'>[] => [
  { name: 'token_embd.weight', type: 'F16', shape: [100, columns] },
  { name: 'output.weight', type: 'F16', shape: [100, columns] },
  { name: 'output_norm.weight', type: 'F32', shape: [columns] },
  { name: 'blk.0.ffn_gate_inp.weight', type: 'F32', shape: [8, columns] },
  ...[0, 1, 2, 3].flatMap((i) =>
    ['attn_v', 'attn_k', 'ffn_down'].map((name) => ({
      name: `blk.${i}.${name}.weight`,
      type: 'F16' as const,
      shape: [64, columns],
    })),
  ),
]
const typesOf = (...parameters: Parameters<typeof mixture>) => Object.fromEntries(mixture(...parameters))

describe('mixture', () => {
  it('keeps norms and routers, and gives everything else the base type when pure', () => {
    const types = typesOf('Q4_K_M', infos(512), llama, { pure: true })
    expect(types).toMatchObject({ 'output_norm.weight': 'F32', 'blk.0.ffn_gate_inp.weight': 'F32', 'output.weight': 'Q4_K' })
    expect(Object.values(types).filter((type) => type === 'Q4_K')).toHaveLength(14)
  })

  it('takes the stand-in where rows of 576 do not divide', () => {
    const types = typesOf('Q4_K_M', infos(576), llama)
    expect(types).toMatchObject({ 'blk.0.attn_k.weight': 'Q5_0', 'blk.3.attn_v.weight': 'Q8_0', 'output.weight': 'Q8_0' })
  })

  it('lets the first pattern decide, and the types of output and embeddings before it', () => {
    const types = typesOf('Q4_K_M', infos(512), llama, {
      tensorTypes: [
        { pattern: 'attn_v', type: 'Q8_0' },
        { pattern: /blk\.[01]\./, type: 'Q3_K' },
        { pattern: 'output', type: 'Q2_K' },
      ],
      outputType: 'F16',
      embeddingType: 'Q5_K',
    })
    expect(types).toMatchObject({
      'blk.0.attn_v.weight': 'Q8_0',
      'blk.0.attn_k.weight': 'Q3_K',
      'blk.2.attn_k.weight': 'Q4_K',
      'output.weight': 'F16',
      'token_embd.weight': 'Q5_K',
    })
  })

  it('leaves the output when asked to', () => {
    expect(typesOf('Q4_0', infos(512), llama, { leaveOutput: true })['output.weight']).toBe('F16')
  })

  it.each(['TQ1_0', 'TQ2_0', 'Q2_0'] as const)('keeps embeddings of %s in Q4_K, unless they are the output, too', (fileType) => {
    expect(typesOf(fileType, infos(512), llama)).toMatchObject({ 'token_embd.weight': 'Q4_K', 'output.weight': 'Q6_K' })
    const tied = infos(512).filter(({ name }) => name !== 'output.weight')
    expect(typesOf(fileType, tied, llama)['token_embd.weight']).toBe('Q6_K')
  })

  it('does not depend on the order of the tensors in the file', () => {
    const tensors = infos(512)
    expect(typesOf('Q3_K_M', tensors.toReversed(), llama)).toEqual(typesOf('Q3_K_M', tensors, llama))
  })

  it('takes an offset for the first layers of Q4_0 when there is importance', () => {
    const model = { ...llama, layers: 8 }
    expect(typesOf('Q4_0', infos(512), model, { importance: true })).toMatchObject({
      'blk.0.ffn_down.weight': 'Q4_1',
      'blk.1.ffn_down.weight': 'Q4_0',
    })
  })

  it('knows models of experts', () => {
    const model = { ...llama, experts: 8 }
    const tensors = infos(512).concat({ name: 'blk.3.ffn_down_exps.weight', type: 'F16', shape: [8, 64, 512] })
    expect(typesOf('Q4_K_M', tensors, model)).toMatchObject({ 'blk.1.attn_v.weight': 'Q8_0', 'blk.1.attn_k.weight': 'Q8_0' })
    expect(typesOf('MXFP4_MOE', tensors, model)['blk.3.ffn_down_exps.weight']).toBe('MXFP4')
    expect(typesOf('MXFP4_MOE', tensors, model)['blk.3.attn_k.weight']).toBe('Q8_0')
  })
})

describe('fileTypeNamed', () => {
  it('reads any case and the short names of llama.cpp, and suggests the nearest', () => {
    expect([fileTypeNamed('q4_k'), fileTypeNamed('Q5_k_s')]).toEqual(['Q4_K_M', 'Q5_K_S'])
    expect(() => fileTypeNamed('Q4_KM')).toThrow('no file type Q4_KM')
    const bases: readonly TensorType[] = Object.values(fileTypes).map(({ base }) => base)
    for (const base of bases) expect(tensorTypeNames).toContain(base)
  })
})
