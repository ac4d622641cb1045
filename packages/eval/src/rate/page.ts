/** The page of `qt eval rate`: arrow keys and buttons; texts are set as text, never as HTML. */
export const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Which answer is better?</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:1rem auto;padding:0 1rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f4f7;padding:.7rem;margin:0}#prompt{max-height:45vh;overflow-y:auto}
.side{display:flex;gap:1rem;margin:1rem 0}.side>div{flex:1;min-width:0}button{font:inherit;padding:.5rem 1rem;width:100%;margin-top:.5rem}
@media(max-width:40rem){.side{display:block}.side>div{margin-top:1rem}}
@media(prefers-color-scheme:dark){body{background:#15181d;color:#e6e8ec}pre{background:#20242c}}
</style>
<h1>Which answer is better?</h1>
<form id="who"><label>Your name <input id="rater" required maxlength="80" autofocus></label> <button style="width:auto">Begin</button></form>
<p id="trouble" role="alert" hidden></p>
<main id="pair" hidden><p id="count" aria-live="polite"></p><pre id="prompt"></pre>
<div class="side"><div><pre id="left"></pre><button data-choice="left">This one (←)</button></div><div><pre id="right"></pre><button data-choice="right">This one (→)</button></div></div>
<button data-choice="equal">Equally good (space)</button></main>
<script>
const get = (id) => document.getElementById(id)
let rater = '', index
const ask = async (path, options) => {
  const answer = await fetch(path, options).catch(() => undefined)
  if (answer?.ok) return answer.json()
  get('trouble').textContent = 'That was not kept. Is "qt eval rate" still running? Reload this page to go on.'
  get('trouble').hidden = false
  throw new Error('no answer')
}
const show = (pair) => {
  index = pair.index
  get('count').textContent = index === undefined ? 'All ' + pair.total + ' are rated. Thank you.' : pair.done + ' of ' + pair.total + ' rated'
  for (const id of ['prompt', 'left', 'right']) get(id).textContent = pair[id] ?? ''
  // What was said last is what is answered.
  get('prompt').scrollTop = get('prompt').scrollHeight
  for (const button of document.querySelectorAll('[data-choice]')) button.hidden = index === undefined
}
get('who').onsubmit = async (event) => {
  event.preventDefault()
  rater = get('rater').value.trim()
  show(await ask('/next?rater=' + encodeURIComponent(rater)))
  get('who').hidden = true
  get('pair').hidden = false
  get('prompt').scrollTop = get('prompt').scrollHeight
}
const rate = async (choice) => {
  if (index === undefined) return
  const body = JSON.stringify({ rater, index, choice })
  index = undefined
  // A button that was clicked would take the next space for itself.
  document.activeElement.blur()
  show(await ask('/rate', { method: 'POST', headers: { 'content-type': 'application/json' }, body }))
}
for (const button of document.querySelectorAll('[data-choice]')) button.onclick = () => rate(button.dataset.choice)
document.onkeydown = ({ key, target }) => {
  const choice = { ArrowLeft: 'left', ArrowRight: 'right', ' ': 'equal' }[key]
  // On a button that was reached by Tab, space presses it.
  if (choice && !get('pair').hidden && !(choice === 'equal' && target.tagName === 'BUTTON')) rate(choice)
}
</script></html>
`
