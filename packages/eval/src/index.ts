export type { Divergence } from '@qt/core'
export {
  type BenchComparison,
  type BenchedModel,
  type BenchOptions,
  type BenchReport,
  benchModel,
  compareBench,
  readBench,
} from './bench/bench-model.js'
export { type CodeReport, type CodeResult, type EvaluateCodeOptions, evaluateCode } from './code/evaluate.js'
export { humanEval } from './code/human-eval.js'
export type { CodeProgress, CodeSample } from './code/judge.js'
export { type MbppOptions, mbpp } from './code/mbpp.js'
export { type CodeMetric, measureCode } from './code/measure-code.js'
export { meanPassAtK, passAtK } from './code/pass-at-k.js'
export { type SuiteOfCodeOptions, suiteOfCode } from './code/suite-of-code.js'
export { type CodeSuite, codeSuite, codeSuites } from './code/suites/load.js'
export type { CodeSummary } from './code/summary.js'
export type { CodeQuestion, CodeStyle, CodeTask, CodeVerdict, VerifyOptions } from './code/task.js'
export { type SamplesReport, type VerifySamplesOptions, verifySamples } from './code/verify-samples.js'
export { readSamples, type WrittenCode } from './code/written-code.js'
export {
  type CompareOptions,
  type Comparison,
  type ComparisonVerdict,
  compareRuns,
  holds,
  type MetricComparison,
} from './compare/compare.js'
export {
  type DivergenceOfRowsOptions,
  type DivergenceOptions,
  divergence,
  divergenceOfRows,
} from './divergence.js'
export {
  type Agreement,
  agreement,
  type CriterionScore,
  type JudgedAnswer,
  type JudgeOptions,
  judgeAnswer,
  judgePair,
  type PairJudgement,
  type Preference,
} from './judge/judge.js'
export { type JudgeSuiteOptions, judgeSuite } from './judge/judge-suite.js'
export { loadRubric, type Rubric } from './judge/rubric.js'
export { type Likelihood, likelihoods } from './likelihood/continuations.js'
export { type EncodedPair, encodePair } from './likelihood/encode-pair.js'
export { type LlamaPerplexity, type LlamaPerplexityOptions, llamaPerplexity } from './likelihood/llama-perplexity.js'
export type { AnyModel, ScoringModel } from './likelihood/model.js'
export {
  measureOf,
  type RollingLikelihood,
  type RollingOptions,
  rollingFigures,
  rollingLikelihood,
} from './likelihood/rolling.js'
export { type LlamaCppModel, type LlamaCppModelOptions, llamaCppModel } from './llama-cpp/llama-cpp-model.js'
export { type Aggregate, aggregates, type Metric, metricValue, type Statistics } from './metric/metric.js'
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.js'
export { type PerplexityOfChatsOptions, perplexityOfChats } from './perplexity-of-chats.js'
export { perplexityOfRows } from './perplexity-of-rows.js'
export { agreesWithSheet, onTopic, spellsNames } from './quality/coherence.js'
export type { Judged } from './quality/heuristics.js'
export { loadProfile, parseProfile, type QualityProfile, type QualityProfileInput } from './quality/profile.js'
export {
  conversationItems,
  type QualityItem,
  type QualityOptions,
  type QualityPart,
  qualityOf,
  qualityParts,
  qualitySuite,
  type SheetedConversation,
} from './quality/quality-suite.js'
export { loadSheet, type Sheet, type SheetCharacter, sheetAfter, sheetOf } from './quality/sheet.js'
export { type JudgedPairs, type JudgePairsOptions, judgePairs } from './rate/judge-pairs.js'
export { type RateServer, type RateServerOptions, rateServer } from './rate/rate-server.js'
export { type RatedPair, type Rating, type RatingSummary, ratedPairs, readRatings, summariseRatings } from './rate/ratings.js'
export { remembering } from './remembering.js'
export { type OllamaModelOptions, ollamaModel } from './remote/ollama-model.js'
export { type OpenAiModelOptions, openAiModel } from './remote/open-ai-model.js'
export type { RequestOptions } from './remote/request.js'
export { htmlReport } from './report/html.js'
export { junitReport } from './report/junit.js'
export { markdownComparison, markdownReport } from './report/markdown.js'
export { type ReportKind, readReport, reportKind, saveReport } from './report/save.js'
export { type CachedModelOptions, cachedModel } from './run/cached-model.js'
export { type EvaluateOptions, type Evaluation, evaluate } from './run/evaluate.js'
export type { Price } from './run/metered-model.js'
export type { ItemReport, MetricReport, RunReport, SuiteReport } from './run/report.js'
export { type Limits, type RunProgress, type RunSuitesOptions, runSuites } from './run/run-suites.js'
export { cohensKappa, correlation, fleissKappa, rankCorrelation } from './stats/agreement.js'
export { holm } from './stats/holm.js'
export { type Interval, type IntervalOptions, intervalOf } from './stats/interval.js'
export { type McNemar, mcnemar } from './stats/mcnemar.js'
export { type Share, wilson } from './stats/wilson.js'
export type { Measured, MeasureOptions, Suite, SuiteItem } from './suite/suite.js'
export { defineTask, type LoadTaskOptions, loadTask, parseTask } from './task/load-task.js'
export { type Task, type TaskInput, type TaskMetric, taskMetrics } from './task/schema.js'
export { bleu } from './text/bleu.js'
export { type Rouge, type RougeScore, rouge } from './text/rouge.js'
export { type BracketCall, type BracketTool, printCall } from './tool-calls/call.js'
export { type Episode, type EpisodeOptions, episodeItem } from './tool-calls/episode.js'
export {
  type EvaluateToolCallsOptions,
  evaluateToolCalls,
  type ToolCallProgress,
  type ToolCallReport,
  type ToolCallResult,
} from './tool-calls/evaluate.js'
export { applyCall, type GameState, sameState } from './tool-calls/game-state.js'
export { type HeldOutConversation, type ToolCallItem, toolCallItems } from './tool-calls/items.js'
export { type ArithmeticCheck, checkNumbers, numbersIn } from './tool-calls/numbers.js'
export { type ParseToolCallsOptions, parseToolCalls } from './tool-calls/parse.js'
export { type CallPair, scoreToolCalls, type ToolCallScore, type Verdict, verdicts } from './tool-calls/score.js'
export { type CallingConversation, structuredCases } from './tool-calls/structured-cases.js'
export { type ParseStructuredOptions, parseStructuredCalls } from './tool-calls/structured-parse.js'
export {
  type ExpectedCall,
  printStructured,
  type StructuredScore,
  sameValue,
  scoreStructuredCalls,
} from './tool-calls/structured-score.js'
export { type Accuracy, type ConfusionRow, summariseToolCalls, type ToolCallSummary, type ToolRow } from './tool-calls/summary.js'
export {
  type StructuredCase,
  structuredToolSuite,
  type ToolSuiteOptions,
  toolRegressions,
  toolSuite,
} from './tool-calls/tool-suites.js'
