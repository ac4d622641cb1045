import { byteOfToken, bytesOfToken } from './bytes.js'

export type Emit = (token: string) => void

/** One decoder of a sequence: tokens in, tokens out, some of them only when the text ends. */
export interface Stage {
  push(token: string, emit: Emit): void
  end?(emit: Emit): void
}
/** A stage for one text. */
export type MakeStage = () => Stage

/** What a token is in a text; `first`: it begins the text. */
export type Step = (token: string, first: boolean) => string

export const each = (step: Step): MakeStage => {
  return () => {
    let first = true
    return {
      push(token, emit) {
        emit(step(token, first))
        first = false
      },
    }
  }
}

/** All tokens as one. */
export const fuse: MakeStage = () => {
  let text = ''
  return {
    push(token) {
      text += token
    },
    end: (emit) => emit(text),
  }
}

/** `<0x0A>` is a byte; bytes that are no UTF-8 are as many U+FFFD. */
export const byteFallback: MakeStage = () => {
  const bytes: number[] = []
  const flush = (emit: Emit) => {
    if (bytes.length === 0) return
    try {
      emit(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)))
    } catch {
      for (const _ of bytes) emit('\ufffd')
    }
    bytes.length = 0
  }
  return {
    push(token, emit) {
      const byte = byteOfToken(token)
      if (byte >= 0) return void bytes.push(byte)
      flush(emit)
      emit(token)
    },
    end: flush,
  }
}

/** Letters that stand for bytes become what they stand for; all tokens as one. */
export const byteLetters: MakeStage = () => {
  const utf8 = new TextEncoder()
  const bytes: number[] = []
  return {
    push(token) {
      for (const byte of bytesOfToken(token) ?? utf8.encode(token)) bytes.push(byte)
    },
    end: (emit) => emit(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))),
  }
}

/** A suffix that ends words is a space, and nothing where the text ends. */
export const wordSuffix = (suffix: string): MakeStage => {
  return () => {
    let held: string | undefined
    return {
      push(token, emit) {
        if (held !== undefined) emit(held.replaceAll(suffix, ' '))
        held = token
      },
      end(emit) {
        if (held !== undefined) emit(held.replaceAll(suffix, ''))
      },
    }
  }
}

/** Connectionist temporal classification: a token that comes again at once counts once, and what `step` leaves nothing of not at all. */
export const withoutRepeats = (step: Step): MakeStage => {
  return () => {
    let last: string | undefined
    return {
      push(token, emit) {
        if (token === last) return
        last = token
        const text = step(token, false)
        if (text !== '') emit(text)
      },
    }
  }
}

/** So many of a character less at both ends. */
export function strip(content: string, start: number, stop: number): Step {
  return (token) => {
    let text = token
    for (let n = 0; n < start && text.startsWith(content); n++) text = text.slice(content.length)
    for (let n = 0; n < stop && text.endsWith(content); n++) text = text.slice(0, -content.length)
    return text
  }
}

/** Stages one after another, for one text. */
export function chain(stages: readonly MakeStage[]): { push(token: string): string; end(): string } {
  let out = ''
  const write: Emit = (text) => {
    out += text
  }
  const made = stages.map((make) => make())
  const pushes: Emit[] = []
  for (const stage of made.toReversed()) {
    const next = pushes[0] ?? write
    pushes.unshift((token) => stage.push(token, next))
  }
  const taken = () => {
    const text = out
    out = ''
    return text
  }
  return {
    push(token) {
      const [first = write] = pushes
      first(token)
      return taken()
    },
    end() {
      for (const [i, stage] of made.entries()) stage.end?.(pushes[i + 1] ?? write)
      return taken()
    },
  }
}
