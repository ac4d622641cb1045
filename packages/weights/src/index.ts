export { type Adapter, type AdapterModule, adapterScale, type SavedModule, savedModules } from './adapter/adapter.js'
export { type ConvertAdapterOptions, type ConvertedAdapter, convertAdapter } from './adapter/convert-adapter.js'
export { readAdapter } from './adapter/read.js'
export { type ResizeAdapterOptions, resizeAdapter } from './adapter/resize-adapter.js'
export { writeAdapter } from './adapter/write.js'
export type { Architecture, TensorEntry } from './architectures/architecture.js'
export { architectureNamed, architectures } from './architectures/index.js'
export {
  type Codebook,
  gridIQ1,
  gridIQ2_S,
  gridIQ2_XS,
  gridIQ2_XXS,
  gridIQ3_S,
  gridIQ3_XXS,
} from './blocks/codebooks.js'
export { decodableTypes, decodeBlocks } from './blocks/decode.js'
export { encodeFloats, type FloatType, floatTypes } from './blocks/encode.js'
export { e2m1Values, halvedE4M3, halvedE8M0 } from './blocks/fp4.js'
export { iq4Values } from './blocks/iq4-values.js'
export { type ConvertOptions, convert } from './convert/convert.js'
export type { WriteProgress, WrittenModel } from './convert/write-model.js'
export { type ModelInMemory, writeModelFolder } from './convert/write-model-folder.js'
export type { GgufHeader } from './gguf/header.js'
export {
  type Metadata,
  type MetadataArray,
  type MetadataType,
  type MetadataValue,
  metadataBoolean,
  metadataNumber,
  metadataNumbers,
  metadataString,
  metadataStrings,
} from './gguf/metadata.js'
export { type OwnFormat, ownFormat, ownFormatKeys, ownFormatMetadata, storedRowBytes } from './gguf/own-format.js'
export { type Gguf, readGguf } from './gguf/read.js'
export { ggufParts, readWholeGguf } from './gguf/read-split.js'
export { type GgufContent, type GgufLayout, type GgufTensor, layoutGguf, type TensorPlace, writeGguf } from './gguf/write.js'
export { type ResolveOptions, type ResolveProgress, resolve } from './hub/resolve.js'
export { isDatasetReference, resolveDataset } from './hub/resolve-dataset.js'
export { inspect } from './inspect/inspect.js'
export type { InspectedTensor, Inspection } from './inspect/inspection.js'
export type { SourceInput } from './io/source.js'
export { type ReplaceOptions, replaceFile, type TensorData } from './io/write-file.js'
export { type ExtractAdapterOptions, type ExtractedAdapter, extractAdapter } from './merge/extract-adapter.js'
export { loadMergeRecipe } from './merge/load-recipe.js'
export { type MergeOptions, type MergeReport, merge } from './merge/merge.js'
export { type MergeModelsOptions, type MergeModelsReport, mergeModels } from './merge/merge-models.js'
export { type MergeMethod, type MergeRecipe, mergeMethods } from './merge/recipe.js'
export { symmetricEigen } from './merge/svd.js'
export type { ModelDescription } from './model/build-spec.js'
export type { Model } from './model/model.js'
export { modulePath, toGgufName, toHuggingFaceName } from './model/names.js'
export { openModel } from './model/open-model.js'
export { interleaveRows, separateRows } from './model/permute-rows.js'
export type { Config } from './model/read-config.js'
export { type RopeScaling, ropeFrequencies } from './model/rope.js'
export { specFromConfig } from './model/spec-from-config.js'
export { specFromGguf } from './model/spec-from-gguf.js'
export type { Dtype } from './safetensors/dtypes.js'
export type { SafetensorsEntry, SafetensorsHeader } from './safetensors/header.js'
export { readSafetensors, type Safetensors } from './safetensors/read.js'
export { type SafetensorsTensor, writeSafetensors } from './safetensors/write.js'
