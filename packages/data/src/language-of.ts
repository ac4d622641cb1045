/** Words that are frequent in one language and rare in the others. */
const frequent: Readonly<Record<string, string>> = {
  en: 'the and is are was were with that this from have has not you your for which it of to be will would can',
  de: 'der die das und ist sind nicht ein eine mit für auf dem den des sich auch wird werden ich sie wir zu von im',
  fr: 'le la les des est une dans pour que qui sur avec pas plus nous vous être cette sont ou et du au ce',
  es: 'el los las una es en para que con por del como más pero este esta son se lo su y muy hay al ser',
  it: 'il gli che di una per con non sono del della come più anche questo questa nel alla ha ed è si da lo un',
  pt: 'os uma não para com que do da em no na por mais como são foi ser está isso você ao dos das um é',
  nl: 'het een van dat niet zijn voor met op wordt ook maar naar deze door wij jij bij kan worden en de is ik',
  pl: 'nie jest się na że do to jak po dla są czy oraz przez ale ten tylko być może który z i w',
  tr: 'bir ve bu için ile çok daha olarak gibi ne var ama kadar sonra olan değil mi ben sen o da de',
  sv: 'och att det som är en på för med av inte den till har jag ett om var men kan vi så från',
}
const languages = Object.keys(frequent)
/** The languages of a word, by number. */
const words = new Map<string, number[]>()
for (const [index, list] of Object.values(frequent).entries())
  for (const word of list.split(' ')) words.set(word, [...(words.get(word) ?? []), index])

const scripts: readonly (readonly [string, RegExp])[] = [
  ['ja', /[\u3040-\u30ff]/g],
  ['ko', /[\uac00-\ud7af\u1100-\u11ff]/g],
  ['zh', /[\u4e00-\u9fff\u3400-\u4dbf]/g],
  ['ru', /[\u0400-\u04ff]/g],
  ['ar', /[\u0600-\u06ff]/g],
  ['he', /[\u0590-\u05ff]/g],
  ['hi', /[\u0900-\u097f]/g],
  ['th', /[\u0e00-\u0e7f]/g],
  ['el', /[\u0370-\u03ff]/g],
]

/** How much of a text is looked at. */
const enough = 400

/**
 * The language of a text as a code of two letters: by its script, or, in Latin letters, by its most frequent words. Undefined when a text
 * is too short or mixed to say. Cyrillic counts as `ru`, whichever language it is.
 */
export function languageOf(text: string): string | undefined {
  const start = text.length > enough ? text.slice(0, enough) : text
  if (/[\u0370-\u0fff\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af]/.test(start)) {
    const letters = start.match(/\p{L}/gu)?.length ?? 0
    for (const [language, script] of scripts) {
      const count = start.match(script)?.length ?? 0
      // A few kana among many characters make Japanese.
      if (letters > 0 && count / letters > (language === 'ja' ? 0.1 : 0.4)) return language
    }
  }
  return byWords(start)
}

const tally = new Float64Array(languages.length)

function byWords(text: string): string | undefined {
  tally.fill(0)
  let [all, hits] = [0, 0]
  for (const word of text.toLowerCase().split(/[^a-z\u00df-\u024f]+/)) {
    if (word === '') continue
    all++
    const among = words.get(word)
    if (among === undefined) continue
    hits++
    for (let i = 0; i < among.length; i++) tally[among[i]!]! += 1 / among.length
  }
  if (all < 8 || hits < 4 || hits / all < 0.12) return undefined
  let [best, second] = [0, 0]
  for (let i = 1; i < tally.length; i++) if (tally[i]! > tally[best]!) best = i
  for (let i = 0; i < tally.length; i++) if (i !== best) second = Math.max(second, tally[i]!)
  return tally[best]! >= 1.6 * second ? languages[best] : undefined
}
