import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { shortNames } from './short-names.js'

test('files are called the same however their folder is named', () => {
  const files = ['held/a.jsonl', 'held/sub/b.md']
  const names = ['a.jsonl', 'sub/b.md']
  expect(shortNames(files, ['held'])).toEqual(names)
  expect(
    shortNames(
      files.map((file) => resolve(file)),
      [resolve('held')],
    ),
  ).toEqual(names)
  expect(
    shortNames(
      files.map((file) => join('/elsewhere', file)),
      ['/elsewhere/held/'],
    ),
  ).toEqual(names)
  expect(shortNames(['held/a.jsonl'], ['held/a.jsonl'])).toEqual(['a.jsonl'])
})

test('files of one name, and those of a pattern, are called by the folder that holds all of them', () => {
  expect(shortNames(['x/a.jsonl', 'y/a.jsonl'], ['x', 'y'])).toEqual(['x/a.jsonl', 'y/a.jsonl'])
  expect(shortNames(['x/a.jsonl', 'x/b.jsonl'], ['x/*.jsonl'])).toEqual(['a.jsonl', 'b.jsonl'])
})
