import { QtError } from '@qt/core'
import type { NotFinite } from './not-finite.js'

export const diverged = (step: number, { cause, actions }: NotFinite, checkpoint: string | undefined): QtError =>
  new QtError({
    code: 'TRAINING_DIVERGED',
    message: `Training stopped at step ${step}: ${cause}.${checkpoint ? ` The state before it is in ${checkpoint}.` : ''}`,
    actions,
  })

export const paused = (step: number, output: string): QtError =>
  new QtError({
    code: 'RUN_PAUSED',
    kind: 'interrupted',
    message: `The run was paused after step ${step}; everything is saved.`,
    where: { file: output },
    actions: ['Go on with: --resume'],
  })

export const trialStopped = (step: number): QtError =>
  new QtError({ code: 'RUN_PAUSED', kind: 'interrupted', message: `The trial was stopped after step ${step}.` })

export const changedSince = (step: number, path: string, changed: readonly string[]): QtError =>
  new QtError({
    code: 'RESUME_CHANGED',
    kind: 'usage',
    message: `The configuration or the data has changed since the checkpoint of step ${step} was made.`,
    where: { file: path },
    actions: [
      ...changed.map((setting) => `Look at this: ${setting}`),
      'Resume with the configuration and data of the run (config.yaml in its folder).',
      'Or choose another "output" and start anew.',
    ],
  })
