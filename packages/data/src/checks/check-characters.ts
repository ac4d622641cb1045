import { repairMojibake } from '../repair-text.js'
import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

/** Control characters but tab and line ends, and what is not seen: zero width, direction. */
const unseen = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u2060\u202a-\u202e\u2066-\u2069\ufeff`
const stray = new RegExp(`[${unseen}]`, 'g')
/** The same, and what broken text may have: one cheap look for all. */
const unusual = new RegExp(String.raw`[${unseen}\u00c2-\u00f4\ud800-\udfff\ufffd]`)

/** Control sequences of chat templates: inside a message they end it, or begin another one. */
const templateMarks =
  /<\|(?:im_start|im_end|im_sep|endoftext|startoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|system|user|assistant|end|return|channel|message|start|eos|bos|pad)\|>|<(?:start_of_turn|end_of_turn|bos|eos|pad|unk)>|<｜[^｜<>]{1,40}｜>|\[\/?INST\]|<<\/?SYS>>/g
/** The same, where it can also be something else: HTML has <s>, too. */
const sentenceMarks = /^\s*<s>|<\/s>\s*$/g

/** Characters that were broken on their way, and special tokens that a template left behind. */
export function checkCharacters({ messages, rejected, kind }: RecordView, report: Report): void {
  const turns = rejected.length > 0 ? [...messages, ...rejected] : messages
  for (const { text, path } of turns) {
    if (unusual.test(text)) {
      const repaired = repairMojibake(text)
      if (repaired)
        report({
          code: 'mojibake',
          severity: 'warning',
          path,
          message: `"${repaired.broken}" is UTF-8 that was read as Windows-1252.`,
          fix: { label: `Write "${repaired.meant}".`, set: [{ path, value: repaired.text }] },
        })
      if (text.includes('\ufffd'))
        report({
          code: 'lost-character',
          path,
          message: 'A character was lost here (\ufffd): the text is not UTF-8, or was read wrongly before.',
          fix: 'Write it again, and save the file as UTF-8.',
        })
      if (/\p{Surrogate}/u.test(text))
        report({
          code: 'half-character',
          path,
          message: 'There is half of a character here (a lone surrogate), which no tokenizer can write.',
          fix: { label: 'Remove it.', set: [{ path, value: text.replace(/\p{Surrogate}/gu, '') }] },
        })
      const clean = text.replace(stray, '')
      if (clean !== text && !repaired)
        report({
          code: 'control-character',
          severity: 'warning',
          path,
          message: 'There is an invisible character here.',
          fix: { label: 'Remove it.', set: [{ path, value: clean }] },
        })
    }
    if (text.includes('<') || text.includes('[')) {
      const marks = text.match(templateMarks) ?? text.match(sentenceMarks)
      if (marks)
        report({
          code: 'special-token',
          severity: kind === 'text' ? 'warning' : 'error',
          path,
          message: `${marks[0].trim()} belongs to a chat template: read as a special token it ends the turn.`,
          fix: { label: 'Remove it.', set: [{ path, value: text.replace(templateMarks, '').replace(sentenceMarks, '') }] },
        })
    }
  }
}
