export {
  type ChatMessage,
  chatMessageSchema,
  type ToolCall,
  type ToolDefinition,
  toolCallSchema,
  toolDefinitionSchema,
} from './chat.js'
export { type ExplainedIssue, explainIssue } from './config/explain-issue.js'
export { camelKeys } from './config/normalise.js'
export { type ParseConfigOptions, parseConfig } from './config/parse.js'
export {
  adapterDefaults,
  adapterSchema,
  architectureSchema,
  dataFormats,
  dataSchema,
  type Learn,
  learnSchema,
  loraPlusDefault,
  presets,
  scenarioToolSchema,
  type TrainingConfig,
  type TrainingConfigInput,
  tooLongPolicies,
  trainingConfigSchema,
  trainingSchema,
} from './config/schema.js'
export { type ErrorAction, type ErrorLocation, messageOf, QtError, type QtErrorOptions, usageError } from './errors.js'
export { type EndEvent, parseEvent, type RunEvent, runEventSchema, type StepEvent, type ValidationEvent } from './events.js'
export {
  type ChatExample,
  chatExampleSchema,
  type InstructionExample,
  ignoreLabel,
  instructionExampleSchema,
  type PackedRow,
  type PreferenceExample,
  preferenceExampleSchema,
  type TextExample,
  type TokenExample,
  textExampleSchema,
  tokenExampleSchema,
} from './examples.js'
export type {
  CallableTool,
  CollectedStatistics,
  CollectOptions,
  Constraint,
  Continuation,
  Divergence,
  Embedder,
  Execution,
  ExecutionLimits,
  Executor,
  GeneratedToken,
  GenerateOptions,
  Generation,
  LanguageModel,
  ModelEngine,
  Program,
  ProgramLanguage,
  Prompt,
  QuantMethod,
  RowSource,
  Scoring,
  Solver,
  Statistics,
  Tokenizer,
  TokenProbability,
  Tool,
  Trainer,
  TrainResult,
} from './interfaces.js'
export { logSumExp } from './log-sum-exp.js'
export {
  blockTensor,
  type ModelSpec,
  modelSpecSchema,
  type Projection,
  projectionShape,
  projections,
  specForLength,
} from './model-spec.js'
export { type NativeHost, nativePlatform } from './native-platform.js'
export { editDistance, nearest } from './nearest.js'
export { type Purpose, permutation, philox, uniform } from './philox.js'
export { type Run, type RunContext, startRun } from './run.js'
export { shellWord } from './shell-word.js'
export {
  type Nf4Scales,
  rowBytes,
  type TensorInfo,
  type TensorType,
  tensorTypeNames,
  tensorTypeOf,
  tensorTypes,
} from './tensor.js'
