import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

interface Kind {
  readonly code: 'secret' | 'personal-data'
  readonly what: string
  readonly pattern: RegExp
  /** What stands in its place. */
  readonly instead: string
  /** What must occur for the pattern to be tried: a cheap look before a dear one. */
  readonly sign: string | RegExp
  readonly holds?: (match: string) => boolean
}

/** Keys whose issuers gave them a form of their own, and what identifies a person. */
const kinds: readonly Kind[] = [
  secret('an AWS key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, /AKIA|ASIA/),
  secret('a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})/g, /gh[pousr]_|github_pat_/),
  secret(
    'an API key',
    /\bsk-(?:proj-|ant-|live-)?[A-Za-z0-9_-]{20,}/g,
    'sk-',
    (match) => /\d/.test(match) && /[A-Z]/.test(match),
  ),
  secret('a Stripe key', /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/g, 'k_'),
  secret('a Google key', /\bAIza[0-9A-Za-z_-]{35}\b/g, 'AIza'),
  secret('a Slack token', /\bxox[abprs]-[0-9A-Za-z-]{10,}/g, 'xox'),
  secret('a Hugging Face token', /\bhf_[A-Za-z0-9]{30,}\b/g, 'hf_'),
  secret('an npm token', /\bnpm_[A-Za-z0-9]{36}\b/g, 'npm_'),
  secret('a JSON web token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g, 'eyJ'),
  secret(
    'a private key',
    /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z]+ )?PRIVATE KEY-----|$)/g,
    'PRIVATE KEY',
  ),
  secret(
    'a password',
    /(?<=\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token)["']?\s*[:=]\s*["'])[^"'\s]{8,}(?=["'])/gi,
    /passw|pwd|secret|key|token/i,
    // A name of a variable, or a word that says what belongs there.
    (match) =>
      /\d/.test(match) && /[a-z]/i.test(match) && !/^(?:process|os|env|config|\$|<|\{|your|example|change|x{3})/i.test(match),
  ),
  secret(
    'a password in an address',
    /(?<=\b[a-z][a-z+]{2,10}:\/\/[^\s:/@]{1,40}:)[^\s:/@]{3,80}(?=@[\w.-]+)/g,
    '://',
    (match) => !/^(?:pass(?:word)?|pw|secret|\*+|[<${].*)$/i.test(match),
  ),
  {
    code: 'personal-data',
    what: 'an e-mail address',
    pattern: /[\w.+%-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\b/gi,
    instead: '[e-mail]',
    sign: '@',
    holds: (match) =>
      !/@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.[a-z]+)?$|^(?:git|noreply|no-reply|user|name|you)@|@(?:users\.noreply|sentry|schemas)\.|\.(?:png|jpe?g|svg|js|css)$/i.test(
        match,
      ),
  },
  {
    code: 'personal-data',
    what: 'a telephone number',
    pattern: /(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}|\(\d{3}\) ?\d{3}-\d{4})(?![\w-])/g,
    instead: '[telephone]',
    sign: /\+\d|\(\d{3}\) ?\d/,
    holds: (match) => digits(match).length >= 10 && digits(match).length <= 15 && !/555-?01\d\d$/.test(match),
  },
  {
    code: 'personal-data',
    what: 'a card number',
    pattern: /(?<![\w.-])(?:\d{4}[ -]?){3}\d{3,4}(?![\w.-])/g,
    instead: '[card]',
    sign: /\d{4}[ -]?\d{4}[ -]?\d{4}/,
    holds: (match) => /^[3-6]/.test(match) && luhn(digits(match)) && !/^(?:4242|4111|5555)/.test(match),
  },
  {
    code: 'personal-data',
    what: 'an IBAN',
    pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g,
    instead: '[IBAN]',
    sign: /[A-Z]{2}\d\d ?[A-Z0-9]{4}/,
    holds: mod97,
  },
]

function secret(what: string, pattern: RegExp, sign: string | RegExp, holds?: (match: string) => boolean): Kind {
  return { code: 'secret', what, pattern, sign, instead: '[key]', ...(holds ? { holds } : {}) }
}

/** Texts without any of these have nothing of all that: one look instead of many. */
const suspect = /[@+]|\d{4}|\(\d{3}\)|[A-Za-z]_\w|sk-|AKIA|ASIA|AIza|xox|eyJ|PRIVATE KEY|:\/\/|passw|pwd|secret|api-?key|token/i

/** Keys, passwords and what identifies a person: a model repeats what it has learned. */
export function checkPrivate({ messages, rejected }: RecordView, report: Report): void {
  const turns = rejected.length > 0 ? [...messages, ...rejected] : messages
  for (const { text, path } of turns) {
    if (text.length < 8 || !suspect.test(text)) continue
    for (const kind of kinds) {
      const { code, what, pattern, instead, sign, holds } = kind
      if (typeof sign === 'string' ? !text.includes(sign) : !sign.test(text)) continue
      const found = text.match(pattern)?.filter((match) => holds?.(match) ?? true)
      if (!found || found.length === 0) continue
      const clean = text.replace(pattern, (match: string) => ((holds?.(match) ?? true) ? instead : match))
      report({
        code,
        severity: code === 'secret' ? 'error' : 'warning',
        path,
        message: `There is ${what} here${found.length > 1 ? ` (${found.length} of them)` : ''}: ${hidden(found[0]!)}.`,
        fix: { label: `Put ${instead} in its place.`, set: [{ path, value: clean }] },
      })
    }
  }
}

/** Enough to find it by, not enough to use it. */
const hidden = (match: string): string => `${match.slice(0, 4)}…`

const digits = (text: string): string => text.replace(/\D/g, '')

/** ISO/IEC 7812: every second digit from the right counts twice. */
function luhn(number: string): boolean {
  let sum = 0
  for (let i = 0; i < number.length; i++) {
    const digit = Number(number[number.length - 1 - i])
    const twice = 2 * digit
    sum += i % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice
  }
  return sum % 10 === 0
}

/** ISO 13616: letters are 10 to 35, and the whole leaves 1 when divided by 97. */
function mod97(iban: string): boolean {
  const plain = iban.replaceAll(' ', '')
  let rest = 0
  for (const letter of plain.slice(4) + plain.slice(0, 4)) rest = Number(`${rest}${Number.parseInt(letter, 36)}`) % 97
  return plain.length >= 15 && rest === 1
}
