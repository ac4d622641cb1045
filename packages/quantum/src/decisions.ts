export {
  type BitsOptions,
  type BitsProblem,
  bitsProblem,
  logitSketch,
  meanDivergence,
  pairwisePlanner,
  sketcher,
} from './decisions/bits.js'
export {
  type ChoiceGroup,
  type ChoiceOption,
  type ChoicePair,
  type ChoiceProblem,
  objectiveOf,
  weightOf,
} from './decisions/choice-problem.js'
export { type DecideOptions, type Decision, decide, type Method, methods, type Outcome } from './decisions/decide.js'
export {
  type DropHeadsOptions,
  type DroppedHeads,
  dropHeads,
  dropHeadsProblem,
  type HeadSketches,
  keptHeads,
} from './decisions/drop-heads.js'
export {
  type DropLayersOptions,
  type DroppedLayers,
  dropLayers,
  dropLayersProblem,
  type LayerCosts,
} from './decisions/drop-layers.js'
export { type MeasureBitsOptions, measureBits } from './decisions/measure-bits.js'
export {
  type AdapterPlacement,
  type AdapterSite,
  type Overlap,
  type PlaceOptions,
  placeAdapters,
  placementProblem,
  placementRanks,
} from './decisions/place-adapters.js'
export {
  type Job,
  type Machine,
  type Schedule,
  type ScheduledJob,
  scheduleJobs,
  scheduleProblem,
} from './decisions/schedule-jobs.js'
export {
  type Candidate,
  type Selection,
  type SelectOptions,
  selectExamples,
  selectionProblem,
} from './decisions/select-examples.js'
export {
  type ExampleGroup,
  freezingProblem,
  type ModuleRank,
  rankProblem,
  samplingProblem,
  samplingWeights,
  type TrainedModule,
} from './decisions/stage-problem.js'
export { textFeatures } from './decisions/text-features.js'
export {
  type StagedResult,
  type StagedTrainer,
  type StageReport,
  type StageSettings,
  type StagesOptions,
  trainInStages,
} from './decisions/train-in-stages.js'
export { bitsPerWord, wordsOf } from './decisions/word-model.js'
