import { translateRegex } from './regex.js'
import { type Scan, splitScan } from './scan.js'
import { gpt2Scan, llama3Scan } from './scanners.js'

/** GPT-2's pattern, also what ByteLevel of tokenizer.json uses. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
const llamaLike = (digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

export const llama3Pattern = contractions + llamaLike('\\p{N}{1,3}')
export const qwen2Pattern = contractions + llamaLike('\\p{N}')
export const qwen35Pattern = `${contractions}[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
export const ufakzekaPattern = llamaLike('\\p{N}')

/** Patterns with a hand-written scanner; a test holds the two equal. */
export const handWritten: ReadonlyMap<string, Scan> = new Map([
  [gpt2Pattern, gpt2Scan],
  [llama3Pattern, llama3Scan({ digits: 3 })],
  [qwen2Pattern, llama3Scan({ digits: 1 })],
  [qwen35Pattern, llama3Scan({ digits: 1, marks: true })],
  [ufakzekaPattern, llama3Scan({ digits: 1, contractions: false })],
])

/** Cuts at the matches of a pattern; by hand where a scanner exists. */
export const patternScan = (pattern: string, field: string): Scan =>
  handWritten.get(pattern) ?? splitScan(translateRegex(pattern, field))
