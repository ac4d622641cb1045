import type { Report } from './dataset-finding.js'
import { type MessageView, type RecordView, saidCalls } from './record-view.js'

const squeezed = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[\s\p{P}]+/gu, ' ')
    .trim()

/** The order of turns, empty ones, and answers that say the question again. */
export function checkTurns({ kind, messages, rejected }: RecordView, report: Report): void {
  if (kind === 'tokens') return
  for (const turn of messages) if (isEmpty(turn)) reportEmpty(turn, kind, report)
  for (const turn of rejected) if (isEmpty(turn)) reportEmpty(turn, kind, report)
  if (rejected.length > 0) checkPair(messages, rejected, report)
  if (kind === 'chat') checkOrder(messages, report)
  if (kind !== 'text') checkRepeats(messages, report)
}

const isEmpty = ({ text, calls }: MessageView): boolean => text.trim() === '' && calls.length === 0

function reportEmpty({ role, path }: MessageView, kind: RecordView['kind'], report: Report): void {
  if (kind === 'text')
    return report({
      code: 'empty-turn',
      path,
      message: 'The text is empty.',
      fix: { label: 'Leave the example out.', drop: true },
    })
  const answer = role === 'assistant'
  // An empty system prompt or tool result can be meant.
  const spoils = answer || role === 'user'
  report({
    code: 'empty-turn',
    severity: spoils ? 'error' : 'warning',
    path,
    message: answer
      ? 'The assistant says nothing here: the model would learn to be silent.'
      : `This ${role ?? ''} turn is empty.`.replace('  ', ' '),
    fix: spoils ? { label: 'Write what is said, or leave the example out.', drop: true } : 'Write what is said, or remove it.',
  })
}

/** A pair that prefers nothing: the answer that is wanted is the other one. */
function checkPair(messages: readonly MessageView[], rejected: readonly MessageView[], report: Report): void {
  const said = (turns: readonly MessageView[]) => JSON.stringify(turns.map((turn) => [turn.text, saidCalls(turn)]))
  const chosen = messages.filter(({ path }) => path[0] === 'chosen')
  if (said(chosen) === said(rejected))
    report({
      code: 'same-answers',
      severity: 'warning',
      path: ['rejected'],
      message: 'Both answers are the same: there is nothing to prefer.',
      fix: { label: 'Write another answer, or leave the example out.', drop: true },
    })
}

function checkOrder(messages: readonly MessageView[], report: Report): void {
  if (messages.length === 0 || messages.some(({ role }) => role === undefined)) return
  let before: MessageView | undefined
  let asked = false
  for (const [index, turn] of messages.entries()) {
    if (turn.role === 'system' && index > 0 && before?.role !== 'system')
      report({
        code: 'system-late',
        severity: 'warning',
        path: turn.path,
        message: 'The system prompt comes in the middle; many chat templates refuse that.',
        fix: 'Move it to the beginning.',
      })
    if (turn.role === 'assistant' && !asked)
      report({
        code: 'role-order',
        severity: 'warning',
        path: turn.path,
        message: 'The assistant speaks before anybody asked.',
        fix: 'Add the user turn that it answers.',
      })
    if (before && turn.role === before.role && (turn.role === 'user' || (turn.role === 'assistant' && before.calls.length === 0)))
      report({
        code: 'role-order',
        severity: 'warning',
        path: turn.path,
        message: `Two ${turn.role} turns follow each other; many chat templates refuse that.`,
        fix: 'Join the two, or add the turn that is missing.',
      })
    asked ||= turn.role === 'user' || turn.role === 'assistant'
    before = turn
  }
  if (!messages.some(({ role }) => role === 'assistant'))
    report({
      code: 'missing-output',
      path: messages[0]!.path.slice(0, 1),
      message: 'The assistant never speaks: there is nothing to learn.',
      fix: { label: 'Add its answer, or leave the example out.', drop: true },
    })
  else if (before?.role === 'user')
    report({
      code: 'unanswered',
      severity: 'warning',
      path: before.path,
      message: 'The last word is the user’s; nothing is learned from it.',
      fix: 'Add the answer, or remove the turn.',
    })
}

function checkRepeats(messages: readonly MessageView[], report: Report): void {
  for (let i = 1; i < messages.length; i++) {
    const [ask, answer] = [messages[i - 1]!, messages[i]!]
    if (answer.role !== 'assistant' || ask.role !== 'user' || ask.text.length < 12) continue
    const begins = answer.text.startsWith(ask.text)
    // What is the same but for spaces and punctuation is about as long.
    if (!begins && Math.abs(answer.text.length - ask.text.length) > 8 + ask.text.length / 5) continue
    const rest = begins ? answer.text.slice(ask.text.length).trim() : ''
    if (begins && rest.length > 0) {
      // A question that is taken up word for word, and then answered.
      if (ask.text.length >= 40)
        report({
          code: 'repeats-question',
          severity: 'warning',
          path: answer.path,
          message: 'The answer begins by repeating the whole question.',
          fix: { label: 'Remove the repetition.', set: [{ path: answer.path, value: rest }] },
        })
    } else if (begins || squeezed(ask.text) === squeezed(answer.text))
      report({
        code: 'repeats-question',
        path: answer.path,
        message: 'The answer is the question again.',
        fix: { label: 'Write an answer, or leave the example out.', drop: true },
      })
  }
}
