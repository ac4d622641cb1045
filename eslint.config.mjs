// ESLint runs one rule: the arrows between packages (docs/decisions/0002). Everything else is Biome's.
import nx from '@nx/eslint-plugin'
import tseslint from 'typescript-eslint'

const only = (sourceTag, ...tags) => ({ sourceTag, onlyDependOnLibsWithTags: tags })

export default [
  { ignores: ['**/dist/**', '**/build/**', '**/fixtures/**', '**/tsup.config.ts'] },
  {
    files: ['packages/*/src/**/*.ts', 'examples/**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          banTransitiveDependencies: true,
          checkDynamicDependenciesExceptions: ['.*'],
          depConstraints: [
            only('layer:core', 'layer:core'),
            only('name:weights', 'layer:core'),
            only('name:tokenizer', 'layer:core', 'name:weights'),
            only('name:data', 'layer:core', 'name:weights', 'name:tokenizer'),
            only('name:embed', 'layer:core', 'name:weights', 'name:tokenizer'),
            only('name:base-model', 'layer:core'),
            // Packages of one layer share an interface of core, never each other.
            only('layer:engine', 'layer:core', 'layer:files'),
            only('layer:flow', 'layer:core', 'layer:files', 'layer:engine'),
            only('layer:app', 'layer:core', 'layer:files', 'layer:engine', 'layer:flow'),
          ],
        },
      ],
    },
  },
]
