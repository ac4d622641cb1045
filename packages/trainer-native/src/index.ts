export { lora } from './lora.js'
export type { MemoryPlan } from './train/plan-memory.js'
export { type NativeTrainResult, planMemory, type TrainOptions, train } from './train/train.js'
