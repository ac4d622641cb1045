import { type Context, type Served, sendJson, servedModel } from './context.js'

const entry = ({ id, created, model }: Served) => ({
  id,
  object: 'model',
  created,
  owned_by: 'local',
  ...(model.contextLength === undefined ? {} : { context_length: model.contextLength }),
})

/** GET /v1/models */
export const listModels = (context: Context): void =>
  sendJson(context.response, 200, { object: 'list', data: [...context.models.values()].map(entry) })

/** GET /v1/models/ID */
export const showModel = (context: Context, id: string): void => sendJson(context.response, 200, entry(servedModel(context, id)))
