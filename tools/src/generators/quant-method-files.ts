export interface MethodFiles {
  readonly name: string
  readonly slug: string
  readonly kind: 'encoder' | 'format'
  /** From the package to the root of the workspace. */
  readonly upwards: string
}

/** The files of a new method, by path. */
export const methodFiles = (method: MethodFiles): Readonly<Record<string, string>> => ({
  'package.json': packageJson(method),
  'tsconfig.json': `{ "extends": "${method.upwards}tsconfig.base.json", "include": ["src"] }\n`,
  'tsup.config.ts': `import { library } from '${method.upwards}tsup.shared'\n\nexport default library(['src/index.ts'])\n`,
  'src/index.ts': `export { default } from './method.js'\n`,
  'src/method.ts': method.kind === 'encoder' ? encoder(method) : format(method),
  'src/method.test.ts': test(method),
  'README.md': readme(method),
})

const packageJson = ({ name, slug }: MethodFiles): string =>
  `${JSON.stringify(
    {
      name: `@qt/quant-${slug}`,
      version: '0.1.0',
      private: true,
      description: `The quantisation method ${name}.`,
      license: 'MIT',
      type: 'module',
      engines: { node: '>=20.19' },
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
      files: ['dist', 'README.md'],
      sideEffects: false,
      scripts: { build: 'tsup', types: 'tsc -p .' },
      dependencies: { '@qt/core': '0.1.0', '@qt/quantize': '0.1.0', '@qt/weights': '0.1.0' },
      nx: { tags: ['layer:app', `name:quant-${slug}`] },
    },
    null,
    2,
  )}\n`

const encoder = ({ name }: MethodFiles): string => `import { usageError } from '@qt/core'
import { defineQuantMethod } from '@qt/quantize'
import { decodeBlocks, encodeFloats } from '@qt/weights'

const size = 32
const bytes = 34

/**
 * Writes blocks of Q8_0: a scale as float16, then 32 whole numbers from -127 to 127. What encode may choose freely is the scale and the
 * numbers; this one takes the largest value as 127.
 */
export default defineQuantMethod({
  name: '${name}',
  type: 'Q8_0',
  blockSize: size,
  blockBytes: bytes,
  encode(values, out) {
    for (let from = 0, to = 0; from < values.length; from += size, to += bytes) {
      const block = values.subarray(from, from + size)
      const scale = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
      if (scale > 65504)
        throw usageError('QUANT_OUT_OF_RANGE', \`The value \${scale * 127} is too large for this method.\`, {
          where: { field: \`value \${from}\` },
          actions: ['Use BF16 for this tensor.'],
        })
      const stored = encodeFloats('F16', Float32Array.of(scale))
      const [step] = decodeBlocks('F16', stored)
      out.set(stored, to)
      // A scale too small for a float16 is zero, and so is every value then.
      for (const [i, value] of block.entries())
        out[to + 2 + i] = step ? Math.max(-127, Math.min(127, Math.round(value / step))) : 0
    }
  },
  decode(blocks, out) {
    out.set(decodeBlocks('Q8_0', blocks))
  },
})
`

const format = ({ name }: MethodFiles): string => `import { defineQuantMethod } from '@qt/quantize'

const size = 32
const bytes = 4 + size

/** 32 values in 36 bytes: a scale as float32, then whole numbers from -127 to 127. No other program knows these blocks. */
export default defineQuantMethod({
  name: '${name}',
  blockSize: size,
  blockBytes: bytes,
  encode(values, out) {
    const view = new DataView(out.buffer, out.byteOffset)
    for (let from = 0, to = 0; from < values.length; from += size, to += bytes) {
      const block = values.subarray(from, from + size)
      const scale = Math.fround(block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127)
      view.setFloat32(to, scale, true)
      for (const [i, value] of block.entries())
        view.setInt8(to + 4 + i, scale ? Math.max(-127, Math.min(127, Math.round(value / scale))) : 0)
    }
  },
  decode(blocks, out) {
    const view = new DataView(blocks.buffer, blocks.byteOffset)
    for (let from = 0, to = 0; from < blocks.length; from += bytes, to += size) {
      const scale = view.getFloat32(from, true)
      for (let i = 0; i < size; i++) out[to + i] = scale * view.getInt8(from + 4 + i)
    }
  },
})
`

const test = ({ name }: MethodFiles): string => `import { conformance } from '@qt/quantize/test'
import { describe, it } from 'vitest'
import method from './method.js'

// The error allowed is that of four bits and more: 0.004 for three, 0.0075 for two.
describe('${name}', () => {
  for (const { name, run } of conformance(method, { error: 0.002 })) it(name, run)
})
`

const readme = ({ name, kind }: MethodFiles): string => `# ${name}

A quantisation method for \`@qt/quantize\`. ${
  kind === 'encoder'
    ? 'It writes blocks of Q8_0, so every program that reads GGUF reads the result.'
    : 'Its blocks are its own: files of it are read by `@qt/quantize` with this method, and by no other program.'
}

\`\`\`sh
npx tsup                                             # in this folder
npx vitest run                                       # the cases that every method must pass
${
  kind === 'encoder'
    ? 'qt quantize model-f16.gguf model.gguf --method ./dist/index.js --report report.html'
    : 'qt quantize model-f16.gguf own.gguf --method ./dist/index.js\nqt quantize own.gguf back-f32.gguf --method ./dist/index.js --type F32'
}
\`\`\`

- \`src/method.ts\`: what is stored, \`encode\` and \`decode\`. Lengths and finite values are checked before either runs.
- \`src/method.test.ts\`: the error that is allowed, and every case of \`@qt/quantize/test\`.

## What it does

Say here how a block is laid out, what \`encode\` looks for, for which models it was measured, and what it does not do.
`
