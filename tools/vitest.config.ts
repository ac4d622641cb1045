import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const slow = ['**/*.integration.test.ts', '**/*.full.test.ts']
const exclude = [...configDefaults.exclude, '**/build/**']

const setupFiles = [fileURLToPath(new URL('src/seeded.ts', import.meta.url))]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles,
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/test/**/*.test.ts',
            'examples/*/src/**/*.test.ts',
            'tools/**/*.test.ts',
          ],
          exclude: [...exclude, ...slow],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          setupFiles,
          include: ['packages/*/{src,test}/**/*.integration.test.ts', 'tools/test/**/*.integration.test.ts'],
          exclude,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'full',
          setupFiles,
          include: ['packages/*/{src,test}/**/*.full.test.ts', 'tools/test/**/*.full.test.ts'],
          exclude,
          testTimeout: 1_800_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
