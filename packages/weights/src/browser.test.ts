import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
)

describe('the package in a browser', () => {
  it('imports nothing of Node before a function asks for it', () => {
    const offenders = sources.filter((name) =>
      /^(import|export)\b[^(]*from '(node:|@qt\/core\/node)/m.test(readFileSync(join(folder, name), 'utf8')),
    )
    expect(offenders).toEqual([])
    expect(sources.length).toBeGreaterThan(40)
  })
})
