/** Keys of config.json whose numbers are floats to Python: transformers refuses some of them as whole numbers, and warns of others. */
const floats =
  /"(\w*_softcapping|rms_norm_eps|initializer_range|rope_theta|rope_local_base_freq|\w*factor|beta_(?:fast|slow))": -?\d+(?=,?$)/gm

/** config.json as Python writes it: 30.0 where JavaScript writes 30. */
export const configJson = (config: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify(config, null, 2).replace(floats, '$&.0')}\n`
