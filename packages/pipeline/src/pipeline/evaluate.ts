import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { chatExampleSchema, parseConfig } from '@qt/core'
import { defaultTools, prepareRows, type ScenarioTool } from '@qt/data'
import { evaluateToolCalls, perplexityOfChats, type ToolCallItem, toolCallItems } from '@qt/eval'
import { load } from '@qt/trainer-native'
import { inspect } from '@qt/weights'
import { z } from 'zod'
import { hashPath } from './hashing.js'
import { stage, type Workshop } from './stage.js'
import { dataFiles } from './validate.js'
import { workKey } from './work-key.js'

/** `low` to `high` is the 95 % interval; share is null when there are no cases. */
const shareSchema = z.object({
  share: z.number().nullable(),
  low: z.number(),
  high: z.number(),
  count: z.number(),
  of: z.number(),
})
export type MeasuredShare = z.infer<typeof shareSchema>

const modelSchema = z.object({
  label: z.string(),
  bytes: z.number(),
  perplexity: z.number(),
  /** Tool calls right, of the turns that need one, and of all turns. */
  needed: shareSchema,
  all: shareSchema,
  invented: shareSchema,
  tools: z.array(z.object({ tool: z.string(), expected: z.number(), right: z.number() })),
})
export type EvaluatedModel = z.infer<typeof modelSchema>

const resultSchema = z.object({
  models: z.array(modelSchema),
  baseline: z.object({ call: z.string(), needed: shareSchema, all: shareSchema }).optional(),
  samples: z.array(
    z.object({
      source: z.string(),
      asked: z.string(),
      reference: z.string(),
      answers: z.array(z.object({ label: z.string(), text: z.string(), right: z.boolean() })),
    }),
  ),
})
export type Evaluated = z.infer<typeof resultSchema>

export interface Candidate {
  readonly label: string
  readonly path: string
}

/** Tool-call accuracy and perplexity of each model on the held-out scenarios, all under the same conditions. */
export async function evaluate(
  workshop: Workshop,
  candidates: readonly Candidate[],
  tools: readonly ScenarioTool[] = defaultTools,
): Promise<Evaluated> {
  const { config, emit, signal } = workshop
  const { evaluation, output, device } = config
  const heldOut = join(output, dataFiles.heldOut)
  const hashes = await Promise.all(candidates.map(({ path }) => hashPath(path)))
  return stage(workshop, {
    name: 'evaluate',
    inputs: { labels: candidates.map(({ label }) => label), hashes, heldOut: await hashPath(heldOut), tools, evaluation },
    result: resultSchema,
    async work() {
      const items = toolCallItems(await conversations(heldOut), tools)
      const models: EvaluatedModel[] = []
      let result: Evaluated = { models, samples: [] }
      if (items.length === 0) return { result, outputs: [] }
      const shown = samplesOf(items, evaluation.samples).map((index) => ({
        index,
        source: items[index]!.id,
        asked: asked(items[index]!),
        reference: items[index]!.reference,
        answers: [] as Evaluated['samples'][number]['answers'],
      }))
      for (const [number, { label, path }] of candidates.entries()) {
        signal.throwIfAborted()
        const model = await load(path, { device, parallel: 1, signal })
        try {
          const report = await evaluateToolCalls(model, items, {
            tools,
            maxTokens: evaluation.maxTokens,
            // Answers that were there before an interruption are not asked for again, unless another device gave them.
            cache: join(output, 'answers.jsonl'),
            modelId: workKey('evaluate', device === 'cpu' ? hashes[number] : [hashes[number], device]),
            signal,
            onProgress: ({ done, total, right }) =>
              emit({
                type: 'progress',
                stage: 'evaluate',
                text: `${label}: ${right} of ${done} turns right`,
                done: number * total + done,
                total: total * candidates.length,
              }),
          })
          const sequenceLength = model.contextLength
          const rows = await prepareRows(
            parseConfig({ base: path, data: { path: heldOut, format: 'chat', validation: 0 }, training: { sequenceLength } }),
            model.tokenizer,
            { signal },
          )
          const { perplexity } = await perplexityOfChats(model.scoring, rows.train, { signal })
          models.push({
            label,
            bytes: await sizeOf(path),
            perplexity,
            needed: plain(report.accuracy.needed),
            all: plain(report.accuracy.all),
            invented: plain(report.invented),
            tools: report.byTool.map(({ tool, expected, right }) => ({ tool, expected, right })),
          })
          const { call, accuracy } = report.baselines.commonestCall
          if (call)
            result = {
              ...result,
              baseline: {
                call: `[${[call.name, call.arguments.join(', ')].filter(Boolean).join(': ')}]`,
                needed: plain(accuracy.needed),
                all: plain(accuracy.all),
              },
            }
          for (const sample of shown) {
            const { answer, score } = report.items[sample.index]!
            sample.answers.push({ label, text: answer, right: score.right })
          }
        } finally {
          await model.close()
        }
      }
      return { result: { ...result, samples: shown.map(({ index: _, ...sample }) => sample) }, outputs: [] }
    },
    summary: ({ models }) =>
      models.length === 0
        ? 'nothing is held out, so nothing was measured'
        : models.map(({ label, needed }) => `${label} ${percent(needed.share)}`).join(', '),
  })
}

export const percent = (share: number | null): string => (share === null ? 'none' : `${(100 * share).toFixed(1)} %`)

const plain = ({ share, ...rest }: { share: number; low: number; high: number; count: number; of: number }): MeasuredShare => ({
  share: Number.isNaN(share) ? null : share,
  ...rest,
})

/** Of the weights, where the model is a folder. */
export async function sizeOf(path: string): Promise<number> {
  const found = await stat(path)
  return found.isDirectory() ? (await inspect(path)).bytes : found.size
}

async function conversations(file: string) {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => {
    const { messages, source } = chatExampleSchema.parse(JSON.parse(line))
    return { messages, id: typeof source === 'string' ? basename(source) : undefined }
  })
}

/** Turns that need a call, evenly over all conversations. */
function samplesOf(items: readonly ToolCallItem[], count: number): number[] {
  const calling = items.flatMap(({ expected }, index) => (expected.length > 0 ? [index] : []))
  const picked = Array.from({ length: count }, (_, i) => calling[Math.floor(((i + 0.5) * calling.length) / count)])
  return [...new Set(picked)].filter((index) => index !== undefined)
}

const asked = ({ context }: ToolCallItem): string => context.at(-1)?.content ?? ''
