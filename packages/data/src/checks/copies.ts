import type { ErrorLocation } from '@qt/core'
import { hashText } from '../hash-text.js'
import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

/** Finds ids and examples that are there twice, and examples that are held out. 16 bytes or so an example. */
export class CopyCheck {
  private readonly files: string[] = []
  private readonly ids = new Map<string | number, number>()
  private readonly examples = new Map<number, number>()
  private readonly heldOut = new Map<number, number>()
  private readonly questions = new Map<number, number>()

  /** An example to measure on. */
  hold({ messages }: RecordView, where: ErrorLocation): void {
    if (messages.length === 0) return
    const place = this.placeOf(where)
    this.heldOut.set(hashOf(messages, true), place)
    const question = questionHash(messages)
    if (question !== undefined) this.questions.set(question, place)
  }

  check({ messages, value, kind }: RecordView, where: ErrorLocation, report: Report): void {
    const place = this.placeOf(where)
    const { id } = value
    if ((typeof id === 'string' && id !== '') || typeof id === 'number') {
      const other = this.ids.get(id)
      if (other === undefined) this.ids.set(id, place)
      else
        report({
          code: 'duplicate-id',
          path: ['id'],
          message: `The id ${JSON.stringify(id)} is that of ${this.textOf(other)}, too.`,
          fix: { label: 'Give one of them another.', set: [{ path: ['id'], value: `${id}-${place.toString(36)}` }] },
        })
    }
    if (messages.length === 0) return
    if (this.heldOut.size > 0) this.checkHeldOut(messages, kind, report)
    const hash = hashOf(messages, false)
    const other = this.examples.get(hash)
    if (other === undefined) this.examples.set(hash, place)
    else
      report({
        code: 'duplicate-example',
        severity: 'warning',
        message: `This is the same example as ${this.textOf(other)}.`,
        fix: { label: 'Remove one of the two, unless it shall count twice.', drop: true },
      })
  }

  private checkHeldOut(messages: RecordView['messages'], kind: RecordView['kind'], report: Report): void {
    const same = this.heldOut.get(hashOf(messages, true))
    const question = same === undefined && kind !== 'text' ? questionHash(messages) : undefined
    const asked = question === undefined ? undefined : this.questions.get(question)
    if (same !== undefined)
      report({
        code: 'held-out-copy',
        message: `This is the same example as ${this.textOf(same)}, which is held out.`,
        fix: { label: 'Remove one of the two: what is trained on cannot be measured with.', drop: true },
      })
    else if (asked !== undefined)
      report({
        code: 'held-out-question',
        severity: 'warning',
        message: `The question is that of ${this.textOf(asked)}, which is held out.`,
        fix: { label: 'Remove one of the two, or hold both out.', drop: true },
      })
  }

  /** File and line in one number; files have fewer than 2³² lines. */
  private placeOf({ file = '', line, row }: ErrorLocation): number {
    if (this.files.at(-1) !== file) this.files.push(file)
    return (this.files.length - 1) * 2 ** 32 + (line ?? row ?? 0)
  }

  private textOf(place: number): string {
    const [file, line] = [this.files[Math.floor(place / 2 ** 32)] ?? '', place % 2 ** 32]
    return line === 0 ? file : `${file}:${line}`
  }
}

const loose = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ')

function hashOf(messages: RecordView['messages'], normalised: boolean): number {
  let hash = 1
  for (const { role, text, calls } of messages) {
    hash = hashText(normalised ? loose(text) : text, (hash ^ (hash / 4294967296)) | 0) + (role === undefined ? 0 : role.length)
    for (const call of calls) hash = hashText(`${call.name}${JSON.stringify(call.arguments)}`, hash | 0)
  }
  return hash
}

/** Of the first thing that the user says, when it is long enough to be somebody's own. */
function questionHash(messages: RecordView['messages']): number | undefined {
  const first = messages.find(({ role }) => role === 'user')
  const text = first === undefined ? '' : loose(first.text)
  return text.length < 24 ? undefined : hashText(text)
}
