import type { Io } from '../io.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

/** Brings records of any layout to the standard form, a line of JSON each. */
export async function parseRecords(path: string, io: Io): Promise<number> {
  const { readExamples, toRecord } = await need('@qt/data', () => import('@qt/data'))
  const kinds = new Map<string, number>()
  const list: unknown[] = []
  for await (const { example } of readExamples(path)) {
    kinds.set(example.kind, (kinds.get(example.kind) ?? 0) + 1)
    if (io.json) list.push(toRecord(example))
    else io.out(`${JSON.stringify(toRecord(example))}\n`)
  }
  const count = [...kinds.values()].reduce((sum, n) => sum + n, 0)
  io.note(`${plural(count, 'example')}: ${[...kinds].map(([kind, n]) => `${kind} ${n}`).join(', ')}\n`)
  io.document(list)
  return 0
}
