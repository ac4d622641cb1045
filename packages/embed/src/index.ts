export { defaultModel, type OpenEmbedderOptions, openEmbedder, type SentenceEmbedder } from './open-embedder.js'
