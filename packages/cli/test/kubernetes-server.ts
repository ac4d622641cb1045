import { createServer, type IncomingMessage } from 'node:http'

/** What kubectl asks for of each kind: group, version, plural. */
const kinds = {
  ConfigMap: ['', 'v1', 'configmaps'],
  Service: ['', 'v1', 'services'],
  Pod: ['', 'v1', 'pods'],
  NetworkPolicy: ['networking.k8s.io', 'v1', 'networkpolicies'],
  Job: ['batch', 'v1', 'jobs'],
  JobSet: ['jobset.x-k8s.io', 'v1alpha2', 'jobsets'],
} as const

interface Stored {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Readonly<Record<string, string>> }
  readonly [field: string]: unknown
}

interface Answer {
  readonly code: number
  readonly body: unknown
}

const groupVersions = [
  ...new Set(Object.values(kinds).map(([group, version]) => (group === '' ? version : `${group}/${version}`))),
]
const pathOf = (groupVersion: string) => (groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`)
const ofGroupVersion = (groupVersion: string) =>
  Object.entries(kinds).filter(([, [group, version]]) => (group === '' ? version : `${group}/${version}`) === groupVersion)

/** The API of a Kubernetes cluster that has objects and the logs of pods, but runs nothing: what real kubectl talks to here. */
export async function startKubernetes() {
  const objects = new Map<string, Stored>()
  const logs = new Map<string, string>()
  const keyOf = (namespace: string, plural: string, name: string) => `${namespace}/${plural}/${name}`

  function answer(method: string, url: URL, body: string): Answer | string {
    if (url.pathname === '/api') return ok({ kind: 'APIVersions', versions: ['v1'] })
    if (url.pathname === '/apis') return ok({ kind: 'APIGroupList', apiVersion: 'v1', groups: groups() })
    if (url.pathname === '/openapi/v3')
      return ok({
        paths: Object.fromEntries(groupVersions.map((one) => [pathOf(one), { serverRelativeURL: `/openapi/v3/${pathOf(one)}` }])),
      })
    const described = groupVersions.find((one) => url.pathname === `/openapi/v3/${pathOf(one)}`)
    if (described) return ok(openApi(described))
    const listed = groupVersions.find((one) => url.pathname === `/${pathOf(one)}`)
    if (listed) return ok(resources(listed))
    const match = /\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(\/log)?$/.exec(url.pathname)
    const [, namespace, plural, name, log] = match ?? []
    if (namespace === undefined || plural === undefined) return missing(url.pathname)
    if (method === 'POST') {
      const object: Stored = JSON.parse(body)
      objects.set(keyOf(namespace, plural, object.metadata.name), object)
      return { code: 201, body: object }
    }
    if (name === undefined) {
      const [key, value] = (url.searchParams.get('labelSelector') ?? '').split('=')
      const items = [...objects.entries()].filter(
        ([path, { metadata }]) => path.startsWith(`${namespace}/${plural}/`) && metadata.labels?.[key ?? ''] === value,
      )
      return ok({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: items.map(([, object]) => object) })
    }
    const found = objects.get(keyOf(namespace, plural, name))
    if (!found) return missing(`${plural} "${name}" not found`)
    if (log) return logs.get(name) ?? ''
    if (method === 'DELETE') {
      objects.delete(keyOf(namespace, plural, name))
      return ok({ kind: 'Status', apiVersion: 'v1', status: 'Success' })
    }
    return ok(found)
  }

  const server = createServer(async (request, response) => {
    const said = answer(request.method ?? 'GET', new URL(request.url ?? '/', 'http://server'), await textOf(request))
    if (typeof said === 'string') response.writeHead(200, { 'content-type': 'text/plain' }).end(said)
    else response.writeHead(said.code, { 'content-type': 'application/json' }).end(JSON.stringify(said.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The server has no port.')
  return {
    /** A kubeconfig of it. */
    config: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${address.port}` } }],
      users: [{ name: 'test', user: {} }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    }),
    get: (namespace: string, plural: string, name: string) => objects.get(keyOf(namespace, plural, name)),
    all: () => [...objects.keys()].sort(),
    /** What a controller of the cluster would write. */
    setStatus(namespace: string, plural: string, name: string, status: unknown) {
      const object = objects.get(keyOf(namespace, plural, name))
      if (object) objects.set(keyOf(namespace, plural, name), { ...object, status })
    },
    addPod(namespace: string, name: string, labels: Readonly<Record<string, string>>, log: string) {
      const spec = { containers: [{ name: 'train', image: 'image' }] }
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec, status: { phase: 'Running' } }
      objects.set(keyOf(namespace, 'pods', name), pod)
      logs.set(name, log)
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

const ok = (body: unknown): Answer => ({ code: 200, body })

const missing = (message: string): Answer => ({
  code: 404,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404, message },
})

const groups = () =>
  groupVersions
    .filter((one) => one.includes('/'))
    .map((groupVersion) => {
      const [name, version] = groupVersion.split('/')
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } }
    })

const resources = (groupVersion: string) => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: ofGroupVersion(groupVersion).map(([kind, [, , name]]) => ({
    name,
    singularName: kind.toLowerCase(),
    namespaced: true,
    kind,
    verbs: ['get', 'list', 'create', 'patch', 'delete'],
  })),
})

/** Says no more than that the server checks fields itself. */
const openApi = (groupVersion: string) => ({
  openapi: '3.0.0',
  info: { title: 'Kubernetes', version: '1' },
  paths: Object.fromEntries(
    ofGroupVersion(groupVersion).map(([kind, [group, version, plural]]) => [
      `/${pathOf(groupVersion)}/namespaces/{namespace}/${plural}/{name}`,
      {
        patch: {
          'x-kubernetes-group-version-kind': { group, version, kind },
          parameters: [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }],
          responses: {},
        },
      },
    ]),
  ),
})

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
