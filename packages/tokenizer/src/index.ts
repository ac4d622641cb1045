export type { FromJsonOptions } from './from-json.js'
export { Tokenizer } from './tokenizer.js'
export type { TokenizerJson } from './train/tokenizer-json.js'
export { type TrainBpeOptions, type TrainBpeProgress, trainBpe } from './train/train-bpe.js'
