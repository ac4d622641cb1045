import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { publishable } from './packages.js'
import { root } from './root.js'

export interface Example {
  readonly file: string
  /** Of the first line of code. */
  readonly line: number
  readonly code: string
  readonly package: string
  /** Names that its source file exports. */
  readonly exported: readonly string[]
}

/** The `@example` blocks of doc comments. */
export function examplesIn(source: string): { line: number; code: string }[] {
  const found: { line: number; code: string }[] = []
  for (const match of source.matchAll(/@example\s*\n\s*\* ```ts\n([\s\S]*?)\n\s*\* ```/g)) {
    const code = match[1]!.replace(/^\s*\* ?/gm, '')
    const before = source.slice(0, match.index + match[0].indexOf(match[1]!))
    found.push({ line: before.split('\n').length, code })
  }
  return found
}

export async function allExamples(): Promise<Example[]> {
  const found: Example[] = []
  for (const { name, folder } of await publishable()) {
    const entries = await readdir(join(folder, 'src'), { recursive: true })
    for (const path of entries.filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.test.ts')).sort()) {
      const file = join(folder, 'src', path)
      const source = await readFile(file, 'utf8')
      const exported = [...source.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)].map((match) => match[1]!)
      for (const example of examplesIn(source)) found.push({ ...example, file: relative(root, file), package: name, exported })
    }
  }
  return found
}

const settings: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ['node'],
}

/** What a reader of any example may take as given. */
const given = `
import type { ChatExample, ChatMessage, LanguageModel, ModelSpec, Scoring, Tokenizer, TrainingConfig } from '@qt/core'
import type { BracketTool, Rubric, RunReport } from '@qt/eval'
import type { QuantFormat } from '@qt/quantize'
import type { Adapter, Gguf } from '@qt/weights'
declare global {
  const tokenizer: Tokenizer
  const config: TrainingConfig
  const signal: AbortSignal
  const text: string
  const messages: ChatMessage[]
  const model: LanguageModel & { scoring: Scoring; spec: ModelSpec; tokenizer: Tokenizer }
  const tools: readonly BracketTool[]
  const heldOut: readonly ChatExample[]
  const conversation: readonly ChatMessage[]
  const answer: string
  const judge: LanguageModel
  const rubric: Rubric
  const base: RunReport
  const tuned: RunReport
  const original: { scoring: Scoring }
  const quantised: { scoring: Scoring }
  const adapter: Adapter
  const gguf: Gguf
  const q3x: QuantFormat
}
`

/** What a package exports at run time; undefined for one that is not built. */
async function exportsOf(name: string): Promise<string[]> {
  const module: Record<string, unknown> = await import(name)
  return Object.keys(module)
}

/** An example that calls what its package keeps to itself is for contributors, and is not compiled. */
async function isPublic({ code, exported, package: name }: Example): Promise<boolean> {
  const known = await exportsOf(name)
  return exported.every((one) => known.includes(one) || !new RegExp(`\\b${one}\\b`).test(code))
}

/** An example as a module that imports what its package exports, as far as the example does not do so itself. */
async function moduleOf({ code, package: name }: Example): Promise<string> {
  const declared = (one: string) =>
    new RegExp(`(?:import|const|let)\\s*\\{[^}]*\\b${one}\\b[^}]*\\}|(?:const|let|function)\\s+${one}\\b`).test(code)
  const used = (names: readonly string[]) => names.filter((one) => new RegExp(`\\b${one}\\b`).test(code) && !declared(one))
  const own = used(await exportsOf(name))
  const core = name === '@qt/core' ? [] : used(await exportsOf('@qt/core')).filter((one) => !own.includes(one))
  const node = used(['readFile', 'writeFile'])
  const imports = [
    [own, name],
    [core, '@qt/core'],
    [node, 'node:fs/promises'],
  ] as const
  const lines = imports.flatMap(([names, from]) => (names.length ? [`import { ${names.join(', ')} } from '${from}'`] : []))
  return `${lines.join('; ')}; export {};\n${code}\n`
}

/** Compiles every example against the built packages; one line for each mistake. */
export async function checkExamples(examples: readonly Example[]): Promise<string[]> {
  const folder = join(root, 'tools/examples-in-memory')
  const files = new Map([[join(folder, 'given.ts'), given]])
  const byPath = new Map<string, Example>()
  for (const [index, example] of examples.entries()) {
    if (!(await isPublic(example))) continue
    const path = join(folder, `${index}.ts`)
    files.set(path, await moduleOf(example))
    byPath.set(path, example)
  }
  const host = ts.createCompilerHost(settings)
  const { fileExists, getSourceFile, readFile: read } = host
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path)
  host.readFile = (path) => files.get(path) ?? read.call(host, path)
  host.getSourceFile = (path, options) => {
    const text = files.get(path)
    return text === undefined ? getSourceFile.call(host, path, options) : ts.createSourceFile(path, text, options)
  }
  const program = ts.createProgram([...files.keys()], settings, host)
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')
    const example = byPath.get(diagnostic.file?.fileName ?? '')
    if (!example || diagnostic.file === undefined) return message
    const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
    return `${example.file}:${example.line + line - 1}  ${message}`
  })
}
