import { type CredentialOptions, missingCredentials, readCredentials } from '../credentials.js'
import type { RequestOptions } from '../request.js'
import { type DWave, dwave, regionEndpoint } from './client.js'

/** D-Wave by the environment (or a file): DWAVE_API_TOKEN, and DWAVE_API_ENDPOINT or DWAVE_API_REGION (na-west-1 unless given). */
export async function dwaveFromEnvironment(options: RequestOptions & CredentialOptions = {}): Promise<DWave> {
  const credentials = await readCredentials(options)
  const token = credentials.secret('DWAVE_API_TOKEN')
  if (token === undefined) throw missingCredentials('D-Wave', 'DWAVE_API_TOKEN')
  const endpoint = credentials.text('DWAVE_API_ENDPOINT') ?? regionEndpoint(credentials.text('DWAVE_API_REGION') ?? 'na-west-1')
  return dwave({ ...options, endpoint, token })
}
