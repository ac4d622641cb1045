import { type Metadata, metadataString, metadataStrings } from '@qt/weights'
import { assemble } from './assemble.js'
import { byteLevelDetokenizer, ggmlWordPieceSteps, markToSpace, stepDetokenizer } from './detokenize.js'
import { endIdsOf } from './end-tokens.js'
import { invalid, unsupported } from './errors.js'
import { type Common, type KindParts, key, readCommon } from './ggml-common.js'
import { plamoParts, rwkvParts, unigramParts } from './ggml-kinds.js'
import { ggmlPreTokenizer } from './ggml-pre.js'
import { bpe } from './models/bpe.js'
import { cached } from './models/cached.js'
import { sentencePiece } from './models/sentencepiece.js'
import { wordPiece } from './models/word-piece.js'
import { ggmlBertNormalizer, ggmlMarks } from './normalize.js'
import { frameOf } from './post-process.js'
import { bertSteps } from './pre-tokenize.js'
import { rawKindOf, rawParts } from './raw-bpe.js'
import type { TextTokenizer } from './text-tokenizer.js'
import { wordBoundaries } from './word-boundaries.js'

function mergedParts({ metadata, vocabulary, id, flag }: Common): KindParts {
  const lines = metadataStrings(metadata, key('merges'))
  if (lines === undefined) throw invalid(key('merges'), `The file has no list of merges under ${key('merges')}.`)
  const name = metadataString(metadata, key('pre')) ?? 'default'
  const pre = rawKindOf(metadataString(metadata, key('model')), name) ?? ggmlPreTokenizer(name)
  const merges = lines.map((line, i) => {
    const gap = line.indexOf(' ', 1)
    if (gap < 0)
      throw invalid(`${key('merges')}[${i}]`, `Merge ${i}, ${JSON.stringify(line)}, is not two tokens with a space between.`)
    return [line.slice(0, gap), line.slice(gap + 1)] as const
  })
  const bosId = id('bos_token_id')
  const eosId = id('eos_token_id')
  const common = { vocabulary, merges, field: key('merges') }
  const parts =
    'scan' in pre
      ? {
          normalize: undefined,
          steps: [{ scan: pre.scan }],
          model: cached(bpe({ ...common, byteLevel: true, ignoreMerges: pre.ignoreMerges })),
          detokenizer: byteLevelDetokenizer,
        }
      : rawParts(pre, bpe({ ...common, byteLevel: false, byteFallback: true }), {
          ids: vocabulary.ids,
          lowercase: flag('normalizer.lowercase', false),
        })
  return {
    ...parts,
    bosId,
    eosId,
    before: flag('add_bos_token', pre.addBos) ? [bosId] : [],
    after: [
      flag('add_eos_token', false) ? eosId : undefined,
      flag('add_sep_token', false) ? id('seperator_token_id') : undefined,
    ],
  }
}

function sentencePieceParts({ vocabulary, id, flag, scores }: Common): KindParts {
  const prefix = flag('add_space_prefix', true)
  const bosId = id('bos_token_id', 1)
  const eosId = id('eos_token_id', 2)
  return {
    normalize: ggmlMarks(prefix),
    steps: [{ scan: wordBoundaries(vocabulary.ids.keys()) }],
    model: cached(sentencePiece({ vocabulary, scores: scores(), unknown: id('unknown_token_id', 0) })),
    detokenizer: stepDetokenizer({
      steps: [markToSpace],
      byteFallback: true,
      ...(prefix ? { strip: ' ' } : {}),
    }),
    bosId,
    eosId,
    before: flag('add_bos_token', true) ? [bosId] : [],
    after: flag('add_eos_token', false) ? [eosId] : [],
  }
}

function wordPieceParts({ vocabulary, id, flag }: Common): KindParts {
  const lowercase = flag('normalizer.lowercase', true)
  const cls = id('cls_token_id') ?? id('bos_token_id', 101)
  const sep = id('seperator_token_id', 102)
  return {
    normalize: ggmlBertNormalizer(lowercase, flag('normalizer.strip_accents', lowercase)),
    steps: bertSteps,
    model: cached(
      wordPiece({
        vocabulary,
        unknown: id('unknown_token_id', 100),
        initialPrefix: '▁',
        continuingPrefix: '',
        maxCharacters: Number.POSITIVE_INFINITY,
      }),
    ),
    detokenizer: stepDetokenizer({ steps: ggmlWordPieceSteps }),
    bosId: cls,
    eosId: id('eos_token_id'),
    before: [cls],
    after: [sep],
  }
}

const kinds: Readonly<Record<string, (common: Common) => KindParts>> = {
  gpt2: mergedParts,
  gemma4: mergedParts,
  whitespace: mergedParts,
  llama: sentencePieceParts,
  bert: wordPieceParts,
  t5: unigramParts,
  rwkv: rwkvParts,
  plamo2: plamoParts,
}

const present = (ids: readonly (number | undefined)[]) => ids.filter((id) => id !== undefined)

/**
 * A tokenizer from the metadata of a GGUF file.
 *
 * @example
 * ```ts
 * const gguf = await readGguf('model.gguf')
 * const tokenizer = tokenizerFromGguf(gguf.metadata)
 * tokenizer.encode('Hello')
 * ```
 */
export function tokenizerFromGguf(metadata: Metadata): TextTokenizer {
  const model = metadataString(metadata, key('model'))
  if (model === undefined) throw invalid(key('model'), `The file holds no tokenizer: there is no ${key('model')}.`)
  const kind = Object.hasOwn(kinds, model) ? kinds[model] : undefined
  if (kind === undefined) throw unsupported(key('model'), `the vocabulary kind "${model}"`)
  const common = readCommon(metadata)
  const { before, after, ...parts } = kind(common)
  const { vocabulary, added, id } = common
  return assemble({
    ...parts,
    vocabulary,
    added,
    frame: frameOf(present(before), present(after)),
    settings: { truncation: undefined, padding: undefined },
    endIds: endIdsOf((token) => vocabulary.ids.get(token), [parts.eosId, id('eot_token_id'), id('eom_token_id')]),
    chatTemplate: metadataString(metadata, 'tokenizer.chat_template'),
  })
}
