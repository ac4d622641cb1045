import { createRequire } from 'node:module'
import { hashOf } from './hashing.js'

/** Part of every key: raise it when a stage begins to make something else of the same inputs. */
const revision = 1

const { version }: { version: string } = createRequire(import.meta.url)('@qt/trainer-native/package.json')

/** What tells finished work of a stage from that of other inputs. */
export const stageKey = (name: string, inputs: unknown): string => hashOf([revision, name, inputs])

/** What tells unfinished work: another version of the engine does not go on with it, for the bytes would be of both. */
export const workKey = (name: string, inputs: unknown, engine: string = version): string =>
  hashOf([stageKey(name, inputs), engine])
