import { type Constraint, type Tokenizer, usageError } from '@qt/core'
import type { Rules } from './expression.js'
import { readGrammar } from './gbnf.js'
import { schemaGrammar } from './json-schema.js'
import { type Masks, masks } from './masks.js'
import { network } from './network.js'
import { callGrammar } from './tool-calls.js'
import { vocabularyTrie } from './trie.js'

/** Holds one answer to its constraint, token by token. */
export interface Guide {
  /** Makes the logits of all tokens that do not fit −∞. */
  restrict(logits: Float32Array): void
  /** Goes on after a token. */
  accept(id: number): void
  /** Nothing can follow: the answer is whole. */
  readonly finished: boolean
}

const rulesOf = (constraint: Constraint): Rules =>
  'schema' in constraint
    ? schemaGrammar(constraint.schema)
    : 'grammar' in constraint
      ? readGrammar(constraint.grammar)
      : callGrammar(constraint.calls)

/** Constraints as they were last used with a tokenizer: what was worked out for one answer serves the next. */
const known = new WeakMap<Tokenizer, Map<string, Masks>>()
const mostKnown = 16

function masksOf(constraint: Constraint, tokenizer: Tokenizer): Masks {
  const all = known.get(tokenizer) ?? new Map<string, Masks>()
  known.set(tokenizer, all)
  const key = JSON.stringify(constraint)
  const found = all.get(key)
  if (found) return found
  if (!tokenizer.bytes)
    throw usageError(
      'CONSTRAINT_UNSUPPORTED',
      'Answers cannot be held to a grammar with this tokenizer: it does not say what bytes its tokens are.',
      {
        actions: ['Use a model of ours, loaded from a file.'],
      },
    )
  const made = masks(network(rulesOf(constraint)), vocabularyTrie(tokenizer), tokenizer.vocabularySize)
  if (all.size >= mostKnown) all.delete(all.keys().next().value!)
  all.set(key, made)
  return made
}

/** What holds an answer to a JSON schema, a grammar, or calls of known tools. */
export function guide(constraint: Constraint, tokenizer: Tokenizer): Guide {
  const fitting = masksOf(constraint, tokenizer)
  let state = fitting.start
  return {
    restrict(logits) {
      const allowed = fitting.allowed(state)
      let any = state.accepting
      const ends: (readonly [number, number])[] = state.accepting
        ? [...tokenizer.endIds].map((id) => [id, logits[id]!] as const)
        : []
      for (let word = 0; word < allowed.length; word++) {
        const bits = allowed[word]!
        if (bits === 0xffffffff) continue
        any ||= bits !== 0
        const first = word * 32
        if (bits === 0) logits.fill(Number.NEGATIVE_INFINITY, first, first + 32)
        else for (let i = 0; i < 32; i++) if (((bits >>> i) & 1) === 0) logits[first + i] = Number.NEGATIVE_INFINITY
      }
      logits.fill(Number.NEGATIVE_INFINITY, allowed.length * 32)
      any ||= allowed.some((bits) => bits !== 0)
      if (!any) throw stuck()
      for (const [id, logit] of ends) logits[id] = logit
    },
    accept(id) {
      const after = fitting.after(state, id)
      if (!after) throw stuck()
      state = after
    },
    get finished() {
      return state.items.length === 0
    },
  }
}

/** The grammar is the caller's: one that allows nothing here, as an enum without values does, is theirs to mend. */
const stuck = () =>
  usageError('CONSTRAINT_STUCK', 'No token of this vocabulary can go on with the answer under its grammar.', {
    actions: ['Let the grammar allow what the vocabulary can write, byte by byte if need be.'],
  })
