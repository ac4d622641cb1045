export { type Divergence, type DivergenceOptions, divergence } from './divergence.js'
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.js'
