/**
 * One pass over a JSON text before it is parsed: returns what is wrong with its structure, or undefined.
 * JSON.parse keeps the last of two equal keys and would build whatever depth a hostile file asks for.
 */
export function checkJson(text: string, deepest: number): string | undefined {
  const keys: Set<string>[] = []
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      depth++
      if (depth > deepest) return `it is nested more than ${deepest} deep`
      keys[depth] = new Set()
    } else if (character === '}' || character === ']') depth--
    else if (character === '"') {
      const end = stringEnd(text, at)
      if (end === undefined) return 'a string does not end'
      if (/^\s*:/.test(text.slice(end, end + 16))) {
        const key = text.slice(at, end)
        if (keys[depth]?.has(key)) return `the key ${key.slice(0, 200)} appears twice`
        keys[depth]?.add(key)
      }
      at = end - 1
    }
  }
  return undefined
}

/** Just past the closing quote of the string that starts at `start`. */
function stringEnd(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return undefined
}
