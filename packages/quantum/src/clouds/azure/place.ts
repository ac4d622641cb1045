import { usageError } from '@qt/core'
import { Secret } from '../secret.js'

/** Where a workspace of Azure Quantum is. */
export interface AzureWorkspace {
  readonly subscription: string
  readonly resourceGroup: string
  readonly name: string
  /** `https://eastus.quantum.azure.com`, or what discovery says. */
  readonly endpoint: string
}

/** The usual endpoint of a region: "East US" and `eastus` are the same. */
export const endpointOf = (location: string): string => `https://${location.toLowerCase().replaceAll(' ', '')}.quantum.azure.com`

/** The address that every request to a workspace begins with. */
export const baseOf = ({ subscription, resourceGroup, name, endpoint }: AzureWorkspace): string =>
  `${endpoint.replace(/\/+$/, '')}/subscriptions/${encodeURIComponent(subscription)}/resourceGroups/${encodeURIComponent(resourceGroup)}` +
  `/providers/Microsoft.Quantum/workspaces/${encodeURIComponent(name)}`

const fields = ['SubscriptionId', 'ResourceGroupName', 'WorkspaceName', 'ApiKey', 'QuantumEndpoint'] as const

/** Reads `SubscriptionId=…;ResourceGroupName=…;WorkspaceName=…;ApiKey=…;QuantumEndpoint=…;` as the portal shows it. */
export function parseConnectionString(text: Secret): { workspace: AzureWorkspace; apiKey: Secret } {
  const found = new Map<string, string>()
  for (const part of text.reveal().split(';')) {
    const at = part.indexOf('=')
    if (at > 0) found.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim())
  }
  const field = (name: (typeof fields)[number]) => {
    const value = found.get(name.toLowerCase())
    if (value) return value
    throw usageError('CLOUD_CREDENTIALS', `The connection string lacks ${name}.`, {
      where: { field: name },
      actions: [`Copy it whole from the portal: ${fields.map((one) => `${one}=…`).join(';')};`],
    })
  }
  return {
    workspace: {
      subscription: field('SubscriptionId'),
      resourceGroup: field('ResourceGroupName'),
      name: field('WorkspaceName'),
      endpoint: field('QuantumEndpoint'),
    },
    apiKey: new Secret(field('ApiKey')),
  }
}
