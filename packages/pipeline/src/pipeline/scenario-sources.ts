import { resolve } from 'node:path'
import { QtError, usageError } from '@qt/core'
import { type Finding, realPaths, scenarioFiles, toFinding } from '@qt/data'
import type { PipelineSettings } from './load-config.js'

export interface ScenarioSources {
  readonly train: readonly string[]
  readonly heldOut: readonly string[]
}

type Settings = Pick<PipelineSettings, 'folder' | 'file' | 'heldOutIsGiven'> & {
  readonly data: Pick<PipelineSettings['data'], 'scenarios' | 'heldOut'>
}

/** The scenario files of a pipeline, none of them in both parts; what is wrong around them goes to `onFinding`. */
export async function scenarioSources(settings: Settings, onFinding: (finding: Finding) => void): Promise<ScenarioSources> {
  const { folder, data } = settings
  const heldOut = data.heldOut === null ? [] : await heldOutFiles(settings, data.heldOut, onFinding)
  const train = await scenarioFiles(resolve(folder, data.scenarios), { onFinding, avoid: await realPaths(heldOut) })
  return { train, heldOut }
}

async function heldOutFiles(
  { folder, file, heldOutIsGiven }: Settings,
  path: string,
  onFinding: (finding: Finding) => void,
): Promise<string[]> {
  try {
    return await scenarioFiles(resolve(folder, path), { onFinding })
  } catch (error) {
    if (!QtError.isInstance(error) || error.code !== 'DATA_NOT_FOUND') throw error
    if (heldOutIsGiven)
      throw usageError('DATA_NOT_FOUND', error.message, {
        where: { ...error.where, field: 'data.heldOut' },
        actions: ['Put scenarios there that are not trained on, or correct the path.', 'Or measure nothing: data.heldOut: null.'],
        cause: error,
      })
    onFinding(
      toFinding(
        {
          code: 'nothing-held-out',
          severity: 'warning',
          line: 1,
          message: `There are no scenarios in ${path}: nothing will be measured.`,
          fix: 'Put some there that are not trained on, or write data.heldOut: null.',
        },
        file,
      ),
    )
    return []
  }
}
