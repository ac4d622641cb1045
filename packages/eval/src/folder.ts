import { fileURLToPath } from 'node:url'

/** Data that ships with the package; built files and sources lie equally deep. */
const folder = (name: string): string => fileURLToPath(new URL(`../${name}/`, import.meta.url))

export const tasksFolder = folder('tasks')
export const judgesFolder = folder('judges')
export const qualityFolder = folder('quality')
export const regressionsFolder = folder('regressions')
export const suitesFolder = folder('suites')
