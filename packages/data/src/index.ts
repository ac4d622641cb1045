export { type BalancedDataset, type BalanceOptions, balanceDataset } from './balance-dataset.js'
export { chatTemplateOf, templateTokens } from './chat-template.js'
export { type CheckedRecord, type CheckRecordOptions, checkRecord } from './checks/check-record.js'
export type { DatasetFinding, DatasetFix, Path } from './checks/dataset-finding.js'
export {
  type DatasetStatistics,
  type DatasetStatisticsOptions,
  type Distribution,
  datasetStatistics,
} from './dataset-statistics.js'
export { type DedupOptions, type DedupResult, dedupDataset } from './dedup-dataset.js'
export { formatOf, type RowFormat } from './detect-format.js'
export { type DatasetDiff, type DiffDatasetsOptions, diffDatasets } from './diff-datasets.js'
export { encodeChat } from './encode-chat.js'
export { type FileKind, type FindOptions, findFiles } from './find-files.js'
export { type FixDatasetOptions, type FixedDataset, fixDataset } from './fix-dataset.js'
export { type GenerateDatasetOptions, type GeneratedDataset, generateDataset } from './generate/generate-dataset.js'
export { type GeneratedExample, type GenerateExamplesOptions, generateExamples } from './generate/generate-examples.js'
export { loadTemplates } from './generate/load-templates.js'
export { type ParaphraseOptions, paraphraseTasks } from './generate/paraphrase-tasks.js'
export { type SynthesiseOptions, type SynthesisTask, synthesise } from './generate/synthesise.js'
export type { Template, TemplateSet } from './generate/template-set.js'
export { type FileIdentity, identifyFile } from './identify-file.js'
export { languageOf } from './language-of.js'
export { type Layout, layoutOf, layouts } from './layouts.js'
export { type MaskChatOptions, type MaskedChat, maskChat } from './mask-chat.js'
export type { Match, NearDuplicateOptions } from './near-duplicates/band-keys.js'
export { type Bands, candidateProbability, chooseBands } from './near-duplicates/bands.js'
export { Groups, groupTexts } from './near-duplicates/group-texts.js'
export { MinHasher, similarity } from './near-duplicates/min-hash.js'
export { NearDuplicates } from './near-duplicates/near-duplicates.js'
export { jaccard, type ShingleOptions, Shingler } from './near-duplicates/shingles.js'
export { ngramOverlap } from './ngram-overlap.js'
export { packRows } from './pack-rows.js'
export type { DatasetManifest, StageReport } from './pipeline/dataset-manifest.js'
export { loadRecipe, type Recipe } from './pipeline/recipe.js'
export { type DataPipelineOptions, runDataPipeline } from './pipeline/run-data-pipeline.js'
export { preparePairs } from './prepare-pairs.js'
export { type PreparedRows, type PrepareRowsOptions, prepareRows, type RowsConfig } from './prepare-rows.js'
export { type PreviewedExample, type PreviewOptions, type PreviewSpan, previewExamples, previewHtml } from './preview-examples.js'
export { addBenchmark, benchmarkNames } from './quality/benchmarks.js'
export {
  type DecontaminatedDataset,
  type DecontaminateOptions,
  decontaminateDataset,
} from './quality/decontaminate-dataset.js'
export { type Contamination, Decontaminator } from './quality/decontaminator.js'
export { type Diversity, measureDiversity } from './quality/diversity.js'
export { type FilterCodeOptions, filterCode, permissiveLicences } from './quality/filter-code.js'
export { cleanC4, type FilterReason, filterText, type TextFilter, textFilters } from './quality/filter-text.js'
export {
  type QualityCheck,
  type QualityReport,
  type QualityReportOptions,
  qualityReport,
  qualityReportHtml,
} from './quality/quality-report.js'
export { SemanticDuplicates, type SemanticMatch } from './quality/semantic-duplicates.js'
export { type RemovedSubstrings, SubstringRemover } from './quality/substring-remover.js'
export { readChat } from './read-chat.js'
export { type ReadExample, readExamples } from './read-examples.js'
export { readInstruction } from './read-instruction.js'
export { type PreferencePair, readPreference } from './read-preference.js'
export { type DataRecord, type ReadRecordsOptions, readRecordBatches, readRecords } from './read-records.js'
export { readText, type TextDocument } from './read-text.js'
export { readTexts } from './read-texts.js'
export { recordText } from './record-text.js'
export { openRecordWriter, type RecordWriter } from './record-writer.js'
export { type RenderChatOptions, renderChat } from './render-chat.js'
export { type DataReport, reportHtml } from './report-html.js'
export type { RowStatistics } from './row-set.js'
export { sampleWeighted } from './sample-weighted.js'
export { type FixedScenario, fixScenario } from './scenario/apply-fixes.js'
export { augmentScenario } from './scenario/augment-scenario.js'
export { type CheckedScenario, type CheckScenariosOptions, checkScenarios } from './scenario/check-scenarios.js'
export { type CopyFinder, findCopies } from './scenario/copies.js'
export { looksLikeScenario } from './scenario/detect-scenario.js'
export { type Finding, type Fix, type Problem, toFinding } from './scenario/finding.js'
export {
  type IndexScenariosOptions,
  indexScenarios,
  type ScenarioEntry,
  type ScenarioIndex,
} from './scenario/index-scenarios.js'
export {
  type Character,
  type Gauge,
  type Item,
  type Outcome,
  type RollResult,
  type Scenario,
  type ScenarioCall,
  type Skill,
  type Speaker,
  type Spelling,
  spellings,
  type Turn,
} from './scenario/model.js'
export { outcomeOf, parseCalls, turnOf } from './scenario/parse-calls.js'
export { parseResult } from './scenario/parse-result.js'
export { type ParseScenarioOptions, parseScenario } from './scenario/parse-scenario.js'
export { printScenario } from './scenario/print-scenario.js'
export { toolsOf } from './scenario/read-scenario.js'
export { readScenarioFile, type ScenarioText } from './scenario/read-scenario-file.js'
export { resultRoleOf } from './scenario/result-role.js'
export { categoryOf, realPaths, scenarioFiles } from './scenario/scenario-files.js'
export { type ScenarioStatistics, scenarioStatistics } from './scenario/statistics.js'
export { type ConversationOptions, systemText, toConversations } from './scenario/to-conversations.js'
export { defaultTools, type ScenarioTool, type ToolArgumentKind } from './scenario/tools.js'
export { validateFolder } from './scenario/validate-folder.js'
export { type ValidateOptions, validateScenario } from './scenario/validate-scenario.js'
export { shardsAt, type TokenShards } from './shards/manifest.js'
export { type PrepareShardsOptions, prepareShards } from './shards/prepare-shards.js'
export type { MapFile } from './shards/shard-reader.js'
export { type DiskStores, storesIn } from './shards/stores-in.js'
export { encodeRendered, type SpecialFrame, specialFrame } from './special-frame.js'
export { type SplitDataset, type SplitDatasetOptions, splitDataset } from './split-dataset.js'
export { type SplitItem, type SplitOptions, splitGroups } from './split-groups.js'
export { type StandardExample, standardise, toRecord } from './standardise.js'
export { parseStructuredOutput, printStructuredOutput, type StructuredOutput } from './structured-output.js'
export { type DatasetReport, type ValidateDatasetOptions, validateDataset } from './validate-dataset.js'
export type { WalkOptions } from './walk-folder.js'
