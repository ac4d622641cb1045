/**
 * How byte-level vocabularies cut text into words: the `pre_tokenizer` of tokenizer.json and the name GGUF has for it.
 * llama.cpp finds the name by tokenising a test text; here the rule itself is compared.
 */
interface PreTokenizer {
  /** The first is written, all are read: llama.cpp applies the same rule to all of them. */
  readonly names: readonly string[]
  readonly json: Readonly<Record<string, unknown>>
}

const byteLevel = (useRegex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex })

const split = (digits: string) => ({
  type: 'Sequence',
  pretokenizers: [
    {
      type: 'Split',
      pattern: {
        Regex: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
      },
      behavior: 'Isolated',
      invert: false,
    },
    byteLevel(false),
  ],
})

export const preTokenizers: readonly PreTokenizer[] = [
  { names: ['gpt-2', 'phi-2', 'mpt', 'olmo', 'jais'], json: byteLevel(true) },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone'],
    json: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] },
  },
  { names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3'], json: split('\\p{N}{1,3}') },
  { names: ['qwen2', 'megrez'], json: split('\\p{N}') },
]

/** GGUF's name for a `pre_tokenizer`, or undefined. */
export function preTokenizerName(json: unknown): string | undefined {
  const wanted = essence(json)
  return preTokenizers.find((candidate) => essence(candidate.json) === wanted)?.names[0]
}

const named = (name: string) => preTokenizers.find((candidate) => candidate.names.includes(name))

/** The `pre_tokenizer` of a name of GGUF's, or undefined. */
export const preTokenizerJson = (name: string): unknown => named(name)?.json

/** Llama 3's vocabularies take a word that is a token whole, whatever the merges say, and start with BOS; llama.cpp knows by the name. */
export const isLlama3 = (name: string): boolean => named(name)?.names[0] === 'llama-bpe'

/** What decides how text is cut; offsets do not. */
function essence(json: unknown): string {
  return JSON.stringify(json, (key, value: unknown) => {
    if (key === 'trim_offsets') return undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    // tokenizers takes a ByteLevel without use_regex as true.
    const full = 'type' in value && value.type === 'ByteLevel' ? { use_regex: true, ...value } : value
    return Object.fromEntries(Object.entries(full).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
