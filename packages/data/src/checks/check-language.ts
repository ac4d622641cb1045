import { languageOf } from '../language-of.js'
import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

const asked =
  /translat|übersetz|traduc|traduis|tradu|vertaal|перев|翻译|翻譯|訳|\b(?:in|into|auf|en|em) (?:english|german|french|spanish|italian|portuguese|dutch|russian|chinese|japanese|korean|arabic|polish|turkish|swedish|hindi|greek|hebrew|thai|deutsch|englisch|französisch|français|anglais|allemand|inglés|español|alemán|inglese|italiano|português|inglês)\b|\blanguage/i

/** An answer in another language than the question, when no translation was asked for. */
export function checkLanguage({ messages, kind }: RecordView, report: Report): void {
  if (kind === 'text') return
  let question: string | undefined
  let translating = false
  for (const { role, text, path } of messages) {
    if (role === 'system' || role === 'user') translating ||= asked.test(text)
    if (role === 'user') question = text
    if (role !== 'assistant' || question === undefined || translating || text.length < 40 || question.length < 40) continue
    if (text.includes('```') || question.includes('```')) continue
    const answered = languageOf(text)
    const wanted = answered === undefined ? undefined : languageOf(question)
    if (answered === undefined || wanted === undefined || answered === wanted) continue
    report({
      code: 'mixed-languages',
      severity: 'warning',
      path,
      message: `The question looks like ${name(wanted)}, the answer like ${name(answered)}.`,
      fix: 'Answer in the language of the question, or say in it which one is wanted.',
    })
    return
  }
}

const names = new Intl.DisplayNames(['en'], { type: 'language' })
const name = (code: string): string => names.of(code) ?? code
