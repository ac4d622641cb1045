import { type AddedToken, findTokens } from './added-tokens.js'
import { type Aligned, alignedText, shiftAligned, sliceAligned } from './aligned.js'
import type { Parts } from './assemble.js'
import type { Located } from './encoding.js'
import type { CutStep } from './pre-tokenize.js'

/** The tokens of a text with what each stands for: the same as encoding it, character by character. */
export function locator(parts: Parts, added: readonly AddedToken[]): (text: string) => Located[] {
  const { normalize, steps, model } = parts
  const find = findTokens(added.filter((token) => !token.normalized || normalize === undefined))
  const late = added.filter((token) => token.normalized && normalize !== undefined)
  const findLate = findTokens(late, (token) => normalize?.text(token.content, false) ?? token.content)

  function words(source: Aligned, first: boolean, out: Located[]): void {
    if (source.text === '') return
    cutAligned(source, first, steps, (word) => {
      model.locate(word.text, 0, word.text.length, (id, start, end) => out.push(locatedIn(word, id, start, end)))
    })
  }

  function stretch(text: string, at: number, leading: boolean, out: Located[]): void {
    const first = at === 0
    const source = alignedText(text)
    // What normalising puts before a stretch stands where that begins.
    const normal = shiftAligned(normalize?.aligned(source, leading) ?? source, at)
    findLate(normal.text, {
      // What lost its beginning does not begin the text.
      text: (from, to) => words(sliceAligned(normal, from, to), first && from === 0 && normal.from[0] === 0, out),
      token: (id, from, to) => out.push({ ...locatedIn(normal, id, from, to), said: normal.text.slice(from, to) }),
    })
  }

  return (text) => {
    const out: Located[] = []
    let leading = true
    find(text, {
      text(from, to) {
        stretch(text.slice(from, to), from, leading, out)
        leading = false
      },
      token(id, from, to) {
        out.push({ id, from, to, said: text.slice(from, to) })
        leading = true
      },
    })
    return trimmedOffsets(out, text, parts)
  }
}

const locatedIn = ({ from, to }: Aligned, id: number, start: number, end: number): Located => ({
  id,
  from: from[start] ?? 0,
  to: to[end - 1] ?? 0,
})

function cutAligned(piece: Aligned, first: boolean, steps: readonly CutStep[], emit: (word: Aligned) => void): void {
  const [step, ...rest] = steps
  if (step === undefined) {
    if (piece.text !== '') emit(piece)
    return
  }
  const written = step.rewrite?.aligned(piece, first) ?? piece
  if (step.scan === undefined) return cutAligned(written, first, rest, emit)
  step.scan(written.text, 0, written.text.length, (from, to) =>
    cutAligned(sliceAligned(written, from, to), first && from === 0, rest, emit),
  )
}

const isBlank = (char: string): boolean => char === 'Ġ' || /^\p{White_Space}$/u.test(char)

/** Without the white space at the ends of tokens, for post-processors that ask for it. */
function trimmedOffsets(tokens: Located[], text: string, { frame: { trim }, vocabulary }: Parts): Located[] {
  if (trim === undefined) return tokens
  return tokens.map((token, i) => {
    const name = [...(token.said ?? vocabulary.tokens[token.id] ?? '')]
    const solid = name.findIndex((char) => !isBlank(char))
    let leading = solid < 0 ? name.length : solid
    const trailing = solid < 0 ? name.length : name.length - 1 - name.findLastIndex((char) => !isBlank(char))
    let { from, to } = token
    if (leading > 0) {
      // One space at the beginning may be the tokenizer's own.
      if (leading === 1 && (i === 0 || from === 0) && trim.prefix) leading = 0
      for (let n = 0; n < leading && from < to; n++) from += text.codePointAt(from)! > 0xffff ? 2 : 1
    }
    if (trailing > 0 && to >= trailing) {
      for (let n = 0; n < trailing && to > from; n++) to -= to > 1 && text.codePointAt(to - 2)! > 0xffff ? 2 : 1
    }
    return { id: token.id, from, to }
  })
}
