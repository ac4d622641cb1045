import type { Architecture } from '../architectures/architecture.js'
import { badSetting } from './refuse.js'

export type Config = Readonly<Record<string, unknown>>

/** Settings of a config.json with what transformers assumes for those it leaves out, checked as they are read. */
export interface ConfigReader {
  readonly file: string
  value(key: string): unknown
  positive(key: string, fallback?: number): number
  count(key: string, fallback?: number): number
  /** A positive number, or null where the config has null or nothing. */
  optional(key: string): number | null
}

export function configReader(config: Config, { huggingFace }: Architecture, file: string): ConfigReader {
  // null is a value of its own: "no window".
  const value = (key: string): unknown => (key in config ? config[key] : huggingFace.defaults[key])
  const positive = (key: string, fallback?: number): number => {
    const found = config[key] ?? huggingFace.defaults[key] ?? fallback
    if (typeof found !== 'number' || !(found > 0) || !Number.isFinite(found))
      throw badSetting(file, key, found === undefined ? 'is missing' : 'is not a positive number')
    return found
  }
  return {
    file,
    value,
    positive,
    count: (key, fallback) => {
      const found = positive(key, fallback)
      if (!Number.isSafeInteger(found)) throw badSetting(file, key, 'is not a whole number')
      return found
    },
    optional: (key) => {
      const found = value(key)
      if (found === undefined || found === null) return null
      if (typeof found !== 'number' || !(found > 0)) throw badSetting(file, key, 'is not a positive number')
      return found
    },
  }
}
