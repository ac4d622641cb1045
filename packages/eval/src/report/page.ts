export const style = `
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
small{color:#667;overflow-wrap:anywhere}table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}td,th{border:1px solid #ccd;padding:.25rem .6rem;text-align:left}
.better{color:#0a6b2d}.worse{color:#a5120d}.cannot-tell{color:#666}
figure{margin:1rem 0}figcaption{font-weight:600}svg{width:100%;max-width:50rem;font-size:12px}
.b0{fill:#4472b8}.b1{fill:#c66a1e}.b2{fill:#3f8f5b}.b3{fill:#8457a8}.whisker{stroke:#111;fill:none}
details{border-top:1px solid #dde;padding:.3rem 0}summary{cursor:pointer}pre{white-space:pre-wrap;background:#f4f5f8;padding:.5rem;margin:.2rem 0;overflow-wrap:anywhere}
h3,h4{margin:.4rem 0 .1rem}h4{font-size:.85rem;color:#556}.side{display:flex;gap:1rem}.side>div{flex:1;min-width:0}
i{font-style:normal;margin-right:.2rem}.my{color:#0a6b2d}.mn{color:#a5120d}.mo{color:#888}
@media(max-width:40rem){.side{display:block}}
@media(prefers-color-scheme:dark){body{color:#e6e8ec;background:#15181d}pre{background:#20242c}td,th{border-color:#445}details{border-color:#334}.whisker{stroke:#eee}svg text{fill:#e6e8ec}.better,.my{color:#5fd389}.worse,.mn{color:#ff8078}}
`

/** Filters the items of a section by what they are and by their text. */
export const script = `
for (const section of document.querySelectorAll('section')) {
  const [select, input, count] = [section.querySelector('select'), section.querySelector('input'), section.querySelector('.filter span')]
  const items = [...section.querySelectorAll('details.item')]
  const filter = () => {
    const wanted = input.value.toLowerCase()
    let shown = 0
    for (const item of items) {
      item.hidden = !(item.dataset.is.includes(select.value) && item.textContent.toLowerCase().includes(wanted))
      if (!item.hidden) shown++
    }
    count.textContent = shown + ' of ' + items.length
  }
  select.onchange = input.oninput = filter
  filter()
}
`
