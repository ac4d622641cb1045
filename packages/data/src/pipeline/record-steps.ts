import { QtError } from '@qt/core'
import { atPath } from '../checks/at-path.js'
import { fixRecord } from '../fix-dataset.js'
import { evaluate, isTrue, parseExpression } from '../generate/expression.js'
import { languageOf } from '../language-of.js'
import { addBenchmark } from '../quality/benchmarks.js'
import { Decontaminator } from '../quality/decontaminator.js'
import { filterCode, permissiveLicences } from '../quality/filter-code.js'
import { filterText } from '../quality/filter-text.js'
import type { DataRecord } from '../read-records.js'
import { readText } from '../read-text.js'
import { recordText } from '../record-text.js'
import { standardise, toRecord } from '../standardise.js'
import type { Step } from './recipe.js'

type Plain = Readonly<Record<string, unknown>>

/** A record after a step, or why it is left out. */
type Outcome = { readonly value: Plain } | { readonly dropped: string }
type RecordStep = (record: DataRecord) => Outcome

/** What came of some records. */
export interface ChunkResult {
  /** Lines of JSON. */
  readonly lines: string
  readonly records: number
  readonly kept: number
  /** Records that were left out, by step and reason. */
  readonly dropped: Readonly<Record<string, number>>
}

export type RecordWork = (records: readonly DataRecord[]) => ChunkResult

const perRecord = new Set<Step['name']>(['fix', 'filter', 'standardise', 'decontaminate'])

/** Steps that look at one record at a time may run in several threads. */
export const isPerRecord = ({ name }: Step): boolean => perRecord.has(name)

/** Steps that look at one record at a time, one after the other. */
export async function recordSteps(steps: readonly Step[]): Promise<RecordWork> {
  const run: { readonly name: string; readonly step: RecordStep }[] = []
  for (const step of steps) run.push({ name: step.name, step: await recordStep(step) })
  return (records) => {
    const lines: string[] = []
    const dropped: Record<string, number> = {}
    for (const record of records) {
      let value: Plain | undefined = record.value
      for (const { name, step } of run) {
        const outcome: Outcome = step({ value, where: record.where })
        if ('dropped' in outcome) {
          const reason = `${name}: ${outcome.dropped}`
          dropped[reason] = (dropped[reason] ?? 0) + 1
          value = undefined
          break
        }
        value = outcome.value
      }
      if (value) lines.push(`${JSON.stringify(value)}\n`)
    }
    return { lines: lines.join(''), records: records.length, kept: lines.length, dropped }
  }
}

async function recordStep(step: Step): Promise<RecordStep> {
  if (step.name === 'fix') {
    const { ignore } = step.settings
    return (record) => {
      const { value, findings } = fixRecord(record, ignore ? { ignore } : {})
      const wrong = findings.find(({ severity, fix }) => severity === 'error' || fix.drop)
      return wrong ? { dropped: wrong.code } : { value }
    }
  }
  if (step.name === 'standardise')
    return (record) => {
      try {
        return { value: toRecord(standardise(record)) }
      } catch (error) {
        if (!QtError.isInstance(error)) throw error
        return { dropped: error.code }
      }
    }
  if (step.name === 'decontaminate') {
    const decontaminator = new Decontaminator(step.settings.n)
    for (const [name, file] of Object.entries(step.settings.benchmarks)) await addBenchmark(decontaminator, name, file)
    return (record) => {
      const [found] = decontaminator.find(recordText(record))
      return found ? { dropped: found.benchmark } : { value: record.value }
    }
  }
  if (step.name === 'filter') return filter(step.settings)
  throw new TypeError(`the step ${step.name} does not look at one record at a time`)
}

function filter(settings: Extract<Step, { name: 'filter' }>['settings']): RecordStep {
  const { text: filters, code = false, licences, shortest = 0, longest = Number.POSITIVE_INFINITY, languages, where } = settings
  const condition = where === undefined ? undefined : parseExpression(where)
  const wanted = licences === 'permissive' ? permissiveLicences : licences
  return (record) => {
    const { value } = record
    if (condition && !isTrue(evaluate(condition, (path) => atPath(value, path)))) return { dropped: 'where' }
    const text = recordText(record)
    if (text.length < shortest) return { dropped: 'too short' }
    if (text.length > longest) return { dropped: 'too long' }
    if (languages) {
      const language = languageOf(text)
      if (language !== undefined && !languages.includes(language)) return { dropped: `language ${language}` }
    }
    const [bad] = filters ? filterText(text, filters) : []
    if (bad) return { dropped: bad.rule }
    if (!code && wanted === undefined) return { value }
    const reasons = filterCode(
      typeof value.content === 'string' ? readText(record) : { text },
      wanted ? { licences: wanted } : {},
    )
    const reason = code ? reasons[0] : reasons.find(({ rule }) => rule === 'licence')
    return reason ? { dropped: reason.rule } : { value }
  }
}
