import { mkdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { writeFileAtomic } from '@qt/core/node'
import type { Importance, QualityReport, SizePlan } from '@qt/quantize'
import type { Values } from './args/verb.js'
import { type calibrationFlags, calibrationRows } from './calibration.js'
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
  readonly engine: EngineOptions
}

/** Compares two files: tensor by tensor, and on text when the flags name some. */
export async function qualityOf(
  input: ReportInput,
  flags: Values<typeof calibrationFlags>,
  io: Io,
  signal: AbortSignal,
): Promise<QualityReport> {
  const { tensorErrors } = await need('@qt/quantize', () => import('@qt/quantize'))
  const progress = status(io)
  try {
    const tensors = await tensorErrors(input.original, input.quantised, {
      importance: input.importance,
      signal,
      onTensor: (name, done, total) => progress.update(`comparing  ${done}/${total} tensors  ${name}`),
    })
    const text = flags.text || flags.data ? await onText(input, flags, io, signal, progress.update) : undefined
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
  flags: Values<typeof calibrationFlags>,
  io: Io,
  signal: AbortSignal,
  update: (line: string) => void,
): Promise<NonNullable<QualityReport['text']>> {
  const { divergenceOfRows } = await need('@qt/eval', () => import('@qt/eval'))
  const options = { ...engine, signal }
  return withModel(original, options, (before) =>
    withModel(quantised, options, async (after) => {
      const { rows, datasets } = await calibrationRows(flags, before, original, io.note, signal)
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
