type Plain = Readonly<Record<string, unknown>>

/** An answer with what it was given to know and how it may be changed, or a text that ends with its metadata in an HTML comment. */
export interface StructuredOutput {
  readonly content: string
  readonly contextWindow?: Plain
  readonly metadata?: Plain
  /** How it lies in the file. */
  readonly form: 'text' | 'comment' | 'object'
  /** Of a comment: what stands around its values, so that printing gives the same text. */
  readonly comment?: { readonly before: string; readonly body: string; readonly after: string }
  /** Of an object: fields that are none of these. */
  readonly more?: Plain
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The parts of an answer; undefined for what is neither text nor an object with text as its content. */
export function parseStructuredOutput(output: unknown): StructuredOutput | undefined {
  if (typeof output === 'string') {
    const comment = lastComment(output)
    const metadata = comment && commentValues(comment.body)
    if (comment === undefined || metadata === undefined) return { content: output, form: 'text' }
    const { content, ...around } = comment
    return { content, metadata, form: 'comment', comment: around }
  }
  if (!isPlain(output) || typeof output.content !== 'string') return undefined
  const { content, context_window: contextWindow, metadata, ...more } = output
  // What has another type than it should is kept as it is, for the checks to find.
  const odd = {
    ...(isPlain(contextWindow) || contextWindow === undefined ? {} : { context_window: contextWindow }),
    ...(isPlain(metadata) || metadata === undefined ? {} : { metadata }),
  }
  const rest = { ...odd, ...more }
  return {
    content,
    form: 'object',
    ...(isPlain(contextWindow) ? { contextWindow } : {}),
    ...(isPlain(metadata) ? { metadata } : {}),
    ...(Object.keys(rest).length > 0 ? { more: rest } : {}),
  }
}

/** The answer as it lies in a file: reading it again gives the same parts. */
export function printStructuredOutput({ content, contextWindow, metadata, form, comment, more }: StructuredOutput): unknown {
  if (form === 'text') return content
  if (form === 'comment') {
    const { before, body, after } = comment ?? { before: '\n<!-- metadata: ', body: '', after: ' -->' }
    const same = JSON.stringify(commentValues(body)) === JSON.stringify(metadata)
    // Nothing inside may end the comment.
    return `${content}${before}${same ? body : JSON.stringify(metadata).replaceAll('-->', '--\\u003e')}${after}`
  }
  return {
    content,
    ...(contextWindow === undefined ? {} : { context_window: contextWindow }),
    ...(metadata === undefined ? {} : { metadata }),
    ...more,
  }
}

/** The comment that ends a text, with what stands before it. */
function lastComment(text: string): { content: string; before: string; body: string; after: string } | undefined {
  const all = text.trimEnd()
  if (!all.endsWith('-->')) return undefined
  const end = all.length - 3
  const earlier = all.lastIndexOf('-->', end - 1)
  const open = all.indexOf('<!--', earlier < 0 ? 0 : earlier + 3)
  if (open < 0 || open + 4 > end) return undefined
  const content = text.slice(0, open).trimEnd()
  const inside = text.slice(open + 4, end)
  const [title = ''] = /^\s*(?:metadata\b\s*:?\s*)?/i.exec(inside) ?? []
  const body = inside.slice(title.length).trimEnd()
  return {
    content,
    before: text.slice(content.length, open + 4) + title,
    body,
    after: text.slice(open + 4 + title.length + body.length),
  }
}

/** The values of a comment: a JSON object, or lines of `name: value`; undefined for a comment of another kind. */
function commentValues(body: string): Plain | undefined {
  const text = body.trim()
  if (text.startsWith('{')) {
    try {
      const value: unknown = JSON.parse(text)
      return isPlain(value) ? value : undefined
    } catch {
      return undefined
    }
  }
  const lines = text.split(/\r?\n|;/).filter((line) => line.trim() !== '')
  const pairs = lines.map((line) => /^([a-z][\w-]*)\s*[:=]\s*(.+)$/i.exec(line.trim()))
  if (lines.length === 0 || pairs.some((pair) => pair === null)) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, listOf(pair![2]!)]))
}

const listOf = (text: string): unknown =>
  /^\[.*\]$/.test(text)
    ? text
        .slice(1, -1)
        .split(',')
        .map((one) => one.trim().replace(/^["']|["']$/g, ''))
        .filter(Boolean)
    : /^-?\d+(\.\d+)?$/.test(text)
      ? Number(text)
      : text
