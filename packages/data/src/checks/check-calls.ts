import { nearest } from '@qt/core'
import type { Report } from './dataset-finding.js'
import type { CallView, RecordView } from './record-view.js'

const tags = [
  'tool_call',
  'tool_response',
  'tool_result',
  'function_call',
  'think',
  'thinking',
  'reasoning',
  'scratchpad',
] as const

/** Calls without results, results without calls, tools that are not declared, and tags that are not closed. */
export function checkDatasetCalls({ messages, tools, kind }: RecordView, report: Report): void {
  let open: CallView[] = []
  for (const { role, calls, callId, text, path } of messages) {
    if (text.includes('<') && role === 'assistant') checkTags(text, path, report)
    if (text.includes('```')) checkFences(text, path, report)
    if (role === 'tool') {
      const asked = callId === undefined ? 0 : open.findIndex(({ id }) => id === callId)
      if (open.length === 0 || asked < 0)
        report({
          code: 'result-without-call',
          path,
          message:
            callId === undefined
              ? 'A result stands here, but nothing was called.'
              : `No call has the id ${JSON.stringify(callId)}.`,
          fix: 'Add the call before it, or remove the result.',
        })
      else open.splice(asked, 1)
      continue
    }
    for (const call of open) reportOpen(call, report)
    open = [...calls]
    if (tools) for (const call of calls) checkDeclared(call, tools, report)
  }
  // A conversation may end with what the model asks for.
  if (kind === 'chat' && messages.at(-1)?.role === 'tool') for (const call of open) reportOpen(call, report)
}

const reportOpen = ({ name, path }: CallView, report: Report): void =>
  report({
    code: 'call-without-result',
    path,
    message: `The call of "${name}" has no result.`,
    fix: 'Add a tool turn with its result, or remove the call.',
  })

function checkDeclared(call: CallView, tools: ReadonlyMap<string, readonly string[]>, report: Report): void {
  const required = tools.get(call.name)
  if (required === undefined) {
    const meant = nearest(call.name, tools.keys())
    const path = call.namePath
    report({
      code: 'unknown-tool',
      path: call.path,
      message: `"${call.name}" is not among the tools of this example.`,
      fix:
        meant === undefined
          ? 'Declare it in "tools".'
          : { label: `Write "${meant}", or declare it.`, set: path && [{ path, value: meant }] },
    })
    return
  }
  const missing = required.filter((name) => call.arguments !== undefined && !Object.hasOwn(call.arguments, name))
  if (missing.length > 0)
    report({
      code: 'tool-arguments',
      path: call.path,
      message: `The call of "${call.name}" lacks ${missing.map((name) => `"${name}"`).join(', ')}.`,
      fix: 'Add what the tool requires.',
    })
}

function checkTags(text: string, path: CallView['path'], report: Report): void {
  for (const tag of tags) {
    if (!text.includes(`${tag}>`)) continue
    const [opened, closed] = [text.split(`<${tag}>`).length - 1, text.split(`</${tag}>`).length - 1]
    if (opened === closed) continue
    const only = opened === 1 && closed === 0
    report({
      code: 'unbalanced-tag',
      path,
      message: opened > closed ? `<${tag}> is opened and not closed.` : `</${tag}> closes what was not opened.`,
      fix:
        only && tag.startsWith('tool')
          ? { label: `Add </${tag}> at the end.`, set: [{ path, value: `${text.trimEnd()}\n</${tag}>` }] }
          : `Write both <${tag}> and </${tag}>.`,
    })
  }
}

function checkFences(text: string, path: CallView['path'], report: Report): void {
  const fences = text.match(/^ {0,3}```/gm)?.length ?? 0
  if (fences % 2 === 0) return
  report({
    code: 'unclosed-code',
    severity: 'warning',
    path,
    message: 'A block of code is opened with ``` and not closed.',
    fix: { label: 'Close it at the end.', set: [{ path, value: `${text.trimEnd()}\n\`\`\`` }] },
  })
}
