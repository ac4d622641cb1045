import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expected } from '../../test/fixtures.js'
import { Tokenizer } from '../tokenizer.js'
import { extendTokenizer } from './extend-tokenizer.js'
import { trainBpe } from './train-bpe.js'
import { trainUnigram } from './train-unigram.js'
import { trainWordPiece } from './train-word-piece.js'

const { texts } = expected.training
const python = [process.env.QT_ORACLES, join(import.meta.dirname, '../../../../../.oracles/bin/python')].find(
  (path) => path !== undefined && existsSync(path),
)
if (python === undefined)
  console.log("skipped: trained tokenizers in Hugging Face's, since QT_ORACLES names no Python that has it")

const trained = {
  'byte-level BPE': () => trainBpe(texts, { vocabularySize: 600, specialTokens: ['<s>'] }),
  'BPE of code': () => trainBpe(texts, { vocabularySize: 600, words: 'code' }),
  'BPE of digits': () => trainBpe(texts, { vocabularySize: 600, words: 'digits' }),
  Unigram: () => trainUnigram(texts, { vocabularySize: 400 }),
  WordPiece: () => trainWordPiece(texts, { vocabularySize: 500 }),
  'WordPiece with case': () => trainWordPiece(texts, { vocabularySize: 500, lowercase: false }),
  'extended BPE': async () => extendTokenizer(await trainBpe(texts.slice(0, 5), { vocabularySize: 300 }), texts, { learn: 100 }),
} as const

const program = `import json, sys
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
print(json.dumps([t.encode(text, add_special_tokens=False).ids for text in json.load(sys.stdin)]))`

test.skipIf(python === undefined).each(Object.entries(trained))(
  "Hugging Face's tokenizers loads what training of %s wrote, with the same ids",
  async (_, train) => {
    const folder = await mkdtemp(join(tmpdir(), 'qt-trained-'))
    try {
      const json = await train()
      const file = join(folder, 'tokenizer.json')
      await writeFile(file, JSON.stringify(json))
      const theirs: unknown = JSON.parse(
        execFileSync(python ?? '', ['-c', program, file], { input: JSON.stringify(expected.inputs), encoding: 'utf8' }),
      )
      const tokenizer = Tokenizer.fromJson(json)
      expect(expected.inputs.map((input) => [...tokenizer.encode(input)])).toEqual(theirs)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
