import { expect, test } from 'vitest'
import { checkComplete, kebab, parseArguments } from './parse.js'

const verb = {
  name: 'fly',
  positionals: [{ name: 'FROM', description: 'Where.', required: true }],
  flags: {
    height: { type: 'number', description: '' },
    'tail-number': { type: 'text', description: '', required: true },
    lights: { type: 'boolean', description: '' },
    stop: { type: 'text', description: '', many: true },
  },
} as const
const parse = (...argv: string[]) => parseArguments(verb, argv)

test('reads values after a space or an equals sign, and numbers below zero', () => {
  expect(parse('here', '--height', '-3', '--tail-number=--x')).toEqual({
    flags: { height: -3, 'tail-number': '--x' },
    positionals: ['here'],
  })
})

test('snake_case and camelCase spell the same flag', () => {
  expect(parse('--tail_number', 'a').flags).toEqual(parse('--tailNumber', 'a').flags)
  expect(kebab('optimizationFrequency')).toBe('optimization-frequency')
})

test('switches go on, off and by value, and leave other words alone', () => {
  expect(parse('--lights', 'here')).toEqual({ flags: { lights: true }, positionals: ['here'] })
  expect(parse('--no-lights').flags).toEqual({ lights: false })
  expect(parse('--lights', 'false').flags).toEqual({ lights: false })
  expect(parse('--lights=true').flags).toEqual({ lights: true })
})

test('repeatable flags gather, others may stand once', () => {
  expect(parse('--stop', 'a', '--stop', 'b').flags).toEqual({ stop: ['a', 'b'] })
  expect(() => parse('--height', '1', '--height', '2')).toThrow('given 2 times')
})

test('everything after -- is an argument', () => {
  expect(parse('--', '--lights').positionals).toEqual(['--lights'])
})

test('bad values and missing ones are named', () => {
  expect(() => parse('--height', 'high')).toThrow('--height must be a number, not "high"')
  expect(() => parse('--height', '--lights')).toThrow('--height needs a value')
  expect(() => parse('--lights=dim')).toThrow('true or false')
  expect(() => parse('--heigth', '3')).toThrow('no flag --heigth')
  expect(() => checkComplete(verb, parse())).toThrow('needs FROM')
  expect(() => checkComplete(verb, parse('a'))).toThrow('needs --tail-number')
})
