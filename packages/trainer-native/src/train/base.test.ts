import { parseConfig } from '@qt/core'
import { expect, test } from 'vitest'
import { openBase } from './base.js'

const sizes = { layers: 1, dModel: 64, heads: 4, ffn: 96, vocab: 100 }

test.each([
  [{ ...sizes, kvHeads: 3 }, 'architecture.kvHeads'],
  [{ ...sizes, headDim: 15 }, 'architecture.headDim'],
])(
  'a new architecture that contradicts itself is named by its setting, not as a broken download: %o',
  async (architecture, field) => {
    const error: unknown = await openBase(parseConfig({ architecture, data: { path: 'x' } }), 100, undefined).catch(
      (cause) => cause,
    )
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', where: { field } })
    expect(String(error)).toContain(field)
    expect(JSON.stringify(error)).not.toMatch(/download|export/i)
  },
)
