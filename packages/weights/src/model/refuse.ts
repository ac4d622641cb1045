import { usageError } from '@qt/core'

/** A setting of a model that nothing here implements, refused by name before anything is loaded. */
export const refuse = (file: string, field: string, value: unknown, why = 'is not supported yet') =>
  usageError('MODEL_UNSUPPORTED', `This model has ${field} = ${JSON.stringify(value)}, which ${why}.`, {
    where: { file, field },
    actions: ['Use a model without it.'],
  })

/** A setting that is missing or of the wrong kind. */
export const badSetting = (file: string, field: string, what: string) =>
  usageError('MODEL_INVALID', `The setting ${field} ${what}.`, {
    where: { file, field },
    actions: ['Download or export the model again.'],
  })
