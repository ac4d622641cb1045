import { drawConfig, type Settings } from './draw-config.js'
import { drawModel, hasTokenizer, type ModelChoice } from './draw-model.js'
import { drawRows, type RowsChoice } from './draw-rows.js'
import { type Comparison, drawGpuWays, drawWays } from './draw-ways.js'
import type { Draws } from './draws.js'

/** One random run, as one process on the processor has it, and how else it is carried out. All of it is plain data, so that a line of JSON repeats it. */
export interface Job {
  /** Left out: the configuration describes a new model. */
  readonly model?: ModelChoice
  readonly rows: RowsChoice
  readonly config: Settings
  readonly comparisons: readonly Comparison[]
}

/** An emulated GPU takes seconds for a few tokens, so that jobs for it are small. */
export function drawJob(draw: Draws, device?: 'cpu' | 'cuda'): Job {
  const onGpu = draw.chance(0.3) ? device !== 'cpu' : device === 'cuda'
  const model = draw.chance(0.9) ? drawModel(draw, onGpu) : undefined
  const config = drawConfig(draw, model, onGpu)
  const rows = drawRows(draw, config, { small: onGpu, texts: hasTokenizer(model) })
  return { ...(model && { model }), rows, config, comparisons: onGpu ? drawGpuWays(draw, config) : drawWays(draw, config) }
}
