import { nativePlatform, QtError } from '@qt/core'

export const nativeMissing = (cause: Error, platform = nativePlatform()): QtError =>
  new QtError({
    code: 'QUANT_NATIVE_MISSING',
    message: `The native part of the quantiser for ${platform} is not installed.`,
    actions: [
      { label: 'Install the prebuilt package of this platform', command: `npm install @qt/quantize-${platform}` },
      { label: 'In the repository, build it (needs a C++20 compiler and CMake)', command: 'npm run build' },
    ],
    cause,
  })

/** Told once when the reference does the work instead. */
export const slowWarning = (platform = nativePlatform()): string =>
  `Quantising in TypeScript, many times slower, because the native part for ${platform} is not installed (npm install @qt/quantize-${platform}).`
