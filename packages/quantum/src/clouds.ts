export { type DiscoverOptions, discoverWorkspaces, findWorkspace } from './clouds/azure/discover.js'
export { type AzureFromEnvironmentOptions, azureFromEnvironment } from './clouds/azure/from-environment.js'
export { type AzureWorkspace, endpointOf, parseConnectionString } from './clouds/azure/place.js'
export { type AzureCounts, circuitFormats, countsOf } from './clouds/azure/results.js'
export {
  type AzureAccess,
  apiKeyAccess,
  clientCredentialAccess,
  type DeviceCode,
  deviceCodeAccess,
} from './clouds/azure/sign-in.js'
export {
  type AzureJob,
  type AzureJobInput,
  type AzureOptions,
  type AzureProvider,
  type AzureQuantum,
  type AzureQuota,
  type AzureSession,
  azureQuantum,
} from './clouds/azure/workspace.js'
export { type CredentialOptions, type Credentials, readCredentials } from './clouds/credentials.js'
export {
  type DWave,
  type DWaveOptions,
  type DWaveProblem,
  type DWaveSolver,
  type DWaveSubmission,
  dwave,
  regionEndpoint,
} from './clouds/dwave/client.js'
export { dwaveFromEnvironment } from './clouds/dwave/from-environment.js'
export { decodeQp, type EncodedProblem, encodeQp, type QubitProblem, type QubitSamples } from './clouds/dwave/qp.js'
export {
  collectSamples,
  type DWaveTicket,
  type HybridOptions,
  type QpuOptions,
  type SampleOptions,
  type SampleResult,
  sampleHybrid,
  sampleQpu,
  submitHybrid,
  submitQpu,
} from './clouds/dwave/sample.js'
export type { Sample } from './clouds/dwave/sample-set.js'
export type { WaitOptions } from './clouds/poll.js'
export type { RequestOptions } from './clouds/request.js'
export { Secret } from './clouds/secret.js'
