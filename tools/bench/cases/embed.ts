import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { z } from 'zod'
import { command } from '../../src/command.js'
import { root, shared } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'
import { oraclesPython } from '../oracles.js'

const parse: Contender['parse'] = ({ stdout }) =>
  z.record(z.string(), z.number()).parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))

const words =
  'the knight searches ruined chapel for hidden traps server returned error while saving order quarterly revenue grew by eight percent paladin looks mechanisms in an old church we should always handle failure of network before writing to disk because users lose their work otherwise tomorrow a meeting moved into another room garden flowers bloom early this spring river'.split(
    ' ',
  )

/** Sentences of 5 to 35 words; every fifth is a paragraph of up to 125. */
function makeTexts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const length = 5 + Math.floor(uniform(1, 'sample', 0, index) * (index % 5 === 0 ? 120 : 30))
    return `${Array.from({ length }, (_, place) => words[Math.floor(uniform(2, 'sample', place, index) * words.length)]).join(' ')}.`
  })
}

const open = (type: string) => `import sys, time, json, resource, torch
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device='cpu', model_kwargs={'dtype': torch.${type}})
texts = json.load(open(sys.argv[2]))
`
const measure = `model.encode([text + ' Again.' for text in texts[:64]])
batch = int(sys.argv[3])
used = resource.getrusage(resource.RUSAGE_SELF); s = time.time()
vectors = model.encode(texts, batch_size=batch, show_progress_bar=False, normalize_embeddings=True)
d = time.time() - s; now = resource.getrusage(resource.RUSAGE_SELF)
cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
other = json.load(open(sys.argv[4]))
cosine = min(float((torch.tensor(a) * torch.tensor(b)).sum()) for a, b in zip(vectors.astype('float32').tolist(), other))
print(json.dumps({'speed': len(texts) / d, 'perCore': len(texts) / cpu, 'cosine': cosine, 'memory': now.ru_maxrss / 1000}))`

/** sentence-transformers' folder of all-MiniLM-L6-v2 with its export beside it; `packages/embed/test/fixtures/export_minilm.py` makes one. */
const folder = process.env.QT_MINILM ?? join(root, '.models/all-MiniLM-L6-v2')

export const embed: MakeCase = async (context) => {
  const [python, int8] = [oraclesPython(), join(shared, 'data/minilm')]
  const [texts, vectors] = [join(context.folder, 'texts.json'), join(context.folder, 'vectors.json')]
  const all = makeTexts(Math.max(200, Math.round(2000 * Number(process.env.QT_BENCH_SCALE ?? 1))))
  await writeFile(texts, JSON.stringify(all))
  const first = `${open('float32')}json.dump(model.encode(texts[:200], normalize_embeddings=True).tolist(), open(sys.argv[3], 'w'))`
  const reference =
    python !== undefined && existsSync(join(folder, 'model.onnx'))
      ? await command(python, ['-c', first, folder, texts, vectors])
      : undefined
  const ready = reference?.code === 0
  if (!ready) await writeFile(vectors, '[]')
  const why = 'needs the folder of all-MiniLM-L6-v2 (QT_MINILM) and a Python with sentence-transformers (QT_ORACLES)'
  const ours = (name: string, model: string): Contender | Absent =>
    !ready || !existsSync(join(model, 'tokenizer.json'))
      ? { name, absent: why }
      : {
          name,
          command: [
            process.execPath,
            '--import',
            'tsx',
            join(root, 'tools/bench/contenders/embed-ours.ts'),
            model,
            texts,
            vectors,
          ],
          parse,
        }
  const peer = (type: string, batch: number): Contender | Absent => {
    const name = `sentence-transformers, ${type}, batches of ${batch}`
    if (!ready || python === undefined) return { name, absent: why }
    return { name, command: [python, '-c', open(type) + measure, folder, texts, String(batch), vectors], parse }
  }
  return {
    name: 'embed',
    title: `sentence vectors of ${all.length.toLocaleString('en-US')} texts of 5 to 125 words, all-MiniLM-L6-v2`,
    conditions:
      'Loaded and warm, all cores. Float32 against float32 is the comparison: the same weights and the same arithmetic. Cosine: the least of 200 texts, to float32 of sentence-transformers.',
    metrics: [
      { key: 'speed', title: 'texts/s', digits: 1, better: 'higher' },
      { key: 'perCore', title: 'texts per second of processor', digits: 1, better: 'higher' },
      { key: 'cosine', title: 'least cosine', digits: 6, better: 'higher' },
      { key: 'memory', title: 'peak MB', digits: 0, better: 'lower' },
    ],
    inputs: [texts],
    ours: [ours('@qt/embed, float32', folder), ours('@qt/embed, int8', int8)],
    peers: [peer('float32', 32), peer('float32', 128), peer('bfloat16', 32), peer('bfloat16', 128)],
  }
}
