import { QtError } from '@qt/core'

/**
 * Files with types as files without: main.ts becomes main.js, and a package.json says that they are modules. Types are removed,
 * not checked; a mistake in the syntax stays in the JavaScript and is found when it runs.
 */
export async function plainJavaScript(files: ReadonlyMap<string, Uint8Array>): Promise<Map<string, Uint8Array>> {
  const typescript = await compiler()
  const scripts = new Map<string, Uint8Array>([['package.json', Buffer.from('{"type":"module"}')]])
  for (const [name, bytes] of files) {
    if (!/\.[mc]?ts$/.test(name)) {
      scripts.set(name, bytes)
      continue
    }
    const { outputText } = typescript.transpileModule(Buffer.from(bytes).toString('utf8'), {
      fileName: name,
      compilerOptions: {
        target: typescript.ScriptTarget.ES2023,
        module: typescript.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
      },
    })
    scripts.set(name.replace(/ts$/, 'js'), Buffer.from(outputText))
  }
  return scripts
}

async function compiler() {
  try {
    return (await import('typescript')).default
  } catch (cause) {
    throw new QtError({
      code: 'PACKAGE_MISSING',
      message: 'Running TypeScript needs the package typescript, which is not installed.',
      actions: [{ label: 'Install it.', command: 'npm install typescript' }],
      cause,
    })
  }
}
