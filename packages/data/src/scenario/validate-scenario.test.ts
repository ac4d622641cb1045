import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fixScenario } from './apply-fixes.js'
import { validateScenario } from './validate-scenario.js'

const sheet = `<SYSTEM>
# Role
You lead the game.
# World
A world.
# Location
A cave.
# Party
## Kara
- Player Character
- Level 3
- Health: 18/18
- Exp: 750/2700
- Skills: Perception +4
</SYSTEM>
`
const story = (text: string) => `${sheet}${text}`
const found = (text: string) => validateScenario(text).map(({ code, line }) => `${code}@${line}`)

/** A mistake in one file, the finding and its line, and what the fix makes of that line. */
const mistakes: readonly (readonly [what: string, text: string, finding: string, fixed?: string | undefined])[] = [
  ['no scenario', 'Just a note.\n', 'no-scenario@1'],
  [
    'a wrong sum',
    story(
      '<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nperception: 15 + 4(skill) = *25*\n</TOOLCALL>\n<DM>Dust.</DM>',
    ),
    'result-sum@19',
    'perception: 15 + 4(skill) = *19*',
  ],
  [
    'a bonus that is not on the sheet',
    story(
      '<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nperception: 15 + 9(skill) = _24_\n</TOOLCALL>\n<DM>Dust.</DM>',
    ),
    'skill-bonus@19',
    'perception: 15 + 4(skill) = _19_',
  ],
  [
    'an impossible die',
    story('<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nperception: 25 + 4(skill) = *29*\n</TOOLCALL>'),
    'die-impossible@19',
  ],
  [
    'impossible dice',
    story('<User>I hit.</User>\n<DM>[roll: 3d6+2]</DM>\n<TOOLCALL>3d6+2: 21 + 2 = *23*</TOOLCALL>'),
    'die-impossible@18',
  ],
  [
    'a result of something else',
    story('<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nstealth: 5 = *5*\n</TOOLCALL>'),
    'result-mismatch@19',
    'perception: 5 = *5*',
  ],
  [
    'an unreadable result',
    story('<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nperception: 15 plus 4 = *19*\n</TOOLCALL>'),
    'result-unreadable@19',
  ],
  [
    'a result nobody asked for',
    story('<User>I look.</User>\n<DM>Dust.</DM>\n<TOOLCALL>perception: 5 = *5*</TOOLCALL>'),
    'result-without-call@18',
  ],
  [
    'a call without result',
    story('<User>I look.</User>\n<DM>[roll: perception]</DM>\n<User>And?</User>\n<DM>Dust.</DM>'),
    'missing-result@17',
  ],
  [
    'an unknown tool',
    story('<User>I look.</User>\n<DM>[rol: perception]</DM>'),
    'unknown-tool@17',
    '<DM>[roll: perception]</DM>',
  ],
  [
    'an unknown character',
    story('<User>Ow.</User>\n<DM>[health: Kira, -4]</DM>'),
    'unknown-character@17',
    '<DM>[health: Kara, -4]</DM>',
  ],
  ['an amount without sign', story('<User>Ow.</User>\n<DM>[health: Kara, 4]</DM>'), 'wrong-arguments@17'],
  ['too few arguments', story('<User>Ow.</User>\n<DM>[health: Kara]</DM>'), 'wrong-arguments@17'],
  ['an item without sign', story('<User>Mine.</User>\n<DM>[inventory: Kara, rope]</DM>'), 'wrong-arguments@17'],
  [
    'a spell level in words',
    story('<User>Light!</User>\n<DM>[spellcast: Light, cantrip, lamp]</DM>'),
    'wrong-arguments@17',
    '<DM>[spellcast: Light, 0, lamp]</DM>',
  ],
  [
    'an open bracket',
    story('<User>I look.</User>\n<DM>\nYou look. [roll: perception\n</DM>'),
    'unbalanced-bracket@18',
    'You look. [roll: perception]',
  ],
  [
    'success after missing the difficulty',
    story(
      '<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>perception: 5 + 4(skill) = *9* vs DC 15</TOOLCALL>\n<DM>*SUCCESS* You see.</DM>',
    ),
    'outcome-contradicted@19',
  ],
  [
    'failure after a natural 20',
    story(
      '<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>perception: 20 + 4(skill) = *24*</TOOLCALL>\n<DM>_FAILED_ Dust.</DM>',
    ),
    'outcome-contradicted@19',
  ],
  ['an outcome without result', story('<User>I look.</User>\n<DM>*SUCCESS* You see.</DM>'), 'outcome-without-result@17'],
  [
    'an outcome half marked',
    story('<User>I look.</User>\n<DM>*SUCCESS You see.</DM>'),
    'outcome-mark@17',
    '<DM>*SUCCESS* You see.</DM>',
  ],
  ['an empty turn', story('<User>Hi.</User>\n<DM>Hello.</DM>\n<User>\n\n</User>'), 'empty-turn@18'],
  ['a copied turn', story('<User>Hi.</User>\n<User>Hi.</User>\n<DM>Hello.</DM>'), 'copied-turn@17'],
  ['one speaker twice', story('<User>\nHi.\n</User>\n<User>\nYou.\n</User>\n<DM>Hello.</DM>'), 'repeated-speaker@19'],
  ['a tag left open at the end', story('<User>Hi.</User>\n<DM>Hello.'), 'unclosed-tag@17'],
  ['a tag left open', story('<User>\nHi.\n<DM>Hello.</DM>'), 'unclosed-tag@18', '</User>'],
  ['a tag that closes nothing', story('<User>Hi.</User>\n</DM>\n<DM>Hello.</DM>'), 'stray-tag@17'],
  ['a wrong closing tag', story('<User>Hi.</DM>\n<DM>Hello.</DM>'), 'stray-tag@16', '<User>Hi.</User>'],
  ['text outside', story('<User>Hi.</User>\nHello.\n<DM>Hello.</DM>'), 'text-outside@17'],
  ['a misspelt tag', story('<Usr>\nHi.\n</Usr>\n<DM>Hello.</DM>'), 'unknown-section@16', '<User>'],
  ['a heading among tags', story('<User>Hi.</User>\n# DM\nHello.\n'), 'mixed-spelling@17', '<DM>'],
  [
    'a tag among headings',
    '# SYSTEM\nRole: r\nWorld: w\nLocation: l\nParty:\n- Kara (Level 1)\n# USER\nHi.\n<DM>\nHello.\n',
    'mixed-spelling@9',
    '# DM',
  ],
  ['an unknown heading', '# SYSTEM\nRole: r\n# USER\nHi.\n# DM\nHello.\n# Chapter two\n', 'unknown-section@7', '\\# Chapter two'],
  ['a misspelt heading', '# SYSTEM\nRole: r\n# USRE\nHi.\n# DM\nHello.\n', 'unknown-section@3', '# USER'],
  ['no SYSTEM', '<User>Hi.</User>\n<DM>Hello.</DM>', 'missing-part@1'],
  ['no world', '<SYSTEM>\n# Role\nr\n</SYSTEM>\n<DM>Hello.</DM>', 'missing-part@1'],
  ['no DM turn', story('<User>Hi.</User>'), 'missing-part@16'],
  ['too much health', story('<DM>Hi.</DM>').replace('18/18', '28/18'), 'health-above-max@12', '- Health: 18/18'],
  ['health in words', story('<DM>Hi.</DM>').replace('18/18', 'fine'), 'bad-health@12'],
  ['half a gauge', story('<DM>Hi.</DM>').replace('18/18', '18'), 'half-gauge@12', '- Health: 18/18'],
  ['level zero', story('<DM>Hi.</DM>').replace('Level 3', 'Level 0'), 'bad-level@11'],
  ['a level in words', story('<DM>Hi.</DM>').replace('Level 3', 'Level three'), 'bad-level@11'],
  ['experience beyond the level', story('<DM>Hi.</DM>').replace('750/', '7500/'), 'bad-experience@13'],
  [
    'two characters of one name',
    story('<DM>Hi.</DM>').replace('</SYSTEM>', '## kara\n- Level 1\n</SYSTEM>'),
    'duplicate-character@15',
  ],
  ['health twice', story('<DM>Hi.</DM>').replace('- Exp', '- HP: 3/3\n- Exp'), 'duplicate-field@13'],
  ['the world twice', story('<DM>Hi.</DM>').replace('# Location', '# World\nAnother.\n# Location'), 'duplicate-part@6'],
  ['mojibake', story('<DM>\nThe troll\u00e2\u20ac\u2122s cave.\n</DM>'), 'mojibake@17', 'The troll\u2019s cave.'],
  ['a lost character', story('<DM>The troll\ufffds cave.</DM>'), 'lost-character@16'],
  ['a control character', story('<DM>\nThe\u0000 cave.\n</DM>'), 'control-character@17', 'The cave.'],
  [
    'a misspelt skill, and leaves its right result alone',
    story(
      '<User>I lift.</User>\n<DM>[check: strenght]</DM>\n<TOOLCALL>\nstrength: 13 + 3(strength) = *16*\n</TOOLCALL>\n<DM>Up.</DM>',
    ),
    'unknown-skill@17',
    '<DM>[check: strength]</DM>',
  ],
  ['a skill that nobody knows', story('<User>I sing.</User>\n<DM>[roll: charm animals]</DM>'), 'unknown-skill@17'],
  ['a save of a skill', story('<User>I hold.</User>\n<DM>[save: athletics]</DM>'), 'unknown-skill@17'],
  [
    'a check of a skill',
    story('<User>I talk.</User>\n<DM>[check: persuasion]</DM>'),
    'skill-in-check@17',
    '<DM>[roll: persuasion]</DM>',
  ],
  [
    'a result after a call that gives none',
    story('<User>I hit.</User>\n<DM>[begin combat]</DM>\n<TOOLCALL>attack: 15 + 5 = *20*</TOOLCALL>'),
    'result-without-call@18',
  ],
  [
    'a call by another word',
    story('<User>I hit.</User>\n<DM>Now. [start fight]</DM>'),
    'meant-call@17',
    '<DM>Now. [begin combat]</DM>',
  ],
  ['a call in braces', story('<User>I hit.</User>\n<DM>{begin combat}</DM>'), 'meant-call@17', '<DM>[begin combat]</DM>'],
  [
    'a call in parentheses',
    story('<User>Ow.</User>\n<DM>(health: Kara, -5)</DM>'),
    'meant-call@17',
    '<DM>[health: Kara, -5]</DM>',
  ],
  [
    'a call in full-width brackets',
    story('<User>Ow.</User>\n<DM>［health: Kara, －5］</DM>'),
    'meant-call@17',
    '<DM>[health: Kara, -5]</DM>',
  ],
  [
    'brackets within a call',
    story('<User>Ow.</User>\n<DM>[health: [Kara], -5]</DM>'),
    'meant-call@17',
    '<DM>[health: Kara, -5]</DM>',
  ],
  [
    'a dash for a minus',
    story('<User>Ow.</User>\n<DM>[health: Kara, –5]</DM>'),
    'wrong-arguments@17',
    '<DM>[health: Kara, -5]</DM>',
  ],
  ['a file that breaks off', story('<User>Hi.</User>\n<DM>The rats turn'), 'cut-off@17'],
  ['a file that breaks off in a tag', story('<User>\nHi.\n</U'), 'cut-off@18'],
  ['a spell of level 12', story('<User>Light!</User>\n<DM>[spellcast: Light, 12]</DM>'), 'bad-level@17'],
  [
    'a spell that nobody has',
    story('<User>Light!</User>\n<DM>[spellcast: Fireball, 3]</DM>').replace('- Exp', '- Spells: Light\n- Exp'),
    'unknown-spell@18',
  ],
  ['text that turns round', story('<DM>\nThe \u202ecave.\n</DM>'), 'control-character@17', 'The cave.'],
  ['misspelt health', story('<User>Hi.</User>\n<DM>Hi.</DM>').replace('Health', 'Helth'), 'misspelt-field@12', '- Health: 18/18'],
  ['a misspelt level', story('<User>Hi.</User>\n<DM>Hi.</DM>').replace('Level', 'Levle'), 'misspelt-field@11', '- Level 3'],
  [
    'a misspelt inventory',
    story('<User>Hi.</User>\n<DM>Hi.</DM>').replace('- Exp', '- Inventroy: rope, torch\n- Exp'),
    'misspelt-field@13',
    '- Inventory: rope, torch',
  ],
  [
    'a misspelt kind of character',
    story('<User>Hi.</User>\n<DM>Hi.</DM>').replace('Player Character', 'Player Charcter'),
    'misspelt-field@10',
    '- Player Character',
  ],
  [
    'a bonus without a label that is not on the sheet',
    story(
      '<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>\nperception: 12 + 7 = *19*\n</TOOLCALL>\n<DM>Dust.</DM>',
    ),
    'skill-bonus@19',
    'perception: 12 + 4 = *16*',
  ],
  ['no User turn', story('<DM>Hello.</DM>'), 'missing-part@16'],
  ['a question at the end', story('<User>Hi.</User>\n<DM>Hello.</DM>\n<User>And?</User>'), 'unanswered-end@18'],
  [
    'a result at the end',
    story('<User>I look.</User>\n<DM>[roll: perception]</DM>\n<TOOLCALL>perception: 5 + 4(skill) = *9*</TOOLCALL>'),
    'unanswered-end@18',
  ],
  ['a thing that nobody has', story('<User>I tie it.</User>\n<DM>[inventory: Kara, -rope]</DM>'), 'item-not-held@17'],
  [
    'a thing that was used up before',
    story(
      '<User>I tie it.</User>\n<DM>[inventory: Kara, -rope]</DM>\n<User>And it.</User>\n<DM>[inventory: Kara, -rope]</DM>',
    ).replace('- Exp', '- Inventory: rope\n- Exp'),
    'item-not-held@20',
  ],
  [
    'healing above the maximum',
    story('<User>Ow.</User>\n<DM>[health: Kara, -4]</DM>\n<User>I drink.</User>\n<DM>[health: kara, +6]</DM>'),
    'healing-above-max@19',
  ],
  ['a call by the user', story('<User>[roll: perception]</User>\n<DM>Dust.</DM>'), 'call-by-user@16'],
]

test.each(mistakes.map(([what, text, finding, fixed]) => ({ what, text, finding, fixed })))(
  'finds $what, with its line and a fix',
  ({ text, finding, fixed }) => {
    expect(found(text)).toContain(finding)
    const one = validateScenario(text, { file: 'a.md' }).find(({ code, line }) => `${code}@${line}` === finding)!
    expect(one.toString()).toMatch(/^a\.md:\d+ {2}.+ {2}.+$/)
    expect(one.fix.label.length).toBeGreaterThan(5)
    if (fixed !== undefined) expect(one.fix.replace).toContain(fixed)
    if (one.fix.replace !== undefined)
      expect(fixScenario(text).left.map(({ code, line }) => `${code}@${line}`)).not.toContain(finding)
  },
)

test.each(['[roll]', '[roll: ]', '[save: athletics]', '[roll: charm animals]'])('does not rename the result of %s', (call) => {
  const text = story(`<User>I hit.</User>\n<DM>${call}</DM>\n<TOOLCALL>\nattack: 15 + 3 = *18*\n</TOOLCALL>\n<DM>Ha.</DM>`)
  expect(fixScenario(text).text).toBe(text)
})

test('a roll that names nobody may be of anybody: with the bonus of a sheet, or a plain ability', () => {
  const party = sheet.replace('</SYSTEM>', '## Yun\n- Level 3\n- Skills: Stealth +2\n</SYSTEM>')
  const rolled = (bonus: string, call = '[roll: perception]') =>
    validateScenario(
      `${party}<User>I look.</User>\n<DM>${call}</DM>\n<TOOLCALL>perception: 9 + ${bonus} = *${9 + Number.parseInt(bonus, 10)}*</TOOLCALL>\n<DM>Dust.</DM>`,
    ).map(({ severity, code }) => `${severity} ${code}`)
  expect([rolled('4(skill)'), rolled('0'), rolled('3'), rolled('3(wisdom)')]).toEqual([[], [], [], []])
  const errors = [rolled('9(skill)'), rolled('9'), rolled('0(skill)', '[roll: perception, Kara]')]
  expect(errors).toEqual(errors.map(() => ['error skill-bonus']))
  // Called a skill, it should be one of a sheet.
  expect(rolled('3(skill)')).toEqual(['warning skill-bonus'])
})

test('what a party has, gets, shares and calls by another name may be used up, and wounds may be healed', () => {
  const equipped = sheet
    .replace('- Exp', '- Inventory: 2 torches, healing potion, tin of toffees\n- Exp')
    .replace('</SYSTEM>', '## Yun\n- Health: 3/9\n- Weapon: axe\n</SYSTEM>')
  const calls = [
    ...['[inventory: Yun, -torch]', '[inventory: Kara, -torch]', '[inventory: Kara, -potion]', '[inventory: Kara, -toffees]'],
    ...['[inventory: Yun, -axe]', '[inventory: Yun, +rope]', '[inventory: Kara, -rope]', '[health: Yun, +6]'],
    ...['[health: Kara, -2d6]', '[health: Kara, +9]', '[health: Yun, -30]', '[health: Yun, +9]', '[health: party, +5]'],
  ]
  const told = (call: string) => `<User>Go on.</User>\n<DM>So it is. ${call}</DM>\n`
  expect(found(equipped + calls.map(told).join(''))).toEqual([])
  expect(found(equipped + [...calls, '[inventory: Yun, -torch]', '[health: Yun, +1]'].map(told).join(''))).toEqual([
    'item-not-held@47',
    'healing-above-max@49',
  ])
})

test('entries of your own on a sheet are no slips', () => {
  const own = ['Wealth: 20 gold', 'Claws: 1d6', 'Shells: 12', 'Weapon: axe', 'Motto: onward', 'Stealthy 3']
  const text = story('<User>Hi.</User>\n<DM>Hi.</DM>').replace('- Exp', `${own.map((one) => `- ${one}\n`).join('')}- Exp`)
  expect(found(text)).toEqual([])
})

test('skills of a sheet and of tools of your own are no mistakes', () => {
  const own = story('<User>I sew.</User>\n<DM>[roll: weaving]</DM>').replace('Perception +4', 'Weaving +4')
  expect(found(own)).toEqual([])
  const tools = [{ name: 'hack', description: '', arguments: [{ name: 'what', kind: 'skill' as const }], returns: true }]
  expect(validateScenario(story('<User>I try.</User>\n<DM>[hack: mainframes]</DM>'), { tools })).toEqual([])
})

test('control characters of a file name do not reach the terminal', () => {
  expect(validateScenario('x', { file: 'a\u001b[31m.md' })[0]?.toString()).toMatch(/^a\\u001b\[31m\.md:1/)
})

test('a sound scenario has no findings', () => {
  expect(
    found(
      story(
        '<User>I look.</User>\n<DM>[roll: 3d6+2] [roll: perception]</DM>\n<TOOLCALL>\n3d6+2: 4 + 6 + 1 + 2 = *13*\nperception: 15 + 4(skill) − 2(rain) = **17**\n</TOOLCALL>\n<DM>*FAILED* Dust.</DM>',
      ),
    ),
  ).toEqual([])
})

test('fixes keep line endings, the byte order mark and what is right', () => {
  const text = `\uFEFF${story('<User>I look.</User>\n<DM>[rol: perception]').replaceAll('\n', '\r\n')}`
  const fixed = fixScenario(text)
  expect(fixed.text).toBe(`${text.replace('rol:', 'roll:')}\r\n</DM>`)
  expect(fixed.left).toEqual([])
})

test('whatever the text is, validating and fixing it never fails, and every finding has a line of the file', () => {
  const pieces = fc.constantFrom(
    '<SYSTEM>',
    '</SYSTEM>',
    '<User>',
    '</User>',
    '<DM>',
    '</DM>',
    '<TOOLCALL>',
    '# SYSTEM',
    '# USER',
    '## DM',
    '# CONVERSATION',
    '# Party',
    '## Kara',
    '- Health: 9/3',
    'Party:',
    '- Kara (Level 99)',
    '[rol: x',
    '[health: Kira, 3]',
    'x: 2 + = *9*',
    'perception: 25 + 3(skill) = *1*',
    '*SUCCESS',
    '\n',
    '\r\n',
    'â€™',
    '\u0000',
    ' ',
  )
  const bytes = fc.uint8Array({ maxLength: 200 }).map((data) => new TextDecoder().decode(data))
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    bytes,
    fc.array(pieces, { maxLength: 40 }).map((list) => list.join('')),
    fc.array(pieces, { maxLength: 30 }).map((list) => list.join('\n')),
  )
  fc.assert(
    fc.property(text, (given) => {
      const lines = given.split(/\r\n|\n|\r/).length
      for (const { line, fix } of validateScenario(given)) {
        expect(line).toBeGreaterThanOrEqual(1)
        expect(line).toBeLessThanOrEqual(lines)
        expect(fix.label).not.toBe('')
      }
      fixScenario(given)
    }),
    { numRuns: 1500, seed: 3 },
  )
}, 60_000)
