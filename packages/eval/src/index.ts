export {
  type Divergence,
  type DivergenceOfRowsOptions,
  type DivergenceOptions,
  divergence,
  divergenceOfRows,
} from './divergence.js'
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.js'
export { type PerplexityOfChatsOptions, perplexityOfChats } from './perplexity-of-chats.js'
export { perplexityOfRows } from './perplexity-of-rows.js'
export { type BracketCall, type BracketTool, printCall } from './tool-calls/call.js'
export {
  type EvaluateToolCallsOptions,
  evaluateToolCalls,
  type ToolCallProgress,
  type ToolCallReport,
  type ToolCallResult,
} from './tool-calls/evaluate.js'
export { type HeldOutConversation, type ToolCallItem, toolCallItems } from './tool-calls/items.js'
export { type ParseToolCallsOptions, parseToolCalls } from './tool-calls/parse.js'
export { type CallPair, scoreToolCalls, type ToolCallScore, type Verdict, verdicts } from './tool-calls/score.js'
export { type Accuracy, type ConfusionRow, summariseToolCalls, type ToolCallSummary, type ToolRow } from './tool-calls/summary.js'
export { type Share, wilson } from './tool-calls/wilson.js'
