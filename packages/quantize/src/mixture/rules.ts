import { type TensorType, tensorTypes } from '@qt/core'
import type { Category } from './category.js'
import type { ModelFacts } from './facts.js'
import type { FileType } from './file-types.js'

/** One tensor, as the rules see it. */
export interface Ruled {
  readonly fileType: FileType
  /** What it would get without a rule. */
  readonly base: TensorType
  readonly category: Category
  readonly columns: number
  /** More than one matrix, as experts are stored. */
  readonly stacked: boolean
  /** How many tensors of its kind came before it, and how many there are; for models of experts the layer. */
  readonly index: number
  readonly count: number
  readonly model: ModelFacts
  readonly importance: boolean
}

const among = (fileType: FileType, ...types: readonly FileType[]): boolean => types.includes(fileType)

/** The first and last eighth, and every third between them (llama.cpp's use_more_bits). */
const moreBits = (i: number, n: number): boolean => {
  const eighth = Math.trunc(n / 8)
  return i < eighth || i >= Math.trunc((7 * n) / 8) || (i - eighth) % 3 === 2
}
const firstEighth = ({ index, count }: Ruled): boolean => index < Math.trunc(count / 8)

export function outputType({ fileType, base, columns, model }: Ruled): TensorType {
  if (fileType === 'MXFP4_MOE' || model.architecture === 'falcon' || columns % tensorTypes[base].blockSize !== 0) return 'Q8_0'
  if (among(fileType, 'IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ2_S', 'IQ2_M', 'IQ1_M')) return 'Q5_K'
  return base === 'Q8_0' ? base : 'Q6_K'
}

export function embeddingType({ fileType, base }: Ruled): TensorType {
  if (among(fileType, 'IQ2_XXS', 'IQ2_XS', 'IQ1_S', 'IQ1_M')) return 'Q2_K'
  if (among(fileType, 'IQ2_S', 'IQ2_M', 'IQ3_XXS')) return 'IQ3_S'
  return among(fileType, 'TQ1_0', 'TQ2_0', 'Q2_0') ? 'Q4_K' : base
}

export const isLowest = (fileType: FileType): boolean => among(fileType, 'IQ2_XXS', 'IQ2_XS', 'IQ1_S', 'IQ2_S', 'IQ2_M', 'IQ1_M')

/** File types of about two bits and less have rules of their own. */
export function lowestType(ruled: Ruled, values: boolean): TensorType {
  const { fileType, base, category, model } = ruled
  const better = among(fileType, 'IQ2_S', 'IQ2_M') ? 'IQ3_S' : 'Q2_K'
  if (values) return model.grouped >= 4 || model.experts >= 4 ? 'Q4_K' : better
  if (category === 'attention-k' && model.experts === 8) return 'Q4_K'
  if (category === 'ffn-down') return firstEighth(ruled) ? better : base
  if (category !== 'attention-output') return base
  if (model.experts === 8) return 'Q5_K'
  if (among(fileType, 'IQ1_S', 'IQ1_M')) return 'IQ2_XXS'
  return better === 'IQ3_S' ? 'IQ3_S' : base
}

export function valuesType(ruled: Ruled): TensorType {
  const { model } = ruled
  // With eight experts attention is small beside them.
  if (model.experts === 8) return 'Q8_0'
  const type = valuesByFileType(ruled)
  return model.is70B && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type
}

function valuesByFileType({ fileType, base, index, count, model, importance }: Ruled): TensorType {
  const grouped = model.grouped >= 4
  switch (fileType) {
    case 'Q2_K':
      return grouped ? 'Q4_K' : 'Q3_K'
    case 'Q2_K_S':
    case 'IQ3_XS':
    case 'IQ3_S':
      return grouped ? 'Q4_K' : base
    case 'IQ3_XXS':
      return grouped ? 'Q4_K' : importance ? 'IQ3_XXS' : 'IQ3_S'
    case 'IQ3_M':
      return 'Q4_K'
    case 'Q3_K_M':
      return index < 2 ? 'Q5_K' : 'Q4_K'
    case 'Q3_K_L':
      return 'Q5_K'
    case 'IQ4_NL':
    case 'IQ4_XS':
      return grouped ? 'Q5_K' : base
    case 'Q4_K_M':
    case 'Q5_K_M':
      return moreBits(index, count) ? 'Q6_K' : base
    case 'Q4_K_S':
      return index < 4 ? 'Q5_K' : base
    default:
      return base
  }
}

export function keysOrQueriesType({ fileType, base, category, model }: Ruled): TensorType {
  if (category === 'attention-k' && model.experts === 8) return 'Q8_0'
  if (fileType === 'IQ3_XS') return 'IQ3_XXS'
  return fileType === 'IQ3_XXS' ? 'IQ2_S' : base
}

export function downType(ruled: Ruled): TensorType {
  const { fileType, base, index, count, model, importance } = ruled
  const falcon = model.architecture === 'falcon'
  const first = firstEighth(ruled)
  const firstSixteenth = index < Math.trunc(count / 16)
  const more = moreBits(index, count)
  switch (fileType) {
    case 'Q2_K':
      return 'Q3_K'
    case 'Q2_K_S':
      return first ? 'Q4_K' : base
    case 'IQ3_XXS':
      return importance ? base : first ? 'Q4_K' : 'Q3_K'
    case 'Q3_K_M':
      return firstSixteenth ? 'Q5_K' : !falcon || more ? 'Q4_K' : 'Q3_K'
    case 'IQ3_M':
      return first || (model.experts === 8 && more) ? 'Q4_K' : base
    case 'Q3_K_L':
      return falcon ? 'Q4_K' : 'Q5_K'
    case 'Q4_K_M':
      if (falcon) return firstSixteenth ? 'Q6_K' : more ? 'Q5_K' : 'Q4_K'
      return more ? 'Q6_K' : base
    case 'IQ4_NL':
    case 'IQ4_XS':
      return first && !importance ? 'Q5_K' : base
    case 'Q5_K_M':
      return more ? 'Q6_K' : base
    case 'Q4_K_S':
      return !falcon && first ? 'Q5_K' : base
    // Weighted searches without an offset can fail in the first layers.
    case 'Q4_0':
      return importance && first ? 'Q4_1' : base
    case 'Q5_0':
      return importance && first ? 'Q5_1' : base
    default:
      return base
  }
}

const fiveBitsWithExperts: readonly FileType[] = [
  'Q2_K',
  'IQ3_XS',
  'IQ3_XXS',
  'Q3_K_S',
  'Q3_K_M',
  'IQ4_NL',
  'Q4_K_S',
  'Q4_K_M',
  'IQ3_S',
  'IQ3_M',
  'IQ4_XS',
]

const attentionOutput: Partial<Record<FileType, TensorType>> = {
  Q2_K: 'Q3_K',
  IQ3_XXS: 'IQ3_S',
  Q3_K_M: 'Q4_K',
  Q3_K_L: 'Q5_K',
  IQ3_M: 'Q4_K',
}

export function attentionOutputType({ fileType, base, model }: Ruled): TensorType {
  if (model.architecture === 'falcon') return fileType === 'Q3_K_L' ? 'Q4_K' : base
  if (model.experts === 8) return fiveBitsWithExperts.includes(fileType) ? 'Q5_K' : base
  return attentionOutput[fileType] ?? base
}

export function gateOrUpType({ fileType, base, index, count }: Ruled): TensorType {
  const between = index >= Math.trunc(count / 8) && index < Math.trunc((7 * count) / 8)
  return fileType === 'IQ3_XS' && between ? 'IQ3_XXS' : base
}
