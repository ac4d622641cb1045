/** One question with four choices. */
export interface ChoiceRecord {
  readonly question: string
  readonly choices: readonly string[]
  readonly answer: number
}

const places = ['altar', 'tower', 'river', 'gate', 'library', 'cellar', 'bridge', 'forest']
const people = ['the innkeeper', 'a knight', 'the old witch', 'a merchant', 'the smith', 'a traveller', 'the guard', 'a thief']
const things = ['lantern', 'rope', 'silver key', 'dagger', 'map', 'crown', 'torch', 'sealed letter']

/**
 * Questions of some sixty tokens that any model can read: who left what where, told among other things. The first 64 are all different:
 * lm-evaluation-harness computes what is asked twice only once.
 */
export const choiceRecords = (count: number): ChoiceRecord[] =>
  Array.from({ length: count }, (_, i) => {
    const round = Math.floor(i / people.length)
    const at = (list: readonly string[], offset: number): string =>
      list[(i * 5 + round * (list === people ? 1 : list === places ? 2 : 3) + offset) % list.length]!
    const choices = [0, 1, 2, 3].map((k) => `the ${at(things, k)} of ${at(people, k + 3)}`)
    const answer = (i * 3) % 4
    return {
      question:
        `In the evening ${at(people, 1)} came back from the ${at(places, 0)} and said nothing for a long while. Then ${at(people, 2)} asked what ` +
        `had been left behind near the ${at(places, 3)}, and the answer was ${choices[answer]}. What had been left behind near the ${at(places, 3)}?`,
      choices,
      answer,
    }
  })
