import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { page } from './page.js'

interface Element {
  tagName: string
  dataset: { choice?: string }
  value: string
  textContent: string
  hidden: boolean
  scrollTop: number
  scrollHeight: number
  onclick?: () => unknown
  onsubmit?: (event: { preventDefault(): void }) => Promise<void>
  blur(): void
}

/** The script of the page on a page of its elements, with a server that keeps what is sent. */
function opened() {
  const body = { tagName: 'BODY', blur() {} }
  const document: { activeElement: object; onkeydown?: (event: { key: string; target: object }) => void } & Record<
    string,
    unknown
  > = { activeElement: body }
  const element = (tagName: string, choice?: string): Element => ({
    tagName,
    dataset: choice === undefined ? {} : { choice },
    value: 'Zoë',
    textContent: '',
    hidden: tagName === 'MAIN',
    scrollTop: 0,
    scrollHeight: 0,
    blur() {
      document.activeElement = body
    },
  })
  const elements = new Map<string, Element>()
  const get = (id: string) => {
    if (!elements.has(id)) elements.set(id, element(id === 'pair' ? 'MAIN' : 'P'))
    return elements.get(id)!
  }
  const buttons = ['left', 'right', 'equal'].map((choice) => element('BUTTON', choice))
  Object.assign(document, { getElementById: get, querySelectorAll: () => buttons })
  const kept: string[] = []
  const fetched = (_path: string, options?: { body: string }) => {
    if (options) kept.push(JSON.parse(options.body).choice)
    return Promise.resolve({ ok: true, json: async () => ({ index: kept.length, done: kept.length, total: 9 }) })
  }
  runInNewContext(page.slice(page.indexOf('<script>') + 8, page.indexOf('</script>')), {
    document,
    fetch: fetched,
    JSON,
    encodeURIComponent,
  })
  return {
    kept,
    async begin() {
      await get('who').onsubmit!({ preventDefault() {} })
    },
    async click(choice: string) {
      const button = buttons.find(({ dataset }) => dataset.choice === choice)!
      document.activeElement = button
      await button.onclick!()
      await settled()
    },
    /** As a browser does: a space presses the button that has the focus. */
    async press(key: string) {
      const target = document.activeElement
      document.onkeydown!({ key, target })
      const button = buttons.find((one) => one === target)
      if (key === ' ' && button) button.onclick!()
      await settled()
    },
    tab(choice: string) {
      document.activeElement = buttons.find(({ dataset }) => dataset.choice === choice)!
    },
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))

test('space is "equally good" and arrows are sides after a click as before it', async () => {
  const { begin, click, press, kept, tab } = opened()
  await press(' ')
  await begin()
  await press(' ')
  await click('left')
  await press(' ')
  await click('left')
  await press('ArrowRight')
  tab('right')
  await press(' ')
  expect(kept).toEqual(['equal', 'left', 'equal', 'left', 'right', 'right'])
})
