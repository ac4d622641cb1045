import { readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseConfig, usageError } from '@qt/core'
import { prepareRows } from '@qt/data'
import { divergenceOfRows, remembering } from '@qt/eval'
import { divergenceWeights, planUnder, quantize, readImportance, textRows } from '@qt/quantize'
import { load } from '@qt/trainer-native'
import { readGguf } from '@qt/weights'

/*
 * What every file type loses on a text, and beside it what plans of the same size lose: by the errors of weights (each tensor's
 * counting what is usual, or all alike), and weighed by the KL divergence that each tensor's error makes on a calibration text (another
 * one). The tables of docs/quantising.md.
 * usage: npm run quality-table -- MODEL-f16.gguf --text PATH --calibration PATH --imatrix FILE [--types Q8_0,Q4_K_M] [--rows 4]
 * A PATH is a text (.txt, .md) or conversations in any form that training reads.
 *   --calibration-rows 2   rows of up to 512 tokens that every tensor is tried on
 *   --alike                errors of all tensors count alike, where no weights are measured
 *   --kinds                try tensors by kind and third of the depth instead of one by one: for models of hundreds of tensors
 */

const usual = 'Q8_0,Q6_K,Q5_K_M,Q4_K_M,IQ4_XS,Q3_K_M,Q2_K,IQ2_M'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    text: { type: 'string' },
    imatrix: { type: 'string' },
    types: { type: 'string', default: usual },
    rows: { type: 'string', default: '4' },
    calibration: { type: 'string' },
    'calibration-rows': { type: 'string', default: '2' },
    alike: { type: 'boolean', default: false },
    kinds: { type: 'boolean', default: false },
  },
})
const [model] = positionals
const { text, calibration } = values
if (model === undefined || text === undefined || calibration === undefined || values.imatrix === undefined)
  throw usageError('USAGE_MISSING_FLAG', 'Give a model, --text PATH, --calibration PATH and --imatrix FILE.', {
    actions: ['npm run quality-table -- model-f16.gguf --text held-out.txt --calibration train.txt --imatrix imatrix.gguf'],
  })

const importance = await readImportance(values.imatrix)
const original = await load(model)
/** Rows of a text, or conversations each by itself. */
async function rowsOf(path: string, count: string): Promise<Uint32Array[]> {
  const size = Math.min(512, original.contextLength)
  if (/\.(txt|md)$/.test(path)) {
    const ids = original.tokenizer.encode(await readFile(path, 'utf8'), { special: true })
    return [...textRows(ids, { size, bosId: original.tokenizer.bosId })].slice(0, Number(count))
  }
  const config = parseConfig({ base: model, data: { path: [path], validation: 0 }, training: { sequenceLength: size } })
  const { train } = await prepareRows(config, original.tokenizer)
  const rows: Uint32Array[] = []
  for (let i = 0; i < train.length && rows.length < Number(count); i++) {
    const { ids, documents } = train.row(i)
    for (let d = 1; d < documents.length; d++) rows.push(Uint32Array.from(ids.subarray(documents[d - 1]!, documents[d]!)))
  }
  return rows.slice(0, Number(count))
}
const rows = await rowsOf(text, values.rows)
const calibrationRows = await rowsOf(calibration, values['calibration-rows'])
const file = join(tmpdir(), `qt-quality-${process.pid}.gguf`)

const reference = remembering(original.scoring)

async function lossOf(path: string, on: readonly Uint32Array[]) {
  const small = await load(path)
  try {
    return await divergenceOfRows(reference, small.scoring, on)
  } finally {
    await small.close()
  }
}

const { tensors } = await readGguf(model)
const layers = new Set([...tensors.keys()].map((name) => /^blk\.\d+/.exec(name)?.[0]).filter((layer) => layer !== undefined)).size
/** blk.7.attn_q of 30 layers: attn_q of the first third. */
const kindOf = (name: string) => name.replace(/^blk\.(\d+)/, (_, layer) => `third ${Math.floor((3 * Number(layer)) / layers)}`)

try {
  const weights = await divergenceWeights(model, {
    divergence: async (tried) => (await lossOf(tried, calibrationRows)).mean,
    importance,
    ...(values.kinds ? { groupOf: kindOf } : {}),
    onGroup: (name, done, total) => console.error(`${done}/${total} ${name}`),
  })
  for (const [name, weight] of new Map([...weights].map(([name, weight]) => [values.kinds ? kindOf(name) : name, weight])))
    console.error(`${name}  ${weight.toPrecision(3)} nats for a relative squared error of 1`)
  const positions = rows.reduce((sum, { length }) => sum + length, 0)
  console.log(`${positions} positions of ${text}\n`)
  console.log(
    '| type | size | KL divergence | same first choice | planned by errors: KL | planned by divergence: KL | same first choice |',
  )
  console.log('|---|---|---|---|---|---|---|')
  for (const type of values.types.split(',')) {
    await quantize(model, file, { type, importance, sync: false })
    const { size } = await stat(file)
    const mixture = await lossOf(file, rows)
    const planned = async (weightOf?: (name: string) => number) => {
      const { types } = await planUnder(model, { bytes: size, importance, weightOf })
      await quantize(model, file, { types, importance, sync: false })
      return lossOf(file, rows)
    }
    const byErrors = await planned(values.alike ? () => 1 : undefined)
    const byDivergence = await planned((name) => weights.get(name) ?? 0)
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    const cells = [type, `${(size / 1e6).toFixed(2)} MB`, mixture.mean.toFixed(4), percent(mixture.topAgreement)]
    const rest = [byErrors.mean.toFixed(4), byDivergence.mean.toFixed(4), percent(byDivergence.topAgreement)]
    console.log(`| ${[...cells, ...rest].join(' | ')} |`)
  }
} finally {
  await original.close()
  await rm(file, { force: true })
}
