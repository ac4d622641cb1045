export { chatTemplateOf, templateTokens } from './chat-template.js'
export { type CheckedRecord, type CheckRecordOptions, checkRecord } from './checks/check-record.js'
export type { DatasetFinding, DatasetFix, Path } from './checks/dataset-finding.js'
export { formatOf, type RowFormat } from './detect-format.js'
export { encodeChat } from './encode-chat.js'
export { type FileKind, findFiles } from './find-files.js'
export { type FixDatasetOptions, type FixedDataset, fixDataset } from './fix-dataset.js'
export { type FileIdentity, identifyFile } from './identify-file.js'
export { languageOf } from './language-of.js'
export { type Layout, layoutOf, layouts } from './layouts.js'
export { type MaskChatOptions, type MaskedChat, maskChat } from './mask-chat.js'
export { ngramOverlap } from './ngram-overlap.js'
export { packRows } from './pack-rows.js'
export { preparePairs } from './prepare-pairs.js'
export { type PreparedRows, prepareRows, type RowsConfig } from './prepare-rows.js'
export { readChat } from './read-chat.js'
export { type ReadExample, readExamples } from './read-examples.js'
export { readInstruction } from './read-instruction.js'
export { type PreferencePair, readPreference } from './read-preference.js'
export { type DataRecord, type ReadRecordsOptions, readRecordBatches, readRecords } from './read-records.js'
export { readText, type TextDocument } from './read-text.js'
export { readTexts } from './read-texts.js'
export { type RenderChatOptions, renderChat } from './render-chat.js'
export { type DataReport, reportHtml } from './report-html.js'
export type { RowStatistics } from './row-set.js'
export { type FixedScenario, fixScenario } from './scenario/apply-fixes.js'
export { augmentScenario } from './scenario/augment-scenario.js'
export { type CheckedScenario, type CheckScenariosOptions, checkScenarios } from './scenario/check-scenarios.js'
export { type CopyFinder, findCopies } from './scenario/copies.js'
export { looksLikeScenario } from './scenario/detect-scenario.js'
export { type Finding, type Fix, type Problem, toFinding } from './scenario/finding.js'
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
export { encodeRendered, type SpecialFrame, specialFrame } from './special-frame.js'
export { type StandardExample, standardise, toRecord } from './standardise.js'
export { parseStructuredOutput, printStructuredOutput, type StructuredOutput } from './structured-output.js'
export { type DatasetReport, type ValidateDatasetOptions, validateDataset } from './validate-dataset.js'
export type { WalkOptions } from './walk-folder.js'
