import type { ErrorLocation, Tokenizer } from '@qt/core'
import { unknownShape } from '../detect-format.js'
import { firstKey, instructionKeys, type Layout, layoutOf } from '../layouts.js'
import type { DataRecord } from '../read-records.js'
import { atPath } from './at-path.js'
import { checkArithmetic } from './check-arithmetic.js'
import { checkDatasetCalls } from './check-calls.js'
import { checkCharacters } from './check-characters.js'
import { checkLanguage } from './check-language.js'
import { checkLength } from './check-length.js'
import { checkMetadata } from './check-metadata.js'
import { checkPrivate } from './check-private.js'
import { checkReadable } from './check-readable.js'
import { checkTurns } from './check-turns.js'
import type { CopyCheck } from './copies.js'
import { type DatasetFinding, type DatasetProblem, datasetFinding, type Path } from './dataset-finding.js'
import { type RecordView, viewRecord } from './record-view.js'

export interface CheckRecordOptions {
  /** Examples with more tokens are reported. Default: not checked. */
  readonly contextLength?: number | undefined
  /** Counts exactly what the context is measured with; without it lengths are guessed. */
  readonly tokenizer?: Tokenizer | undefined
  /** Codes of findings that are not wanted: `personal-data`. */
  readonly ignore?: readonly string[] | undefined
}

export interface CheckedRecord {
  readonly layout: Layout | undefined
  readonly view: RecordView | undefined
  readonly findings: readonly DatasetFinding[]
}

/** A question that nobody answers is of no layout, but what it lacks is plain. */
function unansweredProblem(value: Readonly<Record<string, unknown>>): DatasetProblem | undefined {
  const asked = firstKey(value, [...instructionKeys, 'prompt', 'question'])
  if (asked === undefined) return undefined
  const message = `"${asked}" has no answer: there is nothing to learn.`
  return { code: 'missing-output', message, fix: { label: 'Add its answer, or leave the example out.', drop: true } }
}

function unknownProblem(record: DataRecord): DatasetProblem {
  const { message, actions } = unknownShape(record)
  return { code: 'unknown-shape', message, fix: { label: actions[0]!.label, drop: true } }
}

const clean: readonly DatasetFinding[] = []

/** A content of several parts, images among them, is not replaced by one text; nor is one whose parts `learn` counts in characters. */
function withoutLoss(problem: DatasetProblem, value: unknown): DatasetProblem {
  const { fix } = problem
  if (typeof fix === 'string' || !fix.set?.some((one) => typeof one.value === 'string' && loses(value, one.path))) return problem
  return { ...problem, fix: { ...fix, set: undefined } }
}

function loses(value: unknown, path: Path): boolean {
  if (Array.isArray(atPath(value, path))) return true
  const counted = (part: number) => (atPath(value, [...path.slice(0, part), 'learn']) ?? null) !== null
  return path.some((key, part) => (key === 'content' || key === 'value') && counted(part))
}

/** Everything that is wrong with one record. */
export function checkRecord(
  value: Readonly<Record<string, unknown>>,
  where: ErrorLocation,
  options: CheckRecordOptions,
  copies?: CopyCheck,
): CheckedRecord {
  let findings: DatasetFinding[] | undefined
  let spoiled = false
  const report = (problem: DatasetProblem): void => {
    spoiled ||= problem.severity !== 'warning'
    if (options.ignore?.includes(problem.code)) return
    findings ??= []
    findings.push(datasetFinding(withoutLoss(problem, value), where))
  }
  const layout = layoutOf(value, where.file)
  if (layout === undefined) {
    report(unansweredProblem(value) ?? unknownProblem({ value, where }))
    return { layout, view: undefined, findings: findings ?? clean }
  }
  const view = viewRecord(value, layout, report)
  checkTurns(view, report)
  checkCharacters(view, report)
  checkDatasetCalls(view, report)
  checkArithmetic(view, report)
  checkLanguage(view, report)
  checkPrivate(view, report)
  if (Object.hasOwn(value, 'output')) checkMetadata(value, report)
  if (!spoiled) checkReadable(view, report)
  const { contextLength, tokenizer } = options
  if (contextLength !== undefined) checkLength(view, { contextLength, tokenizer }, report)
  copies?.check(view, where, report)
  return { layout, view, findings: findings ?? clean }
}
