import { mkdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import type { Importance, QualityReport, SizePlan } from '@qt/quantize'
import type { Values } from './args/verb.js'
import { type Calibration, type calibrationFlags, calibrationRows } from './calibration.js'
import type { EngineOptions } from './engine-flags.js'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'
import { withModel } from './variants.js'

export interface ReportInput {
  readonly original: string
  /** What the original is called, where it lies under another name for now. */
  readonly originalName: string
  readonly quantised: string
  readonly type: string
  readonly bytes: { readonly original: number; readonly quantised: number }
  readonly importance?: Importance | undefined
  readonly plan?: Pick<SizePlan, 'cost' | 'frontier'> | undefined
  /** Left out: no text is compared on. */
  readonly compared: Calibration | undefined
  readonly engine: EngineOptions
}

/**
 * What two models are compared on, read as the first of them reads it; undefined where the flags name nothing. A device that will not do is told
 * here, too: before anything takes long.
 */
export async function comparedRows(
  flags: Values<typeof calibrationFlags>,
  { original, engine, io, signal }: { original: string; engine: EngineOptions; io: Io; signal: AbortSignal },
): Promise<Calibration | undefined> {
  if (!(flags.text || flags.data)) return undefined
  const read = await withModel(original, { ...engine, signal }, (model) =>
    calibrationRows(flags, model, original, io.note, signal),
  )
  if (read.rows.length > 0) return read
  throw usageError('EVAL_TEXT_TOO_SHORT', `There is nothing to compare on in ${read.datasets.join(', ')}.`, {
    actions: ['Use a longer text.'],
  })
}

/** Compares two files: tensor by tensor, and on text where some was read. */
export async function qualityOf(input: ReportInput, io: Io, signal: AbortSignal): Promise<QualityReport> {
  const { tensorErrors } = await need('@qt/quantize', () => import('@qt/quantize'))
  const progress = status(io)
  try {
    const tensors = await tensorErrors(input.original, input.quantised, {
      importance: input.importance,
      signal,
      onTensor: (name, done, total) => progress.update(`comparing  ${done}/${total} tensors  ${name}`),
    })
    const text = input.compared && (await onText(input, input.compared, signal, progress.update))
    return {
      original: { name: basename(input.originalName), bytes: input.bytes.original },
      quantised: { name: basename(input.quantised), bytes: input.bytes.quantised, type: input.type },
      text,
      tensors,
      plan: input.plan && { cost: input.plan.cost, frontier: input.plan.frontier },
    }
  } finally {
    progress.end()
  }
}

async function onText(
  { original, quantised, engine }: ReportInput,
  { rows, datasets }: Calibration,
  signal: AbortSignal,
  update: (line: string) => void,
): Promise<NonNullable<QualityReport['text']>> {
  const { divergenceOfRows } = await need('@qt/eval', () => import('@qt/eval'))
  const options = { ...engine, signal }
  return withModel(original, options, (before) =>
    withModel(quantised, options, async (after) => {
      const quality = await divergenceOfRows(before.scoring, after.scoring, rows, {
        signal,
        onProgress: ({ rows: done }) => update(`comparing on text  row ${done}/${rows.length}`),
      })
      return { datasets, quality }
    }),
  )
}

/** As JSON, or as one page, by the name of the file. */
export async function saveReport(file: string, report: QualityReport): Promise<void> {
  const { qualityHtml } = await need('@qt/quantize', () => import('@qt/quantize'))
  await mkdir(dirname(file), { recursive: true })
  await writeFileAtomic(file, file.endsWith('.json') ? `${JSON.stringify(report, null, 1)}\n` : qualityHtml(report))
}

/** The few lines that matter most. */
export function qualityLines({ text, tensors }: QualityReport): (readonly string[])[] {
  const worst = tensors.reduce((a, b) => (b.error > a.error ? b : a), tensors[0]!)
  return [
    ...(text
      ? [
          [
            'KL divergence',
            `${text.quality.mean.toPrecision(4)} nats (99 of 100 positions below ${text.quality.percentile99.toPrecision(3)})`,
          ],
          ['same first choice', `${(100 * text.quality.topAgreement).toFixed(2)} %`],
          ['perplexity', `${text.quality.perplexity.p.toFixed(3)} → ${text.quality.perplexity.q.toFixed(3)}`],
        ]
      : []),
    ['worst tensor', `${worst.name}: ${worst.from} → ${worst.to}, error ${worst.error.toPrecision(3)}`],
  ]
}
