import { usageError } from '@qt/core'

export interface AdapterConfig {
  readonly rank: number
  readonly alpha: number
  readonly dropout: number
  readonly rankStabilised: boolean
  readonly dora: boolean
  readonly targets: readonly string[]
  /** Names in modules_to_save. */
  readonly saved: readonly string[]
  readonly baseName: string | undefined
  /** The rank and alpha of a module by its Hugging Face path (`model.layers.0.self_attn.q_proj`). */
  rankOf(module: string): number
  alphaOf(module: string): number
}

/** Settings that change the arithmetic, and the values that mean "not used". */
const accepted: Readonly<Record<string, readonly unknown[]>> = {
  use_dora: [false, true],
  bias: ['none'],
  fan_in_fan_out: [false],
  use_qalora: [false],
  use_bdlora: [false],
  lora_bias: [false],
  layer_replication: [],
  alora_invocation_tokens: [],
  arrow_config: [],
  trainable_token_indices: [],
  target_parameters: [],
  kasa_config: [],
  monteclora_config: [],
  velora_config: [],
}

const unsupported = (file: string, field: string, value: unknown) =>
  usageError('ADAPTER_UNSUPPORTED', `This adapter has ${field} = ${JSON.stringify(value)}, which is not supported yet.`, {
    where: { file, field },
    actions: ['Merge it into its base with PEFT, or train it again as plain LoRA.'],
  })

const invalid = (file: string, field: string, what: string) =>
  usageError('ADAPTER_INVALID', `The setting ${field} ${what}.`, {
    where: { file, field },
    actions: ['Restore adapter_config.json as PEFT wrote it.'],
  })

/** Beginnings of an adapter that PEFT takes away from the base: what is in the file fits the changed base only. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/

/** Reads adapter_config.json: refuses by name what is not LoRA, rank-stabilised LoRA or DoRA. */
export function parseAdapterConfig(json: Readonly<Record<string, unknown>>, file: string): AdapterConfig {
  if (json.peft_type !== 'LORA') throw unsupported(file, 'peft_type', json.peft_type ?? null)
  for (const [field, values] of Object.entries(accepted)) {
    const value = json[field]
    const empty = value === undefined || value === null || (Array.isArray(value) && value.length === 0)
    if (!empty && !values.includes(value)) throw unsupported(file, field, value)
  }
  const begun = json.init_lora_weights
  if (typeof begun === 'string' && changesBase.test(begun.toLowerCase()))
    throw usageError(
      'ADAPTER_UNSUPPORTED',
      `This adapter began as ${begun}, which changes its base: it does not fit the base as it is.`,
      {
        where: { file, field: 'init_lora_weights' },
        actions: ['Save it for the unchanged base: save_pretrained(…, path_initial_model_for_weight_conversion=…) of PEFT.'],
      },
    )
  const rank = json.r
  if (!isRank(rank)) throw invalid(file, 'r', 'is not a whole number above 0')
  const alpha = json.lora_alpha
  if (!isNumber(alpha)) throw invalid(file, 'lora_alpha', 'is not a number')
  const dropout = json.lora_dropout ?? 0
  if (!isNumber(dropout) || dropout < 0 || dropout >= 1) throw invalid(file, 'lora_dropout', 'is not a number from 0 up to 1')
  const targetModules = json.target_modules ?? []
  const targets = typeof targetModules === 'string' ? [targetModules] : targetModules
  if (!isStrings(targets)) throw invalid(file, 'target_modules', 'is not a list of names')
  const saved = json.modules_to_save ?? []
  if (!isStrings(saved)) throw invalid(file, 'modules_to_save', 'is not a list of names')
  const ranks = pattern(json.rank_pattern, file, 'rank_pattern', isRank)
  const alphas = pattern(json.alpha_pattern, file, 'alpha_pattern', isNumber)
  return {
    rank,
    alpha,
    dropout,
    rankStabilised: json.use_rslora === true,
    dora: json.use_dora === true,
    targets,
    saved,
    baseName: typeof json.base_model_name_or_path === 'string' ? json.base_model_name_or_path : undefined,
    rankOf: (module) => ranks(module) ?? rank,
    alphaOf: (module) => alphas(module) ?? alpha,
  }
}

const isRank = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0
const isNumber = (value: unknown): value is number => Number.isFinite(value)
const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === 'string')

/** rank_pattern and alpha_pattern: the first key that matches a module's name, or the end of it after a dot, as PEFT has it. */
function pattern(
  value: unknown,
  file: string,
  field: string,
  is: (item: unknown) => item is number,
): (module: string) => number | undefined {
  if (typeof value !== 'object' || value === null) return () => undefined
  const rules = Object.entries(value).map(([key, item]: [string, unknown]) => {
    if (!is(item)) throw invalid(file, `${field}.${key}`, 'is not a number of the right kind')
    return { expression: expression(key, file, field), item }
  })
  return (module) => rules.find((rule) => rule.expression.test(module))?.item
}

function expression(key: string, file: string, field: string): RegExp {
  // Repeated groups are never needed here and can take for ever to match.
  if (key.length > 500 || /\)[*+?{]/.test(key) || (key.match(/[*+{]/g)?.length ?? 0) > 4)
    throw invalid(file, `${field}.${key.slice(0, 100)}`, 'is a more complicated pattern than can be followed')
  try {
    return new RegExp(`^(.*\\.)?(${key})$`)
  } catch {
    throw invalid(file, `${field}.${key}`, 'is not a pattern')
  }
}
