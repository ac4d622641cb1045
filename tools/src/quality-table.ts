import { readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { usageError } from '@qt/core'
import { divergenceOfRows } from '@qt/eval'
import { planUnder, quantize, readImportance, textRows } from '@qt/quantize'
import { load } from '@qt/trainer-native'

/*
 * What every file type loses on a text, and beside it what a plan of the same size loses: the table of packages/quantize/README.md.
 * usage: npm run quality-table -- MODEL-f16.gguf --text FILE --imatrix FILE [--types Q8_0,Q4_K_M] [--rows 4]
 */

const usual = 'Q8_0,Q6_K,Q5_K_M,Q4_K_M,IQ4_XS,Q3_K_M,Q2_K,IQ2_M'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    text: { type: 'string' },
    imatrix: { type: 'string' },
    types: { type: 'string', default: usual },
    rows: { type: 'string', default: '4' },
  },
})
const [model] = positionals
if (model === undefined || values.text === undefined || values.imatrix === undefined)
  throw usageError('USAGE_MISSING_FLAG', 'Give a model, --text FILE and --imatrix FILE.', {
    actions: ['npm run quality-table -- model-f16.gguf --text held-out.txt --imatrix imatrix.gguf'],
  })

const importance = await readImportance(values.imatrix)
const original = await load(model)
const ids = original.tokenizer.encode(await readFile(values.text, 'utf8'), { special: true })
const rows = [...textRows(ids, { bosId: original.tokenizer.bosId })].slice(0, Number(values.rows))
const file = join(tmpdir(), `qt-quality-${process.pid}.gguf`)

async function lossOf() {
  const small = await load(file)
  try {
    return await divergenceOfRows(original.scoring, small.scoring, rows)
  } finally {
    await small.close()
  }
}

try {
  const positions = rows.reduce((sum, { length }) => sum + length, 0)
  console.log(`${positions} positions of ${values.text}\n`)
  console.log('| type | size | KL divergence | same first choice | perplexity | planned at this size: KL | same first choice |')
  console.log('|---|---|---|---|---|---|---|')
  for (const type of values.types.split(',')) {
    await quantize(model, file, { type, importance, sync: false })
    const { size } = await stat(file)
    const mixture = await lossOf()
    const { types } = await planUnder(model, { bytes: size, importance })
    await quantize(model, file, { types, importance, sync: false })
    const planned = await lossOf()
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    const cells = [type, `${(size / 1e6).toFixed(1)} MB`, mixture.mean.toFixed(4), percent(mixture.topAgreement)]
    const rest = [mixture.perplexity.q.toFixed(2), planned.mean.toFixed(4), percent(planned.topAgreement)]
    console.log(`| ${[...cells, ...rest].join(' | ')} |`)
  }
} finally {
  await original.close()
  await rm(file, { force: true })
}
