import { z } from 'zod'

/** Metrics by the kind of task that has them. */
export const taskMetrics = {
  choice: ['acc', 'acc_norm', 'acc_bytes'],
  likelihood: ['perplexity', 'acc'],
  rolling: ['word_perplexity', 'byte_perplexity', 'bits_per_byte'],
  generate: ['exact_match', 'contains', 'bleu', 'rouge1', 'rouge2', 'rougeL', 'rougeLsum'],
} as const

const metricNames = [...new Set(Object.values(taskMetrics).flat())]

/** A task: how a record becomes a question, what is a right answer, and what is counted. Texts are Jinja templates over the record. */
export const taskSchema = z.strictObject({
  name: z.string().min(1),
  /** For people: what it measures, where the data comes from. */
  about: z.string().optional(),
  kind: z.enum(['choice', 'likelihood', 'rolling', 'generate']),
  /** JSONL, JSON or Parquet, a path relative to the task's file; or a dataset of the hub, `hf://datasets/owner/name/path`. */
  data: z.string().optional(),
  /** A change to every record before the templates see it. */
  prepare: z.enum(['labelled-choices', 'last-word', 'hellaswag', 'winogrande', 'wikitext', 'gsm8k']).optional(),
  /** Stands before everything; over the record in question. */
  instruction: z.string().default(''),
  prompt: z.string().default(''),
  /** Texts, or one template whose value is a list: `{{choices.text}}`. */
  choices: z.union([z.array(z.string()).min(1), z.string()]).optional(),
  /** Of `choice`: contexts instead of one prompt, one for each choice; the answer text continues each. */
  contexts: z.union([z.array(z.string()).min(1), z.string()]).optional(),
  /** Of `choice`: the number (from 0), or the text, of the right choice. Else the right text, or a list of right texts. */
  answer: z.union([z.string(), z.number().int()]).default(''),
  /** Of `choice` with `contexts`: what continues them. */
  continuation: z.string().optional(),
  /** Between prompt and answer; default one space, for `likelihood` none. */
  delimiter: z.string().optional(),
  /** Of `rolling`: the text whose words and bytes are counted, where it is not the text that is scored. */
  counted: z.string().optional(),
  shots: z
    .strictObject({
      count: z.number().int().min(0),
      /** Where they are taken from; left out: the data itself, without the record in question. */
      data: z.string().optional(),
      separator: z.string().default('\n\n'),
      /** The answer as a shot shows it; left out: the right answer. */
      answer: z.string().optional(),
      /** Only records for which this has the same value as for the one asked: `{{subject}}`. */
      by: z.string().optional(),
      /** Draws them; left out: the first ones. */
      seed: z.number().int().min(0).optional(),
    })
    .optional(),
  metrics: z.array(z.enum(metricNames)).min(1).optional(),
  /** Of `generate`. */
  stop: z.array(z.string()).default([]),
  maxTokens: z.number().int().min(1).default(256),
  /** Ask by the model's chat template. */
  chat: z.boolean().default(false),
  /** Of `generate`: the part of the answer that counts; the last match, or the first. A group in it counts alone. */
  extract: z.strictObject({ pattern: z.string(), take: z.enum(['first', 'last']).default('first') }).optional(),
  /** Of `exact_match`: leave out white space around answers. */
  trim: z.boolean().default(true),
  /** Of `exact_match` and `contains`. */
  ignore: z
    .strictObject({
      case: z.boolean().default(false),
      punctuation: z.boolean().default(false),
      /** Each of these. */
      characters: z.string().default(''),
    })
    .prefault({}),
})

export type Task = z.infer<typeof taskSchema>
export type TaskInput = z.input<typeof taskSchema>
export type TaskMetric = (typeof metricNames)[number]
