import type { Tokenizer } from '@qt/core'

/** A real tokenizer small enough to check by eye: ids 0 to 255 are bytes, the special tokens follow. */
export function byteTokenizer(
  special: readonly string[] = ['<|im_start|>', '<|im_end|>', '<|endoftext|>'],
  more: { end?: readonly string[]; eos?: string; bos?: string; frame?: readonly [string, string]; chatTemplate?: string } = {},
): Tokenizer {
  const ids = new Map(special.map((token, index) => [token, 256 + index]))
  const pattern = new RegExp(`(${special.map((token) => token.replace(/[|[\]()\\.*+?^$]/g, '\\$&')).join('|')})`)
  const bytes = (text: string) => [...new TextEncoder().encode(text)]
  const tokenOf = (id: number) => special[id - 256]
  const decode = (list: Iterable<number>) => {
    let text = ''
    let run: number[] = []
    const flush = () => {
      text += new TextDecoder().decode(Uint8Array.from(run))
      run = []
    }
    for (const id of list) {
      if (id < 256) run.push(id)
      else {
        flush()
        text += tokenOf(id) ?? ''
      }
    }
    flush()
    return text
  }
  const framed = (list: number[]) => (more.frame ? [ids.get(more.frame[0])!, ...list, ids.get(more.frame[1])!] : list)
  return {
    vocabularySize: 256 + special.length,
    bosId: more.bos === undefined ? undefined : ids.get(more.bos),
    eosId: ids.get(more.eos ?? '<|im_end|>'),
    endIds: new Set((more.end ?? ['<|im_end|>', '<|endoftext|>']).flatMap((token) => ids.get(token) ?? [])),
    chatTemplate: more.chatTemplate,
    encode: (text, options) =>
      Uint32Array.from(
        options?.special ? framed(text.split(pattern).flatMap((part) => ids.get(part) ?? bytes(part))) : bytes(text),
      ),
    decode,
    stream: () => {
      const decoder = new TextDecoder()
      return {
        push: (id) => (id < 256 ? decoder.decode(Uint8Array.of(id), { stream: true }) : decoder.decode() + (tokenOf(id) ?? '')),
        end: () => decoder.decode(),
      }
    },
    token: (id) => tokenOf(id) ?? (id < 256 ? String.fromCharCode(id) : undefined),
    id: (token) => ids.get(token),
  }
}
