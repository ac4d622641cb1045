import { expect, test } from 'vitest'
import { measureCode } from './measure-code.js'

test('Python: comments and texts do not count', () => {
  const code = `
def f(x):
    """if this counted, or that
    as lines"""
    # if for while
    if x and "if and or":
        for y in x:
            print(y)  # or
    return [z for z in x if z]
`
  expect(measureCode(code, 'python')).toEqual({ lines: 6, branches: 5, nesting: 3, repetition: 0 })
})

test('JavaScript and TypeScript: optional parts are no branches', () => {
  const code = `
/* if */
export function f(x?: { y?: number }, z = a ?? b): string | undefined {
  // if (x) {
  const text = \`if {\${x}}\`
  return x?.y ? 'if {' : text || x!.toString()
}
`
  expect(measureCode(code, 'typescript')).toEqual({ lines: 4, branches: 3, nesting: 1, repetition: 0 })
})

test('repeated lines count from the second on, short ones never', () => {
  const line = 'total += price * count'
  expect(measureCode(`${line}\n  ${line}\n${line}\n}\n}\n`, 'javascript').repetition).toBe(2)
})
