import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseResult } from './parse-result.js'
import { locateScenario, parseScenario } from './parse-scenario.js'
import { headingOf } from './section-names.js'
import { plainText, sourceLines } from './source-lines.js'
import { between, structureLines } from './structure-lines.js'

const pieces = ['<', '#', '##', '# DM', '   # x', '    # x', ' ', '\t', '\n', '\n', '\r\n', '\r', 'text', '<User>', '\ufeff', 'é']
const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''))

describe('structureLines', () => {
  it('finds the headings and the lines with a <, and nothing else', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const lines = sourceLines(text).filter((line) => line.text.includes('<') || headingOf(line.text))
        expect(structureLines(plainText(text)).map(({ text, number }) => ({ text, number }))).toEqual(lines)
      }),
      { numRuns: 2000 },
    )
  })

  it('leaves between them every other line', () => {
    fc.assert(
      fc.property(texts, (source) => {
        const text = plainText(source)
        const marks = structureLines(text)
        const first = marks[0]
        if (first === undefined) return
        const said = marks.flatMap((mark, i) => [mark, between(text, mark, marks[i + 1])])
        const before = text.slice(0, first.start)
        expect(before + said.flatMap((line) => line?.text ?? []).join('\n')).toBe(text)
        for (const line of said) if (line) expect(sourceLines(source)[line.number - 1]?.text).toBe(line.text.split('\n')[0])
      }),
      { numRuns: 2000 },
    )
  })
})

it('reads the usual result line as it reads every other', () => {
  const words = fc.constantFrom('attack', 'sleight of hand', '1d6', 'x2 y')
  const bonus = fc.option(fc.tuple(fc.constantFrom('+', '-'), fc.nat(99), words), { nil: undefined })
  fc.assert(
    fc.property(words, fc.nat(30), bonus, fc.constantFrom('*', '_'), (name, roll, more, mark) => {
      const line = `${name}: ${roll}${more ? ` ${more[0]} ${more[1]}(${more[2]})` : ''} = ${mark}${roll}${mark}`
      // A blank at the end is not usual.
      expect(parseResult(line)).toEqual(parseResult(`${line} `))
      expect(parseResult(line)?.name).toBe(name)
    }),
  )
})

it('reads a megabyte of any one mark within two seconds', () => {
  for (const mark of ['#', ' #', '\\<', '<', '[', ']', '[a', 'a]', '\\', '- ', '\n', '*']) {
    const text = `<SYSTEM>\n# Party\n</SYSTEM>\n<DM>\n${mark.repeat(1e6 / mark.length)}\n</DM>`
    const { user: before } = process.cpuUsage()
    parseScenario(text)
    expect((process.cpuUsage().user - before) / 1e6, mark).toBeLessThan(2)
  }
})

it('reads half a megabyte of any one mistake or entry within two seconds', () => {
  const inSystem = (text: string) => `<SYSTEM>\n${text}\n</SYSTEM>`
  const repeated = (text: string) => text.repeat(5e5 / text.length)
  for (const [name, text] of Object.entries({
    'tags that are not closed': repeated('<User>\n'),
    'tags that close another': repeated('<User>\n</DM>\n'),
    'entries that are not known': inSystem(`# Party\n## Bo\n${repeated('- a: b\n')}`),
    'lists of spells': inSystem(`# Party\n## Bo\n${repeated('- Spells: b\n')}`),
    'parts of SYSTEM': inSystem(repeated('# a\n')),
    parties: inSystem(repeated('# Party\n- Bo\n')),
  })) {
    const { user: before } = process.cpuUsage()
    locateScenario(text)
    expect((process.cpuUsage().user - before) / 1e6, name).toBeLessThan(2)
  }
}, 60_000)
