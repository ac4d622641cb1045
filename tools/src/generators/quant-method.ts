import { usageError } from '@qt/core'
import { type MethodFiles, methodFiles } from './quant-method-files.js'

/** The part of Nx's file tree that is needed here. */
export interface Tree {
  exists(path: string): boolean
  write(path: string, content: string): void
}

export interface QuantMethodOptions {
  readonly name: string
  readonly kind?: MethodFiles['kind']
  readonly directory?: string
}

/** Writes a package with a quantisation method that passes the conformance tests, to be changed into what it is to be. */
export function quantMethod(tree: Tree, { name, kind = 'encoder', directory }: QuantMethodOptions): void {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name))
    throw usageError('QUANT_METHOD_INVALID', `"${name}" is no name for a method.`, {
      where: { field: 'name' },
      actions: ['Use letters, digits and underscores, such as Q4_FIT.'],
    })
  const slug = name.toLowerCase().replaceAll('_', '-')
  const folder = directory ?? `packages/quant-${slug}`
  if (tree.exists(`${folder}/package.json`))
    throw usageError('QUANT_METHOD_INVALID', `There is a package in ${folder} already.`, {
      where: { file: folder },
      actions: ['Choose another name, or another --directory.'],
    })
  const upwards = '../'.repeat(folder.split('/').filter((part) => part !== '' && part !== '.').length)
  for (const [path, content] of Object.entries(methodFiles({ name: name.toUpperCase(), slug, kind, upwards })))
    tree.write(`${folder}/${path}`, content)
}
