import { type CredentialOptions, type Credentials, missingCredentials, readCredentials } from '../credentials.js'
import type { RequestOptions } from '../request.js'
import { findWorkspace } from './discover.js'
import { endpointOf, parseConnectionString } from './place.js'
import { type AzureAccess, apiKeyAccess, clientCredentialAccess, type DeviceCode, deviceCodeAccess } from './sign-in.js'
import { type AzureQuantum, azureQuantum } from './workspace.js'

export interface AzureFromEnvironmentOptions extends RequestOptions, CredentialOptions {
  /** Shows the code to a person when there is neither a key nor a client secret. */
  readonly onCode?: ((code: DeviceCode) => void) | undefined
  readonly authority?: string | undefined
  readonly resourceManager?: string | undefined
}

/**
 * The workspace that the environment (or a file) names: AZURE_QUANTUM_CONNECTION_STRING; or AZURE_QUANTUM_SUBSCRIPTION_ID and
 * AZURE_QUANTUM_WORKSPACE_NAME with AZURE_TENANT_ID, AZURE_CLIENT_ID and, for programs, AZURE_CLIENT_SECRET. Without
 * AZURE_QUANTUM_WORKSPACE_RG and AZURE_QUANTUM_WORKSPACE_LOCATION the workspace is looked up.
 */
export async function azureFromEnvironment(options: AzureFromEnvironmentOptions = {}): Promise<AzureQuantum> {
  const credentials = await readCredentials(options)
  const connection = credentials.secret('AZURE_QUANTUM_CONNECTION_STRING')
  if (connection) {
    const { workspace, apiKey } = parseConnectionString(connection)
    return azureQuantum({ ...options, workspace, access: apiKeyAccess(apiKey) })
  }
  const subscription = credentials.text('AZURE_QUANTUM_SUBSCRIPTION_ID')
  const name = credentials.text('AZURE_QUANTUM_WORKSPACE_NAME')
  const access = entraAccess(credentials, options)
  if (subscription === undefined || name === undefined || access === undefined)
    throw missingCredentials(
      'Azure Quantum',
      'AZURE_QUANTUM_CONNECTION_STRING; or AZURE_QUANTUM_SUBSCRIPTION_ID, AZURE_QUANTUM_WORKSPACE_NAME, AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET',
    )
  const resourceGroup = credentials.text('AZURE_QUANTUM_WORKSPACE_RG')
  const location = credentials.text('AZURE_QUANTUM_WORKSPACE_LOCATION')
  const workspace =
    resourceGroup && location
      ? { subscription, resourceGroup, name, endpoint: endpointOf(location) }
      : await findWorkspace(name, { ...options, access, subscription })
  return azureQuantum({ ...options, workspace, access })
}

function entraAccess(credentials: Credentials, { onCode, authority }: AzureFromEnvironmentOptions): AzureAccess | undefined {
  const tenant = credentials.text('AZURE_TENANT_ID')
  const clientId = credentials.text('AZURE_CLIENT_ID')
  const clientSecret = credentials.secret('AZURE_CLIENT_SECRET')
  if (tenant === undefined || clientId === undefined) return undefined
  if (clientSecret) return clientCredentialAccess({ tenant, clientId, clientSecret, authority })
  return onCode && deviceCodeAccess({ tenant, clientId, onCode, authority })
}
