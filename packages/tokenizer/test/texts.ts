import fc from 'fast-check'

/** Text that pre-tokenisers stumble over: runs of one class, apostrophes, odd white space, marks, astral characters. */
const pieces = [
  ...['a', 'B', 'é', 'ß', 'ſ', 'Σ', 'ж', '中', 'あ', 'ع', 'क', '𝒳', '𐐀', 'ǅ', 'ª'],
  ...['0', '7', '٣', '½', 'Ⅷ', '𝟘', '²'],
  ...[' ', ' ', '  ', '\n', '\r', '\r\n', '\t', '\u00a0', '\u0085', '\u3000', '\u2028', '\v', '\ufeff'],
  ...["'", "'s", "'S", "'ll", "'LL", "'re", "'Ve", "'ſ", "'x", "'"],
  ...[
    '.',
    '!',
    '/',
    '_',
    '$',
    '+',
    '`',
    '"',
    '。',
    '▁',
    '…',
    '😀',
    '👩‍👧',
    '\u0301',
    '\u0e31',
    '\u0000',
    '\u200d',
    '\ue000',
    '\u{e0001}',
  ],
]

export const hardText = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
)
