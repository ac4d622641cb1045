import type { SuiteLanguage } from './suites/code-question.js'

export type CodeMetric = 'lines' | 'branches' | 'nesting' | 'repetition'

/** From here on a line that stands there twice is no accident. */
const shortestRepeated = 12

/**
 * Figures of code by its text alone, without comments and what strings hold.
 * lines: that are not empty. branches: places where it decides (cyclomatic complexity − 1). nesting: depth of blocks, by indentation
 * in Python and by braces elsewhere. repetition: lines of some length that stood there before.
 */
export function measureCode(code: string, language: SuiteLanguage): Readonly<Record<CodeMetric, number>> {
  const bare = language === 'python' ? withoutPythonTexts(code) : withoutScriptTexts(code)
  const lines = bare.split('\n').filter((line) => line.trim() !== '')
  // Repeated code differs in names of strings; what is compared is the code as it is written.
  const written = code.split('\n').map((line) => line.trim())
  const long = written.filter((line) => line.length >= shortestRepeated)
  return {
    lines: lines.length,
    branches: (bare.match(language === 'python' ? pythonBranch : scriptBranch) ?? []).length,
    nesting: language === 'python' ? indentation(lines) : braces(bare),
    repetition: long.length - new Set(long).size,
  }
}

const pythonBranch = /\b(?:if|elif|for|while|except|and|or|case)\b/g
// `?.`, `??` and the `?:` of optional types are told from the conditional operator by what follows.
const scriptBranch = /\b(?:if|for|while|case|catch)\b|&&|\|\||\?\?|(?<![?])\?(?![?.:),])/g

const withoutPythonTexts = (code: string): string =>
  code.replace(/"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*/g, (text) =>
    text.startsWith('#') ? '' : '""',
  )

const withoutScriptTexts = (code: string): string =>
  code.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (text) =>
    text.startsWith('/') ? '' : "''",
  )

function indentation(lines: readonly string[]): number {
  const open = [0]
  let deepest = 0
  for (const line of lines) {
    const indent = /^[ \t]*/.exec(line)![0].replaceAll('\t', '        ').length
    while (open.length > 1 && indent < open.at(-1)!) open.pop()
    if (indent > open.at(-1)!) open.push(indent)
    deepest = Math.max(deepest, open.length - 1)
  }
  return deepest
}

function braces(code: string): number {
  let [depth, deepest] = [0, 0]
  for (const character of code)
    if (character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === '}') depth--
  return deepest
}
