import type { CodeQuestion } from '../task.js'

const names = { python: 'Python', javascript: 'JavaScript', typescript: 'TypeScript' } as const

export type SuiteLanguage = keyof typeof names

export const languageName = (language: SuiteLanguage): string => names[language]

/** Code in a fence. */
export const fenced = (language: SuiteLanguage, code: string): string => `\`\`\`${language}\n${code.replace(/\n$/, '')}\n\`\`\``

/** A question to a model that chats. */
export const chat = (...paragraphs: readonly string[]): CodeQuestion => ({
  prompt: [{ role: 'user', content: paragraphs.join('\n\n') }],
  stop: [],
})

/** The same for a model that continues text: the question, and the beginning of an answer that ends with its fence. */
export const continued = (language: SuiteLanguage, ...paragraphs: readonly string[]): CodeQuestion => ({
  prompt: `${paragraphs.join('\n\n')}\n\nAnswer:\n\n\`\`\`${language}\n`,
  stop: ['\n```'],
})
