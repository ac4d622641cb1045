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

const closing = /^([\s\S]*?)(\s*<!--\s*(?:metadata\s*:?\s*)?)((?:(?!-->)[\s\S])*?)(\s*-->\s*)$/i

/** The parts of an answer; undefined for what is neither text nor an object with text as its content. */
export function parseStructuredOutput(output: unknown): StructuredOutput | undefined {
  if (typeof output === 'string') {
    const [, content, before, body, after] = output.trimEnd().endsWith('-->') ? (closing.exec(output) ?? []) : []
    const metadata = body === undefined ? undefined : commentValues(body)
    if (content === undefined || before === undefined || body === undefined || after === undefined || metadata === undefined)
      return { content: output, form: 'text' }
    return { content, metadata, form: 'comment', comment: { before, body, after } }
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
    return `${content}${before}${same ? body : JSON.stringify(metadata)}${after}`
  }
  return {
    content,
    ...(contextWindow === undefined ? {} : { context_window: contextWindow }),
    ...(metadata === undefined ? {} : { metadata }),
    ...more,
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
  const pairs = lines.map((line) => /^\s*([a-z][\w-]*)\s*[:=]\s*(.+?)\s*$/i.exec(line))
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
