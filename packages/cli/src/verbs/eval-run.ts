import { usageError } from '@qt/core'
import type { SentenceEmbedder } from '@qt/embed'
import type { RunReport } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { codeSandbox } from '../eval/code-sandbox.js'
import { codeFlags, codeNames, sortedData } from '../eval/code-suites.js'
import { defaultHeldOut } from '../eval/held-out.js'
import { judgeFlags, readJudges } from '../eval/judges.js'
import { checkMeasured, measuredFlags, measuredModel } from '../eval/measured-model.js'
import { checkSuiteNames, suiteNames, suitesOf } from '../eval/suites.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { status } from '../print/status.js'

export const evalRun = defineVerb({
  name: 'eval run',
  summary: 'Measure a model with suites and write a report.',
  details:
    `Suites: ${suiteNames.join(', ')}. Tasks of your own, and public ones, go with --task (docs/evaluation/tasks.md). With --cache a run that was stopped ` +
    'goes on where it was. With --baseline the run is compared with an earlier one. What models write for suites of code runs in a sandbox; where there is ' +
    'none, nothing is run.',
  positionals: [
    { name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, a hub id, or the name of a model behind a server.' },
  ],
  flags: {
    ...measuredFlags,
    suite: { type: 'text', value: 'NAMES', many: true, description: 'Suites, with commas between.' },
    task: {
      type: 'text',
      value: 'NAME[=DATA]',
      many: true,
      description: 'A task: a YAML file or one that ships, and its records.',
    },
    data: {
      type: 'text',
      value: 'PATH',
      many: true,
      description:
        'Held-out conversations of tools, function-calls, quality and judge (default: the folder held-out, if there is one); of code SUITE=FILE (default: from the hub).',
    },
    tools: { type: 'text', value: 'FILE', description: 'The tools that there are, as JSON; left out: those of a game master.' },
    text: { type: 'text', value: 'FILE', description: 'The text of the suite perplexity.' },
    profile: {
      type: 'text',
      value: 'FILE',
      description: 'Words and persona of the suite quality, as YAML (docs/evaluation/quality.md).',
    },
    sheet: {
      type: 'text',
      value: 'FILE',
      description: 'Names and facts of characters, as YAML, for the suite quality; scenarios bring their own.',
    },
    embedder: {
      type: 'text',
      value: 'MODEL',
      description:
        'A sentence model (a folder with model.onnx, or a hub id) that tells, for the suite quality, whether answers stay on topic; left out: shared words.',
    },
    ...judgeFlags,
    ...codeFlags,
    shots: { type: 'number', description: 'Solved records before each question of a task, instead of what it says.' },
    report: { type: 'text', value: 'FILE', many: true, description: 'Write .html, .md, .xml (JUnit) or .json.' },
    baseline: { type: 'text', value: 'FILE', description: 'The .json report of an earlier run to compare with.' },
    'fail-if-worse': {
      type: 'boolean',
      description: 'With --baseline: exit with 1 when this run is worse, or lacks what that one measured.',
    },
    metric: {
      type: 'text',
      value: 'NAME',
      many: true,
      description: 'With --baseline: compare only this suite (tools) or metric of one (quality.quality).',
    },
    cache: { type: 'text', value: 'FILE', description: 'Keep every answer in this JSONL file.' },
    limit: { type: 'number', value: 'N', description: 'Only the first N items of each suite.' },
    parallel: {
      type: 'number',
      value: 'N',
      description: 'Items at the same time (default 1; behind a server 4). With 8 a local model reads short questions together.',
    },
    seed: { type: 'number', description: 'The same seed gives the same run (default 1).' },
    name: { type: 'text', description: 'What reports call the model; left out: its own name, and its adapters.' },
    'max-tokens': { type: 'number', description: 'Longest answer, in tokens.' },
    'token-limit': { type: 'number', value: 'N', description: 'Stop after so many generated tokens, those of judges included.' },
    'time-limit': { type: 'number', value: 'SECONDS', description: 'Stop after this time.' },
    'cost-limit': { type: 'number', value: 'C', description: 'Stop at this cost, that of judges included; needs prices.' },
    'price-input': { type: 'number', value: 'C', description: 'What a million tokens of prompts cost.' },
    'price-output': { type: 'number', value: 'C', description: 'What a million generated tokens cost.' },
  },
  examples: [
    'qt eval run --model model.gguf --suite tools,quality --data held-out/ --report out.html --report out.json',
    'qt eval run --model model.gguf --suite humaneval,tools,quality --report out.html',
    'qt eval run --model model.gguf --task arc-easy --limit 200 --baseline base.json --fail-if-worse',
    'qt eval run --model model.gguf --suite judge --judge large@http://127.0.0.1:8080/v1 --judge-cache judge.jsonl --token-limit 200000',
    'qt eval run --server http://127.0.0.1:8080/v1 --model my-model --suite tool-episodes --cache answers.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const names = (flags.suite ?? [])
      .flatMap((list) => list.split(','))
      .map((name) => name.trim())
      .filter(Boolean)
    const tasks = flags.task ?? []
    if (names.length + tasks.length === 0)
      throw usageError('USAGE_MISSING_FLAG', 'qt eval run needs --suite or --task.', {
        actions: [`Add --suite with some of ${suiteNames.join(', ')}.`, 'Add --task NAME=DATA.'],
      })
    checkSuiteNames(names)
    checkMeasured(flags, positionals)
    const openJudges = await readJudges(flags)
    if (flags['fail-if-worse'] && flags.baseline === undefined)
      throw usageError('USAGE_MISSING_FLAG', '--fail-if-worse needs a run to compare with.', {
        actions: ['Add --baseline FILE: the .json report of an earlier run.'],
      })
    if (flags.limit !== undefined && !(Number.isInteger(flags.limit) && flags.limit > 0))
      throw usageError('USAGE_BAD_VALUE', `--limit must be a whole number above 0, not ${flags.limit}.`, {
        actions: ['Leave --limit out to measure every item.'],
      })
    if (flags.embedder !== undefined && !names.includes('quality'))
      throw usageError('USAGE_BAD_VALUE', '--embedder is for the suite quality.', {
        where: { field: '--embedder' },
        actions: ['Add quality to --suite, or leave --embedder out.'],
      })
    const { compareRuns, holds, markdownReport, readReport, reportKind, runSuites, saveReport } = await need(
      '@qt/eval',
      () => import('@qt/eval'),
    )
    for (const file of flags.report ?? []) {
      reportKind(file)
      await prepareOutput(file, flags.data ?? [])
    }
    const baseline = flags.baseline === undefined ? undefined : await readReport(flags.baseline)
    requireMetrics(flags, baseline)
    const limits = { tokens: flags['token-limit'], seconds: flags['time-limit'], cost: flags['cost-limit'] }
    const { 'price-input': input, 'price-output': output } = flags
    const { conversations, files } = sortedData(flags.data)
    const data = conversations.length > 0 ? conversations : await defaultHeldOut(names, io)
    const sandbox = names.some((name) => codeNames.includes(name)) ? await codeSandbox(flags, io) : undefined
    let embedder: SentenceEmbedder | undefined
    const run = await withInterrupt(async (signal) => {
      if (flags.embedder !== undefined) embedder = await openedEmbedder(flags.embedder, signal)
      const { tools, text, limit, shots, profile, sheet, 'max-tokens': maxTokens } = flags
      const code = sandbox && { flags, files, executor: sandbox }
      const judged = openJudges !== undefined
      const read = { names, tasks, data, tools, text, limit, shots, profile, sheet, embedder, maxTokens, code, judged }
      const suites = await suitesOf(read)
      const identified = flags.cache !== undefined || flags.report !== undefined || io.json
      const { model, id, remote } = await measuredModel(flags, positionals, {
        io,
        signal,
        identified,
        parallel: Math.min(flags.parallel ?? 1, 64), // the most that a model answers together
      })
      const progress = status(io)
      const judges = await openJudges?.({ io, signal }).catch(async (error: unknown) => {
        await model.close()
        throw error
      })
      try {
        return await runSuites(model, await suites({ model, judges }), {
          signal,
          name: flags.name ?? [model.name, ...(flags.adapter ?? [])].join(' + '),
          modelId: id,
          seed: flags.seed ?? 1,
          parallel: flags.parallel ?? (remote ? 4 : 1),
          limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
          ...(flags.cache === undefined ? {} : { cache: flags.cache }),
          ...(input === undefined && output === undefined ? {} : { price: { input: input ?? 0, output: output ?? 0 } }),
          onProgress: ({ suite, done, total, right }) => progress.update(`${suite}  item ${done}/${total}  ${right} right`),
        })
      } finally {
        progress.end()
        await model.close()
        await judges?.close()
      }
    }).finally(async () => {
      await embedder?.close()
      await sandbox?.close()
    })
    const comparison = baseline && compareRuns(baseline, run, flags.metric === undefined ? {} : { only: flags.metric })
    const runs = baseline ? [baseline, run] : [run]
    for (const file of flags.report ?? []) await saveReport(file, runs, comparison)
    io.out(markdownReport(runs, comparison, 3))
    io.document(comparison ? { run, comparison } : run)
    return flags['fail-if-worse'] && comparison && !holds(comparison) ? 1 : 0
  },
})

/** What is to be compared must be in the earlier run: told before this one takes its time. */
function requireMetrics(
  { metric: asked, baseline: file }: { readonly metric?: readonly string[] | undefined; readonly baseline?: string | undefined },
  baseline: RunReport | undefined,
): void {
  if (asked === undefined) return
  if (baseline === undefined || file === undefined)
    throw usageError('USAGE_MISSING_FLAG', '--metric needs a run to compare with.', {
      actions: ['Add --baseline FILE: the .json report of an earlier run.'],
    })
  const known = baseline.suites.flatMap(({ name, metrics }) => [name, ...metrics.map((metric) => `${name}.${metric.name}`)])
  const lacking = asked.find((name) => !known.includes(name))
  if (lacking !== undefined)
    throw usageError('EVAL_NOTHING_IN_COMMON', `The run to compare with has no "${lacking}".`, {
      where: { file },
      actions: [`It has ${known.join(', ')}.`],
    })
}

async function openedEmbedder(model: string, signal: AbortSignal): Promise<SentenceEmbedder> {
  const { openEmbedder } = await need('@qt/embed', () => import('@qt/embed'))
  return openEmbedder(model, { signal })
}
