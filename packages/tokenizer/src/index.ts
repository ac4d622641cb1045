export type { FromJsonOptions } from './from-json.js'
export { Tokenizer } from './tokenizer.js'
