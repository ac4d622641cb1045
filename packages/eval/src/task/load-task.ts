import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { messageOf, usageError } from '@qt/core'
import { readRecords } from '@qt/data'
import { parse } from 'yaml'
import type { z } from 'zod'
import { tasksFolder } from '../folder.js'
import { filesOf, isOfHub } from '../hub-data.js'
import type { Suite } from '../suite/suite.js'
import { fromLmEval } from './lm-eval.js'
import { type Task, type TaskInput, taskSchema } from './schema.js'
import { taskSuite } from './task-suite.js'
import type { Fields } from './template.js'

export interface LoadTaskOptions {
  /** The records, instead of those that the task names. */
  readonly data?: string
  /** Where shots are taken from, likewise. */
  readonly shots?: string
  /** How many shots, instead of what the task says. */
  readonly shotCount?: number
  /** Only the first so many records. */
  readonly limit?: number
}

/** Checks a task that was written as an object; the words of lm-evaluation-harness are understood where they mean the same. */
export function parseTask(value: unknown, file?: string): Task {
  const result = taskSchema.safeParse(fromLmEval(value))
  if (!result.success) throw invalid(result.error.issues[0]!, file)
  const task = result.data
  const place = file === undefined ? {} : { where: { file } }
  if (task.kind === 'choice' && task.choices === undefined && task.contexts === undefined)
    throw usageError('EVAL_TASK_INVALID', `The task ${task.name} has no choices.`, {
      ...place,
      actions: ['Add choices: a list of templates, or one whose value is a list: {{choices.text}}.'],
    })
  if (task.kind !== 'rolling' && task.answer === '')
    throw usageError('EVAL_TASK_INVALID', `The task ${task.name} does not say what is right.`, {
      where: { ...place.where, field: 'answer' },
      actions: ['Add answer: a template of the right text, or of the number of the right choice.'],
    })
  const stray = (['choices', 'contexts', 'continuation'] as const).find((key) => task[key] !== undefined)
  if (task.kind !== 'choice' && stray !== undefined)
    throw usageError('EVAL_TASK_INVALID', `A task of kind ${task.kind} has no "${stray}".`, {
      where: { ...place.where, field: stray },
      actions: ['Write the right text itself in "answer".', 'Let "kind" be choice.'],
    })
  return task
}

const invalid = ({ path, message, ...issue }: z.core.$ZodIssue, file: string | undefined) => {
  const unknown = issue.code === 'unrecognized_keys' && 'keys' in issue ? issue.keys.join(', ') : undefined
  return usageError(
    'EVAL_TASK_INVALID',
    unknown === undefined ? `The task is not right at "${path.join('.')}": ${message}.` : `A task has no "${unknown}".`,
    {
      where: { ...(file === undefined ? {} : { file }), ...(path.length > 0 ? { field: path.join('.') } : {}) },
      actions: ['Correct it; docs/evaluation/tasks.md has every key.'],
    },
  )
}

/**
 * A task from a YAML or JSON file, or one of those that ship (`arc-easy`, `hellaswag` …), with its records; those that ship take them from the hub
 * where no file is given.
 *
 * @example
 * ```ts
 * const suite = await loadTask('arc-easy', { data: 'ARC-Easy-Test.jsonl', limit: 200 })
 * ```
 */
export async function loadTask(file: string, options: LoadTaskOptions = {}): Promise<Suite> {
  const shipped = /^[a-z0-9-]+$/.test(file)
  const path = shipped ? `${tasksFolder}${file}.yaml` : file
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw usageError('EVAL_TASK_UNREADABLE', `The task ${file} cannot be read.`, {
      where: { file: path },
      actions: ['Name a YAML file, or one of the tasks that ship: docs/evaluation/tasks.md lists them.'],
      cause,
    })
  })
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw usageError('EVAL_TASK_INVALID', `The task is not valid YAML: ${messageOf(cause)}`, {
      where: { file: path },
      actions: ['Correct the syntax.'],
      cause,
    })
  }
  const read = parseTask(value, path)
  const beside = (name: string) => (isOfHub(name) ? name : resolve(dirname(path), name))
  const data = options.data ?? (read.data === undefined ? undefined : beside(read.data))
  if (data === undefined)
    throw usageError('EVAL_TASK_INVALID', `The task ${read.name} names no data.`, {
      where: { file: path },
      actions: ['Name its records: a file, JSONL, JSON or Parquet, or hf://datasets/owner/name/path.'],
    })
  if (options.shotCount !== undefined && !(Number.isInteger(options.shotCount) && options.shotCount >= 0))
    throw usageError('EVAL_TASK_INVALID', `${options.shotCount} shots are not possible.`, { actions: ['Use 0 or more.'] })
  const task: Task =
    options.shotCount === undefined ? read : { ...read, shots: { separator: '\n\n', ...read.shots, count: options.shotCount } }
  const ownShots = shotDataOf(task, options.data)
  const shotData = options.shots ?? (ownShots === undefined ? undefined : beside(ownShots))
  const { limit } = options
  // Shots that come from the records themselves are the same whatever the limit.
  const among = shotData === undefined && (task.shots?.count ?? 0) > 0
  const records = await recordsOf(data, read.name, among ? undefined : limit)
  const suite = taskSuite(task, records, shotData === undefined ? undefined : await recordsOf(shotData, read.name))
  return limit === undefined ? suite : { ...suite, items: suite.items.slice(0, limit) }
}

/** A suite of a task and records in memory. */
export const defineTask = (task: TaskInput, records: readonly Fields[], shots?: readonly Fields[]): Suite =>
  taskSuite(parseTask(task), records, shots)

/** Where a task takes its shots: not from the hub when there are none, or when its records are a file of the user's. */
function shotDataOf({ shots }: Task, data: string | undefined): string | undefined {
  if (shots?.data === undefined) return undefined
  return isOfHub(shots.data) && (shots.count === 0 || data !== undefined) ? undefined : shots.data
}

async function recordsOf(data: string, name: string, limit = Number.POSITIVE_INFINITY): Promise<Fields[]> {
  const records: Fields[] = []
  const instead = `Give the records as a file where the hub cannot be reached: --task ${name}=FILE, JSONL, JSON or Parquet.`
  for (const file of await filesOf(data, instead))
    for await (const { value } of readRecords(file)) {
      if (records.length >= limit) break
      records.push(value)
    }
  if (records.length === 0)
    throw usageError('EVAL_NO_ITEMS', `${data} has no records.`, {
      where: { file: data },
      actions: ['Give a JSONL file with one record on each line.'],
    })
  return records
}
