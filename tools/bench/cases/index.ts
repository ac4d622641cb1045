import type { MakeCase } from '../case.js'
import { startup } from './startup.js'
import { trainLora } from './train-lora.js'

/** Packages add their cases here. */
export const cases: Readonly<Record<string, MakeCase>> = { 'train-lora': trainLora, startup }
