import { unsupported } from './errors.js'
import { gpt2Pattern, llama3Pattern, patternScan, qwen2Pattern, qwen35Pattern, ufakzekaPattern } from './known-patterns.js'
import { chain, type Scan } from './scan.js'
import { digitGroupsScan, digitsScan } from './scanners.js'

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
const casedWords = (suffix: string, first = upper, rest = lower) =>
  `[^\\r\\n\\p{L}\\p{N}]?${first}*${rest}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${first}+${rest}*${suffix}`
const tail = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const llama3Words = llama3Pattern.replace('|\\s+(?!\\S)|\\s+', '')
const blankRuns = [512, 256, 128, 64, 32, 16, 8, 4].map((length) => `|\\s{${length}}(?!\\S)`).join('')
const latinGreekCyrillic =
  '\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+'
const han = '\\p{Han}'
const notHan = (letters: string) => `(?:(?!${han})${letters})`
const suffixes = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
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
  gpt4o: [`${casedWords(suffixes)}|\\p{N}{1,3}|${tail}`],
  tekken: [`${casedWords('')}|\\p{N}|${tail}`],
  'exaone-moe': [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  ],
  bloom: [bloom],
  viking: [bloom, '\\p{N}'],
  bailing: [
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  ],
  'seed-coder': [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  superbpe: ['\\p{N}+', '(?=(\\d{3})+(?!\\d))'],
  jais2: [`${llama3Words}${blankRuns}|\\s{1,2}(?!\\S)|\\s{1}`],
  minicpm5: ['\\p{N}+', llama3Pattern],
  youtu: ['[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+', qwen35Pattern],
  'deepseek-llm': ['[\\r\\n]', latinGreekCyrillic, '\\s?[!-/:-~！-／：-～‘-‟　-。]+', '\\s+\\z', '[一-龥ࠀ-一가-퟿]+', '\\p{N}+'],
  afmoe: [
    digitGroupsScan(/\p{N}+/gu),
    '[一-鿿㐀-䶿豈-\ufaff぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+',
    deepseek3Tail,
  ],
  spark: ['\\p{N}{1,3}', '[一-龥぀-ゟ゠-ヿ]+', deepseek3Tail.replace('+[\\r\\n]*|\\s*[\\r\\n]+', '+|[\\r\\n]'), '\\p{N}'],
  laguna: ['[^\\n]+|\\n+', qwen2Pattern],
  chameleon: ['<sentinel:[0-9]+>', 'IMGIMG[A-I]{1,4}Z', '[\\t\\n]|    |  ', '\\p{N}', '[\\p{P}!-/:-@\\[-`{-~]', gpt2Pattern],
  // \b after a digit is where no word goes on, by what Oniguruma takes for one.
  'tiny-aya': [
    digitGroupsScan(/\p{Nd}+/gu, /[\p{Alphabetic}\p{M}\p{Nl}\p{Pc}²³¹¼½¾]/u),
    `${casedWords(suffixes)}|\\p{N}{1,3}|${tail}`,
  ],
  kimi: [
    `${han}+|${casedWords(suffixes, notHan(upper), notHan(lower))}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  ],
} as const satisfies Record<string, readonly (string | Scan)[]>

const names: readonly (readonly [keyof typeof patterns, string, { ignoreMerges?: boolean; addBos?: boolean }?])[] = [
  ['default', 'default'],
  [
    'llama3',
    'llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano',
    { ignoreMerges: true, addBos: true },
  ],
  ['llama3', 'dbrx smaug-bpe chatglm-bpe'],
  ['llama3', 'glm4 glm5', { ignoreMerges: true }],
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
  ['gpt4o', 'granite-embed-multi-97m', { ignoreMerges: true }],
  ['tekken', 'tekken', { ignoreMerges: true, addBos: true }],
  ['exaone-moe', 'exaone-moe'],
  ['bloom', 'bloom gpt3-finnish poro-chat'],
  ['viking', 'viking'],
  ['bailing', 'bailingmoe bailingmoe2 llada-moe'],
  ['seed-coder', 'seed-coder'],
  ['superbpe', 'superbpe'],
  ['jais2', 'jais-2'],
  ['minicpm5', 'minicpm5', { ignoreMerges: true }],
  ['youtu', 'youtu', { ignoreMerges: true }],
  ['deepseek-llm', 'deepseek-llm'],
  ['afmoe', 'afmoe'],
  ['spark', 'spark2_5'],
  ['laguna', 'laguna'],
  ['chameleon', 'chameleon', { addBos: true }],
  ['tiny-aya', 'tiny_aya cohere2moe'],
  ['kimi', 'kimi-k2'],
]

const byName = new Map(names.flatMap(([kind, list, flags]) => list.split(' ').map((name) => [name, { kind, ...flags }] as const)))

/** The pre-tokenisation that a GGUF names; an unknown name is refused, since a wrong one spoils every prompt silently. */
export function ggmlPreTokenizer(name: string): PreTokenizerKind {
  const known = byName.get(name)
  if (known === undefined) throw unsupported('tokenizer.ggml.pre', `the pre-tokenizer "${name}"`)
  const scans = patterns[known.kind].map((pattern) =>
    typeof pattern !== 'string' ? pattern : pattern === '\\p{N}' ? digitsScan : patternScan(pattern, 'tokenizer.ggml.pre'),
  )
  return { scan: chain(scans), ignoreMerges: known.ignoreMerges ?? false, addBos: known.addBos ?? false }
}

export const ggmlPreTokenizerNames: readonly string[] = [...byName.keys()]
