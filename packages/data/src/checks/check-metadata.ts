import { nearest } from '@qt/core'
import { parseStructuredOutput } from '../structured-output.js'
import type { Path, Report } from './dataset-finding.js'

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What each level of preservation allows; the first is what it stands for. */
const allowed = {
  strict: ['preserve_exact', 'preserve_structure'],
  moderate: ['preserve_structure', 'preserve_intent', 'allow_style_changes'],
  flexible: ['preserve_intent', 'allow_style_changes'],
} as const
type Level = keyof typeof allowed

const policies = ['preserve_structure', 'preserve_intent', 'preserve_exact', 'allow_style_changes']
const tagKinds = ['concept', 'definition', 'pattern', 'rule', 'security', 'business']
const contextFields = [
  'system_prompt',
  'conversation_history',
  'active_rules',
  'project_context',
  'role_expectations',
  'knowledge_updates',
]
const listFields = new Set(['conversation_history', 'active_rules', 'knowledge_updates'])

/** Metadata and context windows of structured answers that contradict themselves or each other. */
export function checkMetadata(value: Plain, report: Report): void {
  const { output } = value
  if (typeof output === 'string' && !output.trimEnd().endsWith('-->')) return
  const structured = parseStructuredOutput(output)
  if (structured === undefined || structured.form === 'text') return
  // A comment is text: what it should say is told, the text is not edited.
  const at = (...path: (string | number)[]): Path => (structured.form === 'object' ? ['output', ...path] : ['output'])
  const set = (path: Path, to: unknown) => (structured.form === 'object' ? [{ path, value: to }] : undefined)
  const { metadata, contextWindow } = structured
  if (contextWindow) checkContext(contextWindow, at, report)
  if (isPlain(output))
    for (const key of ['context_window', 'metadata'])
      if (output[key] !== undefined && output[key] !== null && !isPlain(output[key]))
        report({ code: 'metadata-type', path: at(key), message: `"${key}" must be an object.`, fix: `Write "${key}": {…}.` })
  if (metadata === undefined) return

  const given = metadata.modification_policy
  const level = oneOf(metadata.preservation_level, Object.keys(allowed), 'preservation_level')
  const list = Array.isArray(given) ? given : given === undefined ? [] : [given]
  for (const policy of list) oneOf(policy, policies, 'modification_policy')
  if (isLevel(level)) {
    const fits = allowed[level]
    const against = list.filter((policy) => policies.includes(String(policy)) && !fits.some((one) => one === policy))
    if (against.length > 0) {
      const path = at('metadata', 'modification_policy')
      const left = list.filter((policy) => !against.includes(policy))
      const meant = Array.isArray(given) && left.length > 0 ? left : Array.isArray(given) ? [fits[0]] : fits[0]
      report({
        code: 'metadata-contradiction',
        path,
        message: `The level "${level}" and the policy ${against.map((one) => `"${String(one)}"`).join(', ')} contradict each other.`,
        fix: {
          label: `Keep the level, with ${[meant]
            .flat()
            .map((one) => `"${String(one)}"`)
            .join(', ')}.`,
          set: set(path, meant),
        },
      })
    }
  }
  checkTags(metadata.rule_compliance)
  const { confidence } = metadata
  if (confidence !== undefined && !(typeof confidence === 'number' && confidence >= 0 && confidence <= 1)) {
    const percent = typeof confidence === 'number' && confidence > 1 && confidence <= 100 ? confidence / 100 : undefined
    const path = at('metadata', 'confidence')
    report({
      code: 'metadata-value',
      path,
      message: `The confidence is a number from 0 to 1, not ${JSON.stringify(confidence)}.`,
      fix: percent === undefined ? 'Write a number from 0 to 1.' : { label: `Write ${percent}.`, set: set(path, percent) },
    })
  }

  function oneOf(word: unknown, known: readonly string[], field: string): unknown {
    if (word === undefined || (typeof word === 'string' && known.includes(word))) return word
    const path = at('metadata', field)
    const near =
      typeof word === 'string'
        ? nearest(
            word
              .trim()
              .toLowerCase()
              .replace(/[\s-]+/g, '_'),
            known,
          )
        : undefined
    report({
      code: 'metadata-value',
      path,
      message: `${JSON.stringify(word)} is no ${field.replace('_', ' ')}.`,
      fix:
        near !== undefined && (field !== 'modification_policy' || !Array.isArray(given))
          ? { label: `Write "${near}".`, set: set(path, near) }
          : `Use one of ${known.join(', ')}.`,
    })
    return undefined
  }

  function checkTags(tags: unknown): void {
    if (tags === undefined) return
    const path = at('metadata', 'rule_compliance')
    if (!Array.isArray(tags)) {
      report({
        code: 'metadata-type',
        path,
        message: '"rule_compliance" must be a list of tags.',
        fix: { label: 'Make it a list.', set: typeof tags === 'string' ? set(path, tags.split(/\s*,\s*/)) : undefined },
      })
      return
    }
    for (const tag of tags) {
      const [, kind, name] = typeof tag === 'string' ? (/^([^:]*):(.*)$/.exec(tag) ?? []) : []
      if (kind === undefined || name === undefined || name.trim() === '' || !tagKinds.includes(kind))
        report({
          code: 'metadata-tag',
          path,
          message: `${JSON.stringify(tag)} is no tag.`,
          fix: `Write it as kind:name, of the kinds ${tagKinds.join(', ')}.`,
        })
      else if (kind === 'rule' && contextWindow && !knowsRule(contextWindow.active_rules, name))
        report({
          code: 'metadata-contradiction',
          severity: 'warning',
          path,
          message: `The answer is tagged "${String(tag)}", a rule that its context window does not list.`,
          fix: 'Add the rule to active_rules, or remove the tag.',
        })
    }
    const twice = tags.find((tag, index) => tags.indexOf(tag) < index)
    if (twice !== undefined)
      report({
        code: 'metadata-tag',
        severity: 'warning',
        path,
        message: `The tag ${JSON.stringify(twice)} stands there twice.`,
        fix: { label: 'Remove one.', set: set(path, [...new Set(tags)]) },
      })
  }
}

const isLevel = (value: unknown): value is Level => typeof value === 'string' && Object.hasOwn(allowed, value)

function checkContext(context: Plain, at: (...path: string[]) => Path, report: Report): void {
  for (const [key, value] of Object.entries(context)) {
    const path = at('context_window', key)
    if (!contextFields.includes(key)) {
      const near = nearest(key, contextFields)
      report({
        code: 'metadata-value',
        severity: 'warning',
        path,
        message: `A context window has no field "${key}".`,
        fix: near ? `Did you mean "${near}"?` : `Use ${contextFields.join(', ')}.`,
      })
    } else if (listFields.has(key) && !Array.isArray(value))
      report({
        code: 'metadata-type',
        path,
        message: `"${key}" must be a list.`,
        fix: { label: 'Make it a list.', set: typeof value === 'string' ? [{ path, value: [value] }] : undefined },
      })
    else if (key === 'system_prompt' && typeof value !== 'string')
      report({ code: 'metadata-type', path, message: 'The system prompt must be text.', fix: 'Write it as text.' })
  }
}

/** Whether a rule is listed, by its name or by words of it. */
function knowsRule(rules: unknown, name: string): boolean {
  // Without any rules there is nothing to contradict.
  if (!Array.isArray(rules) || rules.length === 0) return true
  const words = name
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 2)
  return rules.some((rule) => {
    const text = JSON.stringify(rule).toLowerCase()
    return text.includes(name.toLowerCase()) || words.some((word) => text.includes(word.replace(/(?:ing|s|ed)$/, '')))
  })
}
