import { readFile } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import { parse } from 'yaml'
import { z } from 'zod'
import { qualityFolder } from '../folder.js'

const group = z.strictObject({
  group: z.string(),
  words: z.array(z.string().min(1)).min(1),
  /** How much one of these counts; default 1. */
  weight: z.number().positive().default(1),
})

const phrases = z.array(z.string().min(1)).default([])

const profileSchema = z.strictObject({
  name: z.string(),
  about: z.string().default(''),
  /** What belongs there. */
  fits: z.array(group).default([]),
  /** What does not. */
  breaks: z.array(group).default([]),
  persona: z.strictObject({ wants: phrases, forbids: phrases }).prefault({}),
  refusal: phrases,
  /** What facts of characters can be, by kind: who is one of a kind is no other of it. */
  values: z.record(z.string(), z.array(z.string().min(1)).min(1)).default({}),
  /** Words of an answer. */
  length: z.strictObject({ least: z.number().int().min(0), most: z.number().int().min(1) }).default({ least: 3, most: 250 }),
})

/** What is expected of answers in a setting: words, persona, length. Data, so that everybody writes their own. */
export type QualityProfile = z.infer<typeof profileSchema>
export type QualityProfileInput = z.input<typeof profileSchema>

export function parseProfile(value: unknown, file?: string): QualityProfile {
  const read = profileSchema.safeParse(value)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw usageError('EVAL_PROFILE_INVALID', `The profile of a setting is not right at "${path.join('.')}": ${message}.`, {
    where: { ...(file === undefined ? {} : { file }), field: path.join('.') },
    actions: ['Correct it; docs/evaluation/quality.md has every key.'],
  })
}

/**
 * A profile from a YAML file, or one that ships: `dungeon-master`.
 *
 * @example
 * ```ts
 * const profile = await loadProfile('dungeon-master')
 * ```
 */
export async function loadProfile(file: string): Promise<QualityProfile> {
  const path = /^[a-z0-9-]+$/.test(file) ? `${qualityFolder}${file}.yaml` : file
  let value: unknown
  try {
    value = parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw usageError('EVAL_PROFILE_INVALID', `The profile ${file} cannot be read: ${messageOf(cause)}`, {
      where: { file: path },
      actions: ['Name a YAML file, or dungeon-master.'],
      cause,
    })
  }
  return parseProfile(value, path)
}
