import { type Gguf, metadataNumber, metadataNumbers, metadataString, metadataStrings } from '@qt/weights'

export interface TokenizerProblem {
  readonly level: 'error' | 'advice'
  readonly key: string
  readonly problem: string
}

const ids = ['bos', 'eos', 'eot', 'unknown', 'padding', 'separator'].map((name) => `tokenizer.ggml.${name}_token_id`)

/** What in a file's vocabulary does not fit together, or not to its embeddings. */
export function tokenizerProblems({ metadata, tensors }: Pick<Gguf, 'metadata' | 'tensors'>): TokenizerProblem[] {
  const model = metadataString(metadata, 'tokenizer.ggml.model')
  if (model === undefined)
    return [
      {
        level: 'error',
        key: 'tokenizer.ggml.model',
        problem: 'The file has no tokenizer, so nothing can read or write text with it.',
      },
    ]
  if (model === 'none' || model === 'no_vocab') return []
  const problems: TokenizerProblem[] = []
  const add = (key: string, problem: string, level: TokenizerProblem['level'] = 'error') => problems.push({ level, key, problem })
  const tokens = metadataStrings(metadata, 'tokenizer.ggml.tokens')
  if (tokens === undefined) return [{ level: 'error', key: 'tokenizer.ggml.tokens', problem: 'The tokenizer has no tokens.' }]
  const rows = tensors.get('token_embd.weight')?.shape[0]
  if (rows !== undefined && rows < tokens.length)
    add('tokenizer.ggml.tokens', `There are ${tokens.length} tokens but embeddings for only ${rows}.`)
  for (const name of ['scores', 'token_type']) {
    const list = metadataNumbers(metadata, `tokenizer.ggml.${name}`)
    if (list !== undefined && list.length !== tokens.length)
      add(`tokenizer.ggml.${name}`, `The list has ${list.length} entries for ${tokens.length} tokens.`)
  }
  for (const key of ids) {
    const id = metadataNumber(metadata, key)
    // llama.cpp writes −1 and 2³² − 1 for none.
    if (id !== undefined && id !== -1 && id !== 0xffffffff && !(id >= 0 && id < tokens.length))
      add(key, `Token ${id} does not exist; there are ${tokens.length}.`)
  }
  if (model === 'gpt2' && metadataStrings(metadata, 'tokenizer.ggml.merges') === undefined)
    add('tokenizer.ggml.merges', 'A byte-pair tokenizer needs merges.')
  if (model === 'gpt2' && metadataString(metadata, 'tokenizer.ggml.pre') === undefined)
    add(
      'tokenizer.ggml.pre',
      'The file does not say how text is cut before merging (tokenizer.ggml.pre): programs fall back on a way that may not be the one the model was trained with, and it answers worse. Convert it again from its Hugging Face folder.',
      'advice',
    )
  return problems
}
