import type { ErrorLocation } from '@qt/core'
import { hashText } from '../hash-text.js'
import type { Report } from './dataset-finding.js'
import { PlaceTable } from './place-table.js'
import type { RecordView } from './record-view.js'

/** Finds ids and examples that are there twice, and examples that are held out. Keeps hashes, no texts. */
export class CopyCheck {
  private readonly files: string[] = []
  private readonly ids = new PlaceTable()
  /** By id: the last number that was put behind it. */
  private readonly suffixes = new Map<string, number>()
  private readonly examples = new PlaceTable()
  private readonly heldOut = new PlaceTable()
  private readonly questions = new PlaceTable()

  /** `applies`: the ids that it finds for others are given to them. */
  constructor(private readonly applies = false) {}

  /** An example to measure on. */
  hold(view: RecordView, where: ErrorLocation): void {
    if (view.messages.length === 0) return
    const place = this.placeOf(where)
    this.heldOut.set(hashOf(view, true), place)
    const question = questionHash(view)
    if (question !== undefined) this.questions.set(question, place)
  }

  check(view: RecordView, where: ErrorLocation, report: Report): void {
    const place = this.placeOf(where)
    const { id } = view.value
    if ((typeof id === 'string' && id !== '') || typeof id === 'number') {
      const hash = idHash(id)
      const other = this.ids.get(hash)
      if (other === undefined) this.ids.set(hash, place)
      else
        report({
          code: 'duplicate-id',
          severity: 'warning',
          path: ['id'],
          message: `The id ${JSON.stringify(id)} is that of ${this.textOf(other)}, too.`,
          fix: {
            label: 'Give one of them another.',
            // A column of numbers stays one.
            set: typeof id === 'string' ? [{ path: ['id'], value: this.another(id, place) }] : undefined,
          },
        })
    }
    if (view.messages.length === 0) return
    if (this.heldOut.size > 0) this.checkHeldOut(view, report)
    const hash = hashOf(view, false)
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

  /** An id that nobody had so far. */
  private another(id: string, place: number): string {
    let number = this.suffixes.get(id) ?? 1
    do number++
    while (this.ids.has(idHash(`${id}-${number}`)))
    this.suffixes.set(id, number)
    const found = `${id}-${number}`
    if (this.applies) this.ids.set(idHash(found), place)
    return found
  }

  private checkHeldOut(view: RecordView, report: Report): void {
    const same = this.heldOut.get(hashOf(view, true))
    const question = same === undefined && view.kind !== 'text' ? questionHash(view) : undefined
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

/** A number is not the text that it is written as. */
const idHash = (id: string | number): number => hashText(String(id), typeof id === 'string' ? 1 : 2)

const loose = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ')

function hashOf({ messages, rejected }: RecordView, normalised: boolean): number {
  let hash = 1
  for (const turns of [messages, rejected])
    for (const { role, text, calls } of turns) {
      hash = hashText(normalised ? loose(text) : text, hash + (role === undefined ? 0 : role.length))
      for (const call of calls) hash = hashText(`${call.name}${JSON.stringify(call.arguments)}`, hash)
    }
  return hash
}

/** Of the first thing that the user says, when it is long enough to be somebody's own. */
function questionHash({ messages }: RecordView): number | undefined {
  const first = messages.find(({ role }) => role === 'user')
  const text = first === undefined ? '' : loose(first.text)
  return text.length < 24 ? undefined : hashText(text)
}
