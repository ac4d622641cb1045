import { describe, expect, it } from 'vitest'
import { architectures } from '../architectures/index.js'
import { toGgufName, toHuggingFaceName } from './names.js'

describe.each(architectures)('names of $name', (architecture) => {
  it('map both ways', () => {
    const names = [
      ...architecture.tensors.map((entry) => entry.name),
      ...architecture.blockTensors.map((entry) => `blk.17.${entry.name}`),
    ]
    for (const name of names) {
      const huggingFace = toHuggingFaceName(architecture, name)
      expect(huggingFace).toBeDefined()
      expect(toGgufName(architecture, huggingFace!)).toBe(name)
    }
    expect(new Set(names).size).toBe(names.length)
  })

  it('gives nothing for names of other models', () => {
    expect(toGgufName(architecture, 'model.layers.0.mlp.experts.0.gate_proj.weight')).toBeUndefined()
    expect(toHuggingFaceName(architecture, 'blk.x.attn_q.weight')).toBeUndefined()
  })
})
