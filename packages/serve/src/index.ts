export type { ServedInput } from './open-models.js'
export {
  type AnswerDefaults,
  defaultLimits,
  type Limits,
  type ServedRequest,
  type ServeOptions,
  type ToolForm,
} from './options.js'
export { type ModelServer, serve } from './serve.js'
