import { createReadStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { messageOf, parseEvent, QtError, type TrainingConfig, usageError } from '@qt/core'
import { loadConfig } from '@qt/core/node'
import { addEvent, emptyLog, type LogSummary, type RunSummary } from './run-summary.js'

export interface ReadRunOptions {
  /** A log without an end that nothing has written to for this long belongs to a process that is gone. Default ten minutes. */
  readonly staleAfterMs?: number
}

/** True for a folder that a training has written to. */
export const isRun = (path: string): boolean => existsSync(join(path, 'events.jsonl')) || existsSync(join(path, 'config.yaml'))

/**
 * Reads a run's folder: where it stands, its losses, its settings. Torn last lines (a process killed while writing) and
 * event types of later versions are passed over.
 *
 * @example
 * ```ts
 * const run = await readRun('runs/my-run')
 * run.status // 'completed'
 * run.loss // 1.32
 * ```
 */
export async function readRun(path: string, options: ReadRunOptions = {}): Promise<RunSummary> {
  const { staleAfterMs = 600_000 } = options
  if (!isRun(path))
    throw usageError('RUN_MISSING', `There is no run at ${path}.`, {
      where: { file: path },
      actions: ['Name a folder that holds events.jsonl or config.yaml, the "output" of a training.'],
    })
  const problems: string[] = []
  const config = await readConfig(join(path, 'config.yaml'), problems)
  const log = await readLog(join(path, 'events.jsonl'), staleAfterMs, problems)
  return { path, name: basename(resolve(path)), ...log, steps: config?.training.steps, config, problems }
}

async function readConfig(file: string, problems: string[]): Promise<TrainingConfig | undefined> {
  if (!existsSync(file)) {
    problems.push('config.yaml is missing.')
    return undefined
  }
  try {
    return await loadConfig(file)
  } catch (error) {
    problems.push(`config.yaml: ${QtError.isInstance(error) ? `${error.place} ${error.message}`.trim() : messageOf(error)}`)
    return undefined
  }
}

async function readLog(file: string, staleAfterMs: number, problems: string[]): Promise<LogSummary> {
  if (!existsSync(file)) {
    problems.push('events.jsonl is missing: the run has not begun.')
    return emptyLog
  }
  let log = emptyLog
  let line = 0
  let unreadable: number | undefined
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++
    // Only what is followed by another line is damage; the last line may still be on its way.
    if (unreadable !== undefined) problems.push(`events.jsonl:${unreadable} is not JSON and was passed over.`)
    unreadable = text.trim() === '' || isJson(text) ? undefined : line
    const event = parseEvent(text)
    if (event) log = addEvent(log, event)
  }
  if (log.status !== 'running') return log
  const { mtimeMs } = await stat(file)
  return Date.now() - mtimeMs > staleAfterMs ? { ...log, status: 'interrupted' } : log
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
