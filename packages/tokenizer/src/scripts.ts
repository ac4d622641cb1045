import type { Scan } from './scan.js'

/** The scripts of Unicode 9, those of most texts first. */
const names = [
  'Common Inherited Latin Han Hiragana Katakana Cyrillic Greek Arabic Hebrew Hangul Thai Devanagari Adlam Ahom',
  'Anatolian_Hieroglyphs Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille',
  'Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Coptic Cuneiform Cypriot Deseret',
  'Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Gujarati Gurmukhi Hanunoo Hatran',
  'Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer Khojki',
  'Khudawadi Lao Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean Marchen',
  'Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean',
  'New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian',
  'Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic',
  'Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog',
  'Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi',
].flatMap((line) => line.split(' '))

/** Spaces, and characters of no script or of a younger one: they go with what is before them. */
const any = 0
const han = names.indexOf('Han') + 1
const japanese = new Set([names.indexOf('Hiragana') + 1, names.indexOf('Katakana') + 1])

let patterns: RegExp[] | undefined
const known = new Map<number, number>()

/** The script of a character; Chinese and Japanese count as one. */
function scriptOf(point: number): number {
  const remembered = known.get(point)
  if (remembered !== undefined) return remembered
  patterns ??= names.map((name) => new RegExp(`\\p{Script=${name}}`, 'u'))
  const char = String.fromCodePoint(point)
  // The sign that makes a vowel long is both scripts'.
  const own = char === 'ー' ? han : char === ' ' ? any : patterns.findIndex((pattern) => pattern.test(char)) + 1
  const script = japanese.has(own) ? han : own
  known.set(point, script)
  return script
}

/** Cuts where the script changes, as SentencePiece does while it trains; spaces before the first character of a script are left out. */
export const scriptsScan: Scan = (text, from, to, emit) => {
  let start = -1
  let last = any
  for (let i = from; i < to; ) {
    const point = text.codePointAt(i)!
    const script = scriptOf(point)
    if (script !== any && script !== last) {
      if (start >= 0) emit(start, i)
      start = i
      last = script
    }
    i += point > 0xffff ? 2 : 1
  }
  if (start >= 0) emit(start, to)
}
