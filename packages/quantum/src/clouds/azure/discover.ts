import { usageError } from '@qt/core'
import { answerOf, cloudRequest, type RequestOptions } from '../request.js'
import { type AzureWorkspace, endpointOf } from './place.js'
import { nextPage, pageOf, workspaceSchema } from './schemas.js'
import { type AzureAccess, managementScope } from './sign-in.js'

export interface DiscoverOptions extends RequestOptions {
  readonly access: AzureAccess
  readonly subscription: string
  /** https://management.azure.com unless given. */
  readonly resourceManager?: string | undefined
}

/** The workspaces of a subscription, asked of Azure's resource manager. Needs a token: keys of workspaces do not open it. */
export async function discoverWorkspaces(options: DiscoverOptions): Promise<AzureWorkspace[]> {
  const { access, subscription, resourceManager = 'https://management.azure.com' } = options
  const path = `/subscriptions/${encodeURIComponent(subscription)}/providers/Microsoft.Quantum/workspaces`
  const page = pageOf(workspaceSchema)
  const found: AzureWorkspace[] = []
  for (let url: string | undefined = `${resourceManager}${path}?api-version=2025-12-15-preview`; url !== undefined; ) {
    const headers = await access.headers(managementScope, options)
    const answer = await cloudRequest({ service: 'Azure Resource Manager', method: 'GET', url, headers }, options)
    const { value, nextLink } = answerOf(answer, page, 'the list of workspaces')
    for (const { id, name, location, properties } of value) {
      const resourceGroup = /\/resourceGroups\/([^/]+)\//i.exec(id)?.[1]
      if (resourceGroup === undefined) continue
      found.push({ subscription, resourceGroup, name, endpoint: properties?.endpointUri || endpointOf(location) })
    }
    url = nextLink ? nextPage(nextLink, resourceManager) : undefined
  }
  return found
}

/** The one workspace of a name. */
export async function findWorkspace(name: string, options: DiscoverOptions): Promise<AzureWorkspace> {
  const all = await discoverWorkspaces(options)
  const found = all.find((one) => one.name.toLowerCase() === name.toLowerCase())
  if (found) return found
  throw usageError('CLOUD_NOT_FOUND', `The subscription has no workspace "${name}".`, {
    actions: [all.length === 0 ? 'Make one in the portal of Azure.' : `It has ${all.map((one) => one.name).join(', ')}.`],
  })
}
