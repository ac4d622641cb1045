import { QtError } from '@qt/core'
import { type FileType, fileTypeNamed, fileTypeNames, needsImportance } from '@qt/quantize'
import { z } from 'zod'

const fileType = z.string().transform((name, { addIssue }): FileType => {
  const refuse = (message: string) => {
    addIssue({ code: 'custom', message })
    return z.NEVER
  }
  try {
    const type = fileTypeNamed(name)
    return needsImportance(type) ? refuse(`${type} needs an importance matrix: make it with qt quantize --imatrix`) : type
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    const there = fileTypeNames.filter((type) => !needsImportance(type))
    return refuse(`there is no file type ${name}; there are ${there.join(', ')}`)
  }
})

/** The file types to write besides F16, which is always made; each once. */
export const quantiseSchema = z
  .array(fileType)
  .min(1)
  .transform((types) => [...new Set(types)].filter((type) => type !== 'F16'))
  .default(['Q8_0'])
