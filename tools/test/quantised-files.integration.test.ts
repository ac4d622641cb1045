import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  checkModel,
  collectImportance,
  type FileType,
  fileTypeNames,
  type Importance,
  needsImportance,
  quantize,
  textRows,
  writeImportance,
} from '@qt/quantize'
import { load } from '@qt/trainer-native'
import { convert, readGguf } from '@qt/weights'
import type { Llama } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readArchitecture, writeArchitecture } from '../../packages/trainer-native/test/architectures.js'
import { oracleMissing, oracleScript, oraclesPython } from '../bench/oracles.js'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'
import { judge, llamaCpp, meanDivergence } from './llama-cpp.js'

/*
 * One file of every file type, of a small model whose rows every type divides: llama.cpp writes the same tensors, with our importance
 * matrix and without, and loads ours.
 */

const tiny = join(root, 'packages/weights/test/fixtures/tiny-llama')
const text = 'the cat and the hat sat on the mat. Hello, 1234567 world! '.repeat(12)

let folder = ''
let wide = ''
let imatrix = ''
let importance: Importance
let llama: Llama
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-file-types-'))
  llama = await llamaCpp()
  const { config, ...results } = await readArchitecture('llama3')
  const { vocab_size } = JSON.parse(await readFile(join(tiny, 'config.json'), 'utf8'))
  const sizes = { hidden_size: 256, intermediate_size: 512, num_attention_heads: 16, num_key_value_heads: 4 }
  const wider = { ...config, ...sizes, vocab_size, max_position_embeddings: 512 }
  await writeArchitecture(join(folder, 'model'), { ...results, config: wider })
  for (const companion of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(tiny, companion), join(folder, 'model', companion))
  wide = join(folder, 'wide.gguf')
  await convert(join(folder, 'model'), wide, { type: 'F16' })
  imatrix = join(folder, 'imatrix.gguf')
  const model = await load(wide)
  try {
    importance = await collectImportance(model, textRows(model.tokenizer.encode(text, { special: true }), { size: 128 }))
  } finally {
    await model.close()
  }
  await writeImportance(imatrix, importance)
})
afterAll(async () => {
  await llama.dispose()
  await rm(folder, { recursive: true, force: true })
})

const fileOf = (who: string, type: FileType, weighted: boolean) =>
  join(folder, `${who}-${type}${weighted ? '-weighted' : ''}.gguf`)

/** Runs the oracle on several types in one process; what it prints names those it refuses. */
const quantiseAll = `
import runpy, sys
script, source, *jobs = sys.argv[1:]
for job in jobs:
    sys.argv = [script, source, *job.split(" ")]
    runpy.run_path(script, run_name="__main__")
`

/** llama.cpp reads such files and makes none; its encoder of the blocks is held against ours in packages/quantize. */
const withoutPeer: readonly FileType[] = ['NVFP4']

const script = 'llama_quantize.py'
const python = oraclesPython()
const missing = oracleMissing(script) ?? (python === undefined ? 'there is no Python with the peers' : undefined)
if (missing !== undefined) console.log(`skipped: llama.cpp's own quantised files (${missing})`)

describe.skipIf(missing !== undefined)('llama.cpp writes the same tensors', () => {
  test.each([
    ['without importance', false],
    ['with the importance matrix that we computed and wrote', true],
  ] as const)('%s', async (_, weighted) => {
    const types = fileTypeNames.filter((type) => (weighted || !needsImportance(type)) && !withoutPeer.includes(type))
    const jobs = types.map((type) =>
      [fileOf('theirs', type, weighted), type, '--threads', '1', ...(weighted ? ['--imatrix', imatrix] : [])].join(' '),
    )
    const made = await command(python!, ['-c', quantiseAll, oracleScript(script), wide, ...jobs])
    expect(made.code, tail(made)).toBe(0)
    expect(made.stdout.match(/^rc=0 /gm)).toHaveLength(types.length)
    for (const type of types) {
      const file = fileOf('ours', type, weighted)
      await quantize(wide, file, { type, sync: false, ...(weighted ? { importance } : {}) })
      const [ours, theirs] = await Promise.all([readGguf(file), readGguf(fileOf('theirs', type, weighted))])
      expect([...ours.tensors.keys()].toSorted()).toEqual([...theirs.tensors.keys()].toSorted())
      for (const [name, { type: stored }] of ours.tensors) {
        expect([type, name, theirs.tensors.get(name)!.type]).toEqual([type, name, stored])
        expect([type, name, Buffer.compare(await ours.read(name), await theirs.read(name))]).toEqual([type, name, 0])
      }
    }
  })
})

describe('a file of every type', () => {
  test.each(fileTypeNames)(
    'is sound, and llama.cpp generates from it and finds the distributions that we find: %s',
    async (type) => {
      const file = fileOf('judged', type, true)
      await quantize(wide, file, { type, importance, sync: false })
      expect((await checkModel(file)).findings).toEqual([])
      const judged = await judge(llama, file, text.slice(0, 200))
      expect(judged.logits).toHaveLength(judged.ids.length)
      const model = await load(file)
      try {
        const divergence = meanDivergence(await model.scoring.distributions(judged.ids), judged)
        console.log(`${type}: mean KL divergence ${divergence.toExponential(2)}`)
        expect(divergence).toBeLessThan(0.03)
      } finally {
        await model.close()
      }
    },
  )
})
