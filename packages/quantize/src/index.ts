export type { QuantizedTensor, QuantizePlan } from './build-plan.js'
export { assertSound, type CheckFinding, type CheckOptions, type CheckReport, checkModel } from './check/check.js'
export { typeForRows } from './fallback.js'
export { hardware, type NativeHardware } from './hardware.js'
export { type CollectImportanceOptions, collectImportance, textRows } from './importance/collect.js'
export { readImportance, writeImportance } from './importance/files.js'
export {
  type Importance,
  type ImportanceEntry,
  importanceWeights,
  mergeImportance,
  requireSameWeights,
  selectImportance,
} from './importance/importance.js'
export { loadQuantMethod } from './load-method.js'
export { defineQuantMethod, type QuantFormat, type QuantMethodOptions } from './method.js'
export type { ModelFacts } from './mixture/facts.js'
export { type FileType, fileTypeNamed, fileTypeNames, fileTypes } from './mixture/file-types.js'
export { type MixtureOptions, mixture, type TensorTypeRule } from './mixture/mixture.js'
export { planQuantization } from './plan.js'
export type { PlanOptions } from './plan-options.js'
export { type DivergenceWeightsOptions, divergenceWeights } from './planner/divergence-weights.js'
export { planExactly } from './planner/exact.js'
export type { FrontierPoint } from './planner/frontier.js'
export { type PlanUnderOptions, planUnder, type SizePlan } from './planner/plan-under.js'
export type { Planner, PlanningProblem, TypeOption } from './planner/problem.js'
export { type PruneModelOptions, type PruneModelResult, pruneModel } from './pruning/prune-model.js'
export { type SilenceHeadOptions, silenceHead } from './pruning/silence-head.js'
export { type QuantizeOptions, type QuantizeResult, quantize } from './quantize.js'
export { quantizeTensor } from './quantize-tensor.js'
export { methodFor, quantMethods } from './registry.js'
export { qualityHtml } from './report/html.js'
export type { QualityReport } from './report/quality.js'
export { type TensorError, type TensorErrorsOptions, tensorErrors } from './report/tensor-errors.js'
export { needsImportance } from './requires-importance.js'
export { wasmKernel } from './wasm-kernel.js'
export type { WriteOptions } from './write-options.js'
