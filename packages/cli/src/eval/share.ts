import type { Share } from '@qt/eval'

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** `83.3 %  (50 of 60; 72.0 % – 90.7 %)` */
export const shareText = ({ share, low, high, count, of }: Share): string =>
  of === 0 ? 'none' : `${percent(share)}  (${count} of ${of}; ${percent(low)} – ${percent(high)})`

/** The share alone. */
export const bareShare = ({ share, of }: Share): string => (of === 0 ? 'none' : percent(share))
