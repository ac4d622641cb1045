export { baseModelPath } from './base-model-path.js'
export { corpus } from './corpus/texts.js'
export { recipe } from './recipe.js'
