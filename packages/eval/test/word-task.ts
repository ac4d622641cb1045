import type { CodeTask } from '../src/index.js'

/** A problem whose answers are right when they are the word; nothing is run. */
export const wordTask = (word: string): CodeTask => ({
  id: `words/${word}`,
  suite: 'words',
  language: 'python',
  ask: () => ({ prompt: [{ role: 'user', content: `Say ${word}.` }], stop: [] }),
  candidate: (answer) => answer.trim(),
  verify: async (candidate) => ({ passed: candidate === word, score: candidate === word ? 1 : 0.25, detail: candidate }),
  reference: word,
  wrong: [''],
})

export const nowhere = { run: () => Promise.reject(new Error('nothing is run here')) }
