import type { Task } from './schema.js'
import type { Fields } from './template.js'

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const textOf = (fields: Fields, key: string): string => String(fields[key] ?? '')

/** Python's `capitalize`: the rest in lower case. */
const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()

/** HellaSwag's WikiHow part has titles in brackets. */
const withoutTitles = (text: string): string =>
  text
    .trim()
    .replaceAll(' [title]', '. ')
    .replace(/\[.*?\]/g, '')
    .replaceAll('  ', ' ')

/** The text that WikiText's tokenised pages come from. */
const detokenised = (page: string): string =>
  page
    .replaceAll("s '", "s'")
    .replace(/\/' [0-9]\//g, "/'[0-9]/")
    .replaceAll(' @-@ ', '-')
    .replaceAll(' @,@ ', ',')
    .replaceAll(' @.@ ', '.')
    .replaceAll(' : ', ': ')
    .replaceAll(' ; ', '; ')
    .replaceAll(' . ', '. ')
    .replaceAll(' ! ', '! ')
    .replaceAll(' ? ', '? ')
    .replaceAll(' , ', ', ')
    .replace(/\(\s*([^)]*?)\s*\)/g, '($1)')
    .replace(/\[\s*([^\]]*?)\s*\]/g, '[$1]')
    .replace(/\{\s*([^}]*?)\s*\}/g, '{$1}')
    .replace(/"\s*([^"]*?)\s*"/g, '"$1"')
    .replace(/'\s*([^']*?)\s*'/g, "'$1'")
    .replaceAll('= = = =', '====')
    .replaceAll('= = =', '===')
    .replaceAll('= =', '==')
    .replaceAll(' ° ', '°')
    .replaceAll(' \n', '\n')
    .replaceAll('\n ', '\n')
    .replaceAll(' N ', ' 1 ')
    .replaceAll(" 's", "'s")

/** What lm-evaluation-harness does in Python with the records of some public tasks. */
export const preparations: Readonly<Record<NonNullable<Task['prepare']>, (fields: Fields) => Fields>> = {
  'labelled-choices': (fields) => {
    const { text, label }: Fields = isRecord(fields.choices) ? fields.choices : {}
    const at = Array.isArray(label) ? label.map(String).indexOf(textOf(fields, 'answerKey').trim()) : -1
    return { ...fields, texts: text, right: at }
  },
  'last-word': (fields) => {
    const text = textOf(fields, 'text')
    const at = text.lastIndexOf(' ')
    return { ...fields, before: text.slice(0, Math.max(0, at)), last: text.slice(at + 1) }
  },
  gsm8k: (fields) => ({ ...fields, final: textOf(fields, 'answer').split('####').at(-1)?.trim() }),
  hellaswag: (fields) => ({
    ...fields,
    query: withoutTitles(
      `${textOf(fields, 'activity_label')}: ${textOf(fields, 'ctx_a')} ${capitalised(textOf(fields, 'ctx_b'))}`,
    ),
    choices: Array.isArray(fields.endings) ? fields.endings.map((ending) => withoutTitles(String(ending))) : [],
  }),
  winogrande: (fields) => {
    const sentence = textOf(fields, 'sentence')
    const at = sentence.indexOf('_')
    const before = sentence.slice(0, at)
    return {
      ...fields,
      contexts: [before + textOf(fields, 'option1'), before + textOf(fields, 'option2')],
      rest: sentence.slice(at + 1).trim(),
      right: Number(fields.answer) - 1,
    }
  },
  wikitext: (fields) => ({ ...fields, text: detokenised(textOf(fields, 'page')) }),
}
