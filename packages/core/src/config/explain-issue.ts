import type { z } from 'zod'
import { nearest } from '../nearest.js'
import { keysAt } from './keys-at.js'

export interface ExplainedIssue {
  /** The keys that lead to what is wrong. */
  readonly path: readonly string[]
  readonly kind: 'missing' | 'unknown-key' | 'wrong'
  /** One sentence. */
  readonly message: string
  /** What to do about it. */
  readonly action: string
}

/** What is wrong with a setting, in words. Of alternatives the one is explained that was meant: that whose kind of value is there. */
export function explainIssue(outer: z.core.$ZodIssue, schema: unknown): ExplainedIssue {
  const issue = innermost(outer)
  const path = issue.path.map(String)
  const field = path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!
    const known = keysAt(schema, issue.path)
    const near = nearest(key, known)
    const name = [...path, key].join('.')
    const action = near === undefined ? `Known keys here: ${known.join(', ')}.` : `Did you mean "${near}"?`
    return { path: [...path, key], kind: 'unknown-key', message: `"${name}" is not a known key.`, action }
  }
  if (issue.code === 'invalid_type' && /undefined/.test(issue.message))
    return { path, kind: 'missing', message: `"${field}" is missing.`, action: `Add "${field}" to the configuration.` }
  return {
    path,
    kind: 'wrong',
    message:
      issue.code === 'invalid_union' && issue.errors.length > 0
        ? `"${field || 'configuration'}" must be ${[...new Set(issue.errors.flatMap(([first]) => (first ? wanted(first) : [])))].join(' or ')}.`
        : `"${field || 'configuration'}": ${issue.message}.`,
    action: `Correct "${field || 'the configuration'}".`,
  }
}

/** The issue of the one alternative that takes such a value; the union itself where none does, or several do. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const meant = issue.errors.filter(([first]) => first !== undefined && !isOfAnotherKind(first))
  const issues = meant.length === 1 ? meant[0]! : []
  // A key that is missing may be there misspelt.
  const inner = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]
  return inner === undefined ? issue : innermost({ ...inner, path: [...issue.path, ...inner.path] })
}

const isOfAnotherKind = ({ code, path }: z.core.$ZodIssue): boolean =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')

/** `auto`, `a number`: what an alternative would have taken. */
function wanted(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'invalid_type') return [kinds[issue.expected] ?? issue.expected]
  return []
}

const kinds: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
}
