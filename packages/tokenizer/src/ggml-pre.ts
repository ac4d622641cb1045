import { unsupported } from './errors.js'
import { gpt2Pattern, llama3Pattern, patternScan, qwen2Pattern, qwen35Pattern, ufakzekaPattern } from './known-patterns.js'
import { chain, type Scan } from './scan.js'
import { digitsScan } from './scanners.js'

/** What `tokenizer.ggml.pre` stands for. */
export interface PreTokenizerKind {
  readonly scan: Scan
  readonly ignoreMerges: boolean
  readonly addBos: boolean
}

const punctuation = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]'
const deepseek3Tail = `${punctuation}[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const casedWords = (suffix: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${suffix}`
const tail = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+'

// The patterns of llama.cpp's llama-vocab.cpp, in the order it applies them.
const patterns = {
  gpt2: [gpt2Pattern],
  llama3: [llama3Pattern],
  qwen2: [qwen2Pattern],
  qwen35: [qwen35Pattern],
  ufakzeka: [ufakzekaPattern],
  default: ['[\\p{P}$+<=>^~|]+', gpt2Pattern, '\\p{N}+', '[0-9][0-9][0-9]'],
  digits: ['\\p{N}', gpt2Pattern],
  falcon: ['[\\p{P}$+<=>^~|`]+', gpt2Pattern, '[0-9][0-9][0-9]'],
  'deepseek-coder': ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', '\\p{N}'],
  deepseek3: ['\\p{N}{1,3}', '[一-龥぀-ゟ゠-ヿ]+', deepseek3Tail],
  gpt4o: [`${casedWords("(?i:'s|'t|'re|'ve|'m|'ll|'d)?")}|\\p{N}{1,3}|${tail}`],
  tekken: [`${casedWords('')}|\\p{N}|${tail}`],
  bloom: [bloom],
  viking: [bloom, '\\p{N}'],
  bailing: [
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  ],
  'seed-coder': [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
} as const satisfies Record<string, readonly string[]>

const names: readonly (readonly [keyof typeof patterns, string, { ignoreMerges?: boolean; addBos?: boolean }?])[] = [
  ['default', 'default'],
  [
    'llama3',
    'llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano',
    { ignoreMerges: true, addBos: true },
  ],
  ['llama3', 'dbrx smaug-bpe glm4 chatglm-bpe'],
  ['qwen2', 'qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 megrez hunyuan solar-open grok-2'],
  ['qwen35', 'qwen35'],
  ['ufakzeka', 'ufakzeka'],
  [
    'gpt2',
    'gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code roberta-bpe',
  ],
  ['gpt2', 'mpt olmo jais trillion granite-docling exaone4'],
  ['digits', 'smollm starcoder refact command-r codeshell exaone minerva-7b mellum2'],
  ['falcon', 'falcon'],
  ['deepseek-coder', 'deepseek-coder'],
  ['deepseek3', 'deepseek-v3 hunyuan-dense joyai-llm hy_v4'],
  ['gpt4o', 'gpt-4o llama4 kanana2 talkie minimax-m2'],
  ['tekken', 'tekken', { ignoreMerges: true, addBos: true }],
  ['bloom', 'bloom gpt3-finnish poro-chat'],
  ['viking', 'viking'],
  ['bailing', 'bailingmoe bailingmoe2 llada-moe'],
  ['seed-coder', 'seed-coder'],
]

const byName = new Map(names.flatMap(([kind, list, flags]) => list.split(' ').map((name) => [name, { kind, ...flags }] as const)))

/** The pre-tokenisation that a GGUF names; an unknown name is refused, since a wrong one spoils every prompt silently. */
export function ggmlPreTokenizer(name: string): PreTokenizerKind {
  const known = byName.get(name)
  if (known === undefined) throw unsupported('tokenizer.ggml.pre', `the pre-tokenizer "${name}"`)
  const scans = patterns[known.kind].map((pattern) =>
    pattern === '\\p{N}' ? digitsScan : patternScan(pattern, 'tokenizer.ggml.pre'),
  )
  return { scan: chain(scans), ignoreMerges: known.ignoreMerges ?? false, addBos: known.addBos ?? false }
}

export const ggmlPreTokenizerNames: readonly string[] = [...byName.keys()]
