// What a person sees of the network. Text from the model or the person goes in as text, never as HTML
(function () {
  'use strict'
  const $ = id => document.getElementById(id), spec = JSON.parse($('model').textContent), H = spec.n_hid, nUnits = spec.n_layers*H
  const chars = spec.vocab.map(o => String.fromCodePoint(o)), codes = new Map(chars.map((c, i) => [c, i])), heard = {}
  const signs = {'\n': '↵', '\r': 'CR', '\t': '⇥', ' ': '␣', '\u00a0': '⍽', '\x7f': '␡'}
  function sign(c) {                                            // a character as it can be seen; what acts on its neighbours, or is blank, as its number
    if (signs[c]) return signs[c]
    if (c < ' ') return String.fromCharCode(0x2400+c.charCodeAt(0))
    if (/[\p{C}\p{Z}]/u.test(c)) return `⟨${c.codePointAt(0).toString(16).toUpperCase()}⟩`
    return /\p{M}/u.test(c) ? `◌${c}` : c
  }
  const signed = c => make('bdi', '', sign(c))                  // a letter that is written from the right leaves the words around it as they are
  const number = (x, n = 0) => x.toLocaleString('en', {minimumFractionDigits: n, maximumFractionDigits: n})
  const percent = p => p < 0.001 ? '<0.1 %' : `${number(100*p, p < 0.0995 ? 1 : 0)} %`
  const clamp = (x, a, b) => Math.min(b, Math.max(a, x))
  const plural = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`
  const END = spec.line_end, NL = END.slice(-1)                 // the network's text may end its lines in \r\n or \r; a field gives \n
  const typedIn = text => Array.from(text.replace(/\n/g, END))  // what stands in a field, as the network reads it
  function put(el, text) {                                      // no browser breaks a line at \r, so where it ends lines, a <br> does
    if (NL === '\n') return el.append(text)
    text.split('\r').forEach((o, i) => i ? el.append('\r', make('br'), o) : el.append(o))
  }
  function make(tag, cls, text) {
    const o = document.createElement(tag)
    if (cls) o.className = cls
    if (text !== undefined) o.textContent = text
    return o
  }

  // ---- The engine: in a worker, or on this page where the browser gives a file none
  const waiting = new Map()
  let send, asked = 0
  function hear(m) {
    if (waiting.has(m.id)) waiting.get(m.id)(m)
    else if (heard[m.kind]) heard[m.kind](m)
  }
  const ask = m => new Promise(f => {
    const id = `ask${++asked}`
    waiting.set(id, o => (waiting.delete(id), f(o)))
    send({...m, id})
  })
  function startEngine() {
    const load = {kind: 'load', spec, weights: $('weights').textContent.trim()}
    function here() {
      const handle = makeEngine(hear)
      send = m => setTimeout(() => handle(m))
      send(load)
    }
    try {
      const source = `const handle = (${makeEngine})(m => postMessage(m)); onmessage = e => handle(e.data)`
      const w = new Worker(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})))
      w.onmessage = e => hear(e.data)
      w.onerror = e => { e.preventDefault(); w.terminate(); here() }
      send = m => w.postMessage(m)
      send(load)
    } catch (e) { here() }
  }

  // ---- A text with what the network thinks of each of its characters
  const mode = () => document.querySelector('[name=colour]:checked').value
  const shade = (x, cls) => x >= 1 ? `${cls}${Math.min(8, Math.floor(x))}` : ''
  function look(o, how) {                                       // class of a character
    if (o.code === undefined) return ''
    if (how === 'unit') {
      const v = o.units ? o.units[unit()]/unitScale : 0
      return shade(8*Math.abs(v)+0.5, v > 0 ? 'h' : 'c')
    }
    return how === 'surprise' && o.bits ? shade(o.bits, 'h') : ''
  }

  const segmenter = window.Intl && Intl.Segmenter ? new Intl.Segmenter('en', {granularity: 'grapheme'}) : null
  function letters(items) {                                     // items that are one letter to the eye, such as the parts of an emoji
    const text = items.map(o => o.text).join('')
    if (!segmenter || !/[^\0-\u02ff]/.test(text)) return items.map(o => [o])
    let i = 0
    return Array.from(segmenter.segment(text)).flatMap(({segment}) => {
      const parts = items.slice(i, i += Array.from(segment).length)
      return segment[0] === '\r' ? parts.map(o => [o]) : [parts]
    })
  }
  function strength(o, how) {                                   // how strong its shade is
    if (o.code === undefined) return -1
    return how === 'unit' ? Math.abs(o.units[unit()]) : o.bits || 0
  }

  class Strip {
    constructor(el, always) { Object.assign(this, {el, always, items: [], spans: [], at: -1}) }
    how() { return mode() === 'plain' && this.always ? 'surprise' : mode() }
    clear() {
      this.items = []
      this.draw()
    }
    draw() {
      this.el.removeAttribute('dir')
      this.el.textContent = ''
      this.spans = []
      for (const c of ['plain', 'surprise', 'unit']) this.el.classList.toggle(c, c === this.how())
      this.at = -1
      this.show(this.items, 0)
    }
    add(items) {
      const n = this.items.length
      this.items.push(...items)
      this.show(items, n)
    }
    show(items, n) {
      const how = this.how(), box = document.createDocumentFragment()
      if (how === 'plain') {                                    // whole stretches, so that joined scripts join
        const given = items.filter(o => o.given), rest = items.filter(o => !o.given)
        if (given.length) put(box.appendChild(make('span', 'given')), given.map(o => o.text).join(''))
        if (rest.length) put(box, rest.map(o => o.text).join(''))
      } else for (const parts of this.always ? letters(items) : items.map(o => [o])) {          // where it lies under a field, letters must be as wide as there
        const e = box.appendChild(this.letter(parts, how, n))
        for (const _ of parts) this.spans[n++] = e
      }
      this.el.removeAttribute('dir')                            // a browser looks for the direction anew at each node that is added to dir=auto
      this.el.append(box)
      this.el.dir = 'auto'
    }
    letter(parts, how, n) {                                     // with the shade of its strongest part, which is the one to tell about
      const top = parts.reduce((a, o, i) => strength(o, how) > strength(parts[a], how) ? i : a, 0), o = parts[top]
      const lost = parts.some(o => o.code === undefined) ? 'none' : ''
      const e = make('i', [look(o, how), o.text === NL ? 'nl' : o.text === '\r' ? 'cr' : '', o.given ? 'given' : '', lost].join(' ').trim())
      put(e, parts.map(o => o.text).join(''))
      e.k = n+top
      return e
    }
    span(k) { return this.how() === 'plain' ? null : this.spans[k] }
    point(k) {                                                  // mark a character and tell about it
      const old = this.span(this.at), now = this.span(k)
      if (old) old.classList.remove('at')
      this.at = now ? k : -1
      if (!now) return hideTip()
      now.classList.add('at')
      tip(this.items[k], now)
      if (this.items[k].units) paint(this.items[k].units)
    }
  }
  const written = new Strip($('text')), typed = new Strip($('mirror'), true)

  function tip(o, el) {
    const box = $('tip')
    box.textContent = ''
    const p = box.appendChild(make('p'))
    p.append(signed(o.text))
    if (o.code === undefined) p.append(' is not in the network’s alphabet: it is passed over')
    else if (!o.rivals.length) p.append(' comes first: there is nothing to expect it from')
    else {
      p.append(` came: ${number(o.bits, 2)} bits of surprise, ${percent(o.p)}`)
      const rows = o.rivals.some(r => r[0] === o.code) ? o.rivals : [...o.rivals, [o.code, o.p]]
      for (const [k, p] of rows) {
        const row = make('div', k === o.code ? 'came' : ''), bar = make('span')
        bar.style.width = `${Math.max(1, 100*p)}%`
        row.append(make('b', '', sign(chars[k])), bar, make('em', '', percent(p)))
        box.append(row)
      }
    }
    if (mode() === 'unit' && o.units) box.append(make('p', '', `unit ${unitName()}: ${number(o.units[unit()], 2)}`))
    box.hidden = false
    const r = el.getClientRects()[0] || el.getBoundingClientRect(), w = box.offsetWidth, h = box.offsetHeight
    const below = r.bottom+h+12 < innerHeight
    box.style.left = `${clamp(r.left+r.width/2-w/2, 8, document.documentElement.clientWidth-w-8)+scrollX}px`
    box.style.top  = `${(below ? r.bottom+8 : Math.max(4, r.top-h-8))+scrollY}px`
  }
  function hideTip() {
    $('tip').hidden = true
    for (const e of document.querySelectorAll('.text .at')) e.classList.remove('at')
  }

  function follow(target, strip) {                              // pointer, finger and keys over a strip
    const under = e => document.elementsFromPoint(e.clientX, e.clientY).find(o => o.parentNode === strip.el && o.k !== undefined)
    const go = e => {
      const o = under(e)
      if (o) strip.point(o.k)
      else hideTip()
    }
    target.addEventListener('pointermove', go)
    target.addEventListener('click', go)
    target.addEventListener('pointerleave', e => { if (e.pointerType === 'mouse') hideTip() })
    target.addEventListener('blur', hideTip)
  }

  // ---- Units
  let unitScale = 1, last = null, wanted = false
  const unit = () => (clamp($('layer').value | 0, 1, spec.n_layers)-1)*H+clamp($('unit').value | 0, 1, H)-1
  const unitName = () => spec.n_layers > 1 ? `${unit()%H+1} of layer ${Math.floor(unit()/H)+1}` : `${unit()+1}`
  const held = () => $('hold').checked ? {layer: Math.floor(unit()/H), unit: unit()%H, value: +$('held').value} : null
  const cols = Math.max(4, Math.round(Math.sqrt(1.75*H))), rows = Math.ceil(H/cols), GAP = 8

  function paint(units) {
    last = units
    if (!wanted) requestAnimationFrame(paintNow)
    wanted = true
  }
  function paintNow() {
    wanted = false
    const cv = $('units'), w = cv.clientWidth, size = w/cols, h = spec.n_layers*rows*size+(spec.n_layers-1)*GAP, k = devicePixelRatio || 1
    if (cv.width !== Math.round(w*k)) {
      cv.width = Math.round(w*k)
      cv.height = Math.round(h*k)
      cv.style.aspectRatio = `${w} / ${h}`
    }
    const g = cv.getContext('2d'), css = getComputedStyle(document.documentElement), [hot, cold, line, ink] = ['--hot', '--cold', '--line', '--ink'].map(o => css.getPropertyValue(o))
    g.setTransform(k, 0, 0, k, 0, 0)
    g.clearRect(0, 0, w, h)
    const place = u => [u%H%cols*size, (Math.floor(u/H)*rows+Math.floor(u%H/cols))*size+Math.floor(u/H)*GAP]
    for (let u = 0; u < nUnits; u++) {
      const [x, y] = place(u), v = last ? clamp(last[u]/unitScale, -1, 1) : 0
      g.fillStyle = line
      g.globalAlpha = 0.45
      g.fillRect(x+0.5, y+0.5, size-1, size-1)
      g.globalAlpha = 1
      g.fillStyle = `rgba(${v > 0 ? hot : cold}, ${Math.abs(v)})`
      g.fillRect(x+0.5, y+0.5, size-1, size-1)
    }
    const [x, y] = place(unit())
    g.strokeStyle = ink
    g.lineWidth = 2
    g.strokeRect(x, y, size, size)
  }

  function choose(u) {
    $('layer').value = Math.floor(u/H)+1
    $('unit').value = u%H+1
    changed()
  }
  function changed() {                                          // another unit, or another way to hold it
    $('held-out').textContent = number(+$('held').value, 2)
    if (mode() === 'unit') redraw()
    if (last) paint(last)
    for (const b of document.querySelectorAll('#tells button')) b.setAttribute('aria-pressed', b.u === unit())
    send({kind: 'live', hold: held()})
    $('holding').hidden = !held()
    $('holding').textContent = `Unit ${unitName()} is held at ${number(+$('held').value, 2)}: what is written from now on is written with it`
    if (!writing && $('hold').checked+heldBefore > 0) readTyped()
    heldBefore = $('hold').checked
  }
  let heldBefore = false

  const features = {                                            // what a unit may follow, as numbers along a text
    'the place in the line': t => count(t, c => c === NL),
    'the place in the word': t => count(t, c => !/\p{L}/u.test(c)),
    'blanks and line ends': t => t.map(c => +/\s/.test(c)),
    'capital letters': t => t.map(c => +/\p{Lu}/u.test(c)),
    'vowels': t => t.map(c => +/[aeiouyäöüáéíóúàèìòùâêîôûаеиоуыэюяαειουηω]/i.test(c)),
    'punctuation': t => t.map(c => +/\p{P}/u.test(c)),
    'digits': t => t.map(c => +/\p{N}/u.test(c)),
    'brackets still open': t => depth(t, '([{', ')]}')
  }
  function count(t, back) {
    let n = 0
    return t.map(c => n = back(c) ? 0 : n+1)
  }
  function depth(t, open, close) {
    let n = 0
    return t.map(c => n = Math.max(0, n+open.includes(c)-close.includes(c)))
  }
  function centred(xs) {
    const m = xs.reduce((a, b) => a+b, 0)/xs.length, d = xs.map(x => x-m)
    return [d, Math.sqrt(d.reduce((a, b) => a+b*b, 0))]
  }
  function findTells() {                                        // units that go with something nameable in what was just written
    const items = written.items, text = items.map(o => o.text), found = []
    $('tells').textContent = ''
    if (items.length < 200) return
    const us = [...Array(nUnits).keys()].map(u => centred(items.map(o => o.units[u])))
    for (const nm in features) {
      const [f, nf] = centred(features[nm](text))
      if (!nf) continue
      const rs = us.map(([x, n]) => n ? x.reduce((a, b, i) => a+b*f[i], 0)/n/nf : 0), top = rs.reduce((a, r, i) => Math.abs(r) > Math.abs(rs[a]) ? i : a, 0)
      if (Math.abs(rs[top]) > 0.6) found.push([nm, top, rs[top]])
    }
    if (!found.length) return
    $('tells').append(make('p', 'note', 'Units that go with something in the text above, and how closely (correlation):'))
    for (const [nm, u, r] of found.sort((a, b) => Math.abs(b[2])-Math.abs(a[2]))) {
      const b = make('button', '', `${nm} · ${number(Math.abs(r), 2)}`)
      b.u = u
      b.type = 'button'
      b.title = `unit ${u%H+1} of layer ${Math.floor(u/H)+1}`
      b.addEventListener('click', () => {
        document.querySelector('[name=colour][value=unit]').checked = true
        choose(u)
        redraw()
      })
      $('tells').append(b)
    }
  }

  // ---- Writing
  let writing = null, job = 0, seed = 0
  const known = text => {                                       // codes of a text, and the characters that have none
    const res = [], strange = new Set()
    for (const c of text) {
      const k = codes.has(c) ? codes.get(c) : spec.unk
      if (k === null) strange.add(c)
      else res.push(k)
    }
    return [res, [...strange]]
  }
  function tellStrange(id, strange) {
    const most = 20, rest = strange.length-most
    $(id).hidden = !strange.length
    $(id).textContent = 'Not in the network’s alphabet, and left out:'
    for (const c of strange.slice(0, most)) $(id).append(' ', signed(c))
    if (rest > 0) $(id).append(` and ${plural(rest, 'other')}`)
  }
  function value(id, low, high, whole = true) {                 // what a field says, or the nearest to it that can be, which then stands there
    if ($(id).value === '') return null
    const v = clamp(+$(id).value, low, high)
    return $(id).value = whole ? Math.floor(v) : v
  }

  function write() {
    auto = false                                                // whoever asks for a text before the page is ready keeps that one
    const [prompt, strange] = known(typedIn($('prompt').value)), n = value('length', 1, 20000) || 600
    tellStrange('unknown', strange)
    seed = value('seed', 0, 4294967295)
    if (seed === null) seed = Math.floor(Math.random()*1e6)
    written.clear()
    forgetDrawings()
    hideTip()
    writing = ++job
    send({kind: 'write', id: job, prompt, n, temperature: +$('temperature').value, top_k: value('top_k', 1, 1e6), min_p: value('min_p', 0, 1, false), seed,
      pace: +$('pace').value, hold: held()})
    state()
    $('status').textContent = 'Writing'
  }
  function stop() {
    if (!writing) return
    send({kind: 'stop'})
    finished()
  }
  function finished() {
    writing = null
    state()
    findTells()
    $('status').textContent = `${plural(written.items.length, 'character')} written: ${written.items.slice(0, 500).map(o => o.text).join('')}`
    if (held() || unread) readTyped()
  }
  function state() {
    $('go').textContent = writing ? 'Stop' : $('go').dataset.word || 'Write'
    $('go').classList.toggle('on', !!writing)
    $('text').classList.toggle('writing', !!writing)
    $('text').setAttribute('aria-busy', !!writing)
  }
  function items(m) { return m.chars.map((o, i) => ({...o, text: chars[o.code], units: m.units.subarray(i*nUnits, (i+1)*nUnits)})) }
  function rescale(xs) {                                        // minGRU's state has no bounds
    if (spec.cell !== 'mingru') return
    for (const o of xs) for (const v of o.units) unitScale = Math.max(unitScale, Math.abs(v))
  }

  heard.piece = m => {
    if (m.id !== writing) return
    const more = items(m), el = $('text'), down = el.scrollHeight-el.scrollTop-el.clientHeight < 40
    if (!written.items.length && m.done === 0) more.forEach(o => o.given = true)
    rescale(more)
    written.add(more)
    if (spec.alphabet) drawing(more)
    if (down) el.scrollTop = el.scrollHeight
    if (more.length) paint(more[more.length-1].units)
    const speed = +$('pace').value || !m.rate ? '' : `, ${number(m.rate)} a second`
    $('stats').textContent = `${plural(m.done, 'character')}${speed}, seed ${seed}`
    if (m.end) finished()
  }

  // ---- Reading what the person types
  let reading = 0, unread = false, auto = true                  // unread: what is typed was not read to its end, as when writing came in between
  function readTyped() {
    const [cs, strange] = known(typedIn($('typed').value))
    tellStrange('typed-unknown', strange)
    unread = true
    if (writing) return
    send({kind: 'read', id: `read${++reading}`, codes: cs, hold: held()})
  }
  function typing() {
    grow($('typed'))
    if (writing) stop()
    readTyped()
  }
  heard.read = m => {
    if (m.id !== `read${reading}`) return
    unread = false
    const got = items(m), text = typedIn($('typed').value)
    let i = 0
    rescale(got)
    typed.items = text.map(c => codes.has(c) || spec.unk !== null ? {...got[i++], text: c} : {text: c, rivals: []})
    typed.draw()
    typed.el.append('\u200b')                                   // a line end at the very end makes a line here as it does in the field
    if (got.length && document.activeElement === $('typed')) paint(got[got.length-1].units)
    summary(got.slice(1))
    if (auto) write()
  }
  function summary(xs) {
    const bits = xs.reduce((a, o) => a+o.bits, 0)
    if (!xs.length) { $('typed-out').textContent = ''; return }
    const top = xs.reduce((a, o) => o.bits > a.bits ? o : a)
    $('typed-out').textContent = `${number(bits/xs.length, 2)} bits a character over ${number(xs.length)}, ${number(bits)} bits in all; ` +
      'most surprising: '
    $('typed-out').append(signed(top.text), ` with ${number(top.bits, 1)}`)
  }
  function grow(el) {
    el.style.height = 'auto'
    el.style.height = `${el.scrollHeight+el.offsetHeight-el.clientHeight}px`
  }

  // ---- Drawings: where the alphabet is one of strokes, what is written is drawn
  class Pen {                                                   // as `Pen` in Python: follows a drawing as far as its text makes sense
    constructor(a) { Object.assign(this, {a, at: a.home, col: null, down: false, ended: false, wrong: false, strokes: []}) }
    put(c) {
      const a = this.a, row = a.rows.indexOf(c)
      if (c === a.end) this.ended = true
      else if (this.wrong) return
      else if (row >= 0) this.col === null ? this.wrong = true : this.go([this.col, row])
      else if (this.col !== null) this.wrong = true
      else if (a.moves[c]) this.go([this.at[0]+a.moves[c][0], this.at[1]+a.moves[c][1]])
      else if (a.cols.includes(c)) this.col = a.cols.indexOf(c)
      else if (c === a.down) this.down ? this.wrong = true : this.lower()
      else if (c === a.up && this.down) this.down = false
      else if (c === a.close && this.down) this.shut()
      else this.wrong = true
    }
    lower() {
      this.down = true
      this.strokes.push([this.at])
    }
    shut() {
      const first = this.strokes[this.strokes.length-1][0]
      if (this.at.join() !== first.join()) this.go(first)
      this.down = false
    }
    go(to) {
      this.wrong = to.some(o => o < 0 || o >= this.a.grid)
      if (this.wrong) return
      this.at = to
      this.col = null
      if (this.down) this.strokes[this.strokes.length-1].push(to)
      else if (!this.a.down) this.lower()
    }
  }
  const sheets = []
  function drawing(more) {
    const draw = (name, props, into) => {
      const e = document.createElementNS('http://www.w3.org/2000/svg', name)
      for (const k in props) e.setAttribute(k, props[k])
      return into.appendChild(e)
    }
    for (const o of more) {
      if (!sheets.length || sheets[sheets.length-1].pen.ended) {
        const g = spec.alphabet.grid, svg = draw('svg', {viewBox: `-2 -2 ${g+3} ${g+3}`, role: 'img', 'aria-label': `drawing ${sheets.length+1}`}, $('drawing'))
        sheets.push({pen: new Pen(spec.alphabet), svg})
      }
      sheets[sheets.length-1].pen.put(o.text)
      sheets[sheets.length-1].stale = true
    }
    for (const s of sheets.filter(o => o.stale)) {
      s.svg.textContent = ''
      for (const p of s.pen.strokes) draw('polyline', {points: (p.length > 1 ? p : [p[0], p[0]]).join(' ')}, s.svg)
      s.stale = false
    }
  }
  function forgetDrawings() {
    sheets.length = 0
    $('drawing').textContent = ''
  }

  // ---- What does not change
  function facts() {
    const ys = spec.card.scale, top = Math.max(...ys.map(o => o[1]))
    if (ys.length) $('scale').append(make('caption', '', 'Surprise at a character of text it has not seen, in nats: lower is better'))
    for (const [nm, v, it] of ys) {
      const row = make('tr', it ? 'it' : ''), cell = make('td'), m = make('div', 'meter'), bar = make('span'), th = make('th', '', nm)
      th.scope = 'row'
      bar.style.width = `${68*v/top}%`
      m.append(bar, number(v, 3))
      cell.append(m)
      row.append(th, cell)
      $('scale').append(row)
    }
    for (const [k, v] of spec.card.facts) {
      const d = make('dd', '', v)
      d.dir = 'auto'
      $('facts').append(make('dt', '', k), d)
    }
  }

  function legend() {
    const el = $('legend'), how = mode()
    $('text').setAttribute('aria-label', `What the network has written; ${how === 'plain' ? 'with Surprise or One unit, ' : ''}arrow keys, Home and End go through its characters`)
    $('type-note').textContent = `Type, and see ${how === 'unit' ? `what unit ${unitName()} makes of it: warm where its output is positive, cool where it is negative` :
      'what surprises it: the stronger the colour, the less it expected that character'}.`
    el.textContent = ''
    el.hidden = how === 'plain'
    if (how === 'plain') return
    const marks = how === 'surprise' ? [1, 2, 3, 4, 5, 6, 7, 8].map(i => [`h${i}`, i < 8 ? i : '8+']) :
      [...[8, 6, 4, 2].map(i => [`c${i}`, number(-i*unitScale/8, 1)]), ...[2, 4, 6, 8].map(i => [`h${i}`, number(i*unitScale/8, 1)])]
    for (const [c, t] of marks) el.append(make('i', c, t))
    el.append(how === 'surprise' ? ' bits of surprise, underlined from 6; point at a character for its rivals' : ` output of unit ${unitName()} after each character`)
  }
  function redraw() {
    hideTip()
    legend()
    written.draw()
    typed.draw()
    typed.el.append('\u200b')
  }
  function warmth() {
    const t = +$('temperature').value
    $('temperature-out').textContent = `${number(t, 2)} ${t === 0 ? 'certain' : t < 0.5 ? 'careful' : t < 1 ? 'lively' : t === 1 ? 'as learnt' : 'wild'}`
  }

  heard.ready = m => {
    const good = m.worst < 1e-3
    $('test').textContent = `Self-test ${good ? 'passed' : 'FAILED'}: the logits here and in Python differ by at most ${m.worst.toPrecision(1)}` +
      `${m.simd ? ', with WebAssembly' : ', without WebAssembly'}.`
    $('warning').hidden = good
    $('warning').textContent = `This browser computes something else than the computer that the network comes from (its logits are off by ${m.worst.toPrecision(2)}): do not trust what it writes.`
    document.body.dataset.ready = good ? 'yes' : 'failed'
    grow($('prompt'))
    grow($('typed'))
    readTyped()
  }

  // ---- Wiring
  $('prompt').value = spec.prompt
  $('typed').value = spec.text
  if (['{', '}', '=', '_'].every(c => codes.has(c)) || spec.alphabet) document.body.classList.add('code')
  if (spec.alphabet) {
    $('drawing').hidden = false
    document.body.classList.add('draws')
    $('write-h').textContent = 'It draws'
    $('go').dataset.word = 'Draw'
    $('type').hidden = true
    $('temperature').value = 0.5
    $('length').value = 2000
    $('pace').value = 600
  }
  $('layer').max = spec.n_layers
  $('unit').max = H
  $('layer-label').hidden = spec.n_layers === 1
  if (spec.cell === 'mingru') Object.assign($('held'), {min: 0, max: 4, value: 2})
  $('form').addEventListener('submit', e => {
    e.preventDefault()
    if (writing) stop()
    else write()
  })
  $('prompt').addEventListener('keydown', e => {
    if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return
    e.preventDefault()
    write()
  })
  $('prompt').addEventListener('input', () => grow($('prompt')))
  $('typed').addEventListener('input', typing)
  $('typed').addEventListener('keyup', e => {
    if (!/^(Arrow|Home|End)/.test(e.key)) return
    typed.point(typedIn($('typed').value.slice(0, $('typed').selectionStart)).length-1)
  })
  $('text').addEventListener('keydown', e => {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -20, ArrowDown: 20, Home: -Infinity, End: Infinity}[e.key]
    if (!step || !written.items.length || mode() === 'plain') return
    e.preventDefault()
    written.point(clamp(written.at+step, 0, written.items.length-1))
    written.span(written.at).scrollIntoView({block: 'nearest'})
  })
  follow($('text'), written)
  follow($('typed'), typed)
  document.addEventListener('keydown', e => {
    if (e.key !== 'Escape') return
    hideTip()
    stop()
  })
  $('colour').addEventListener('change', redraw)
  $('temperature').addEventListener('input', warmth)
  $('pace').addEventListener('change', () => send({kind: 'live', pace: +$('pace').value}))
  for (const id of ['layer', 'unit', 'hold', 'held']) $(id).addEventListener('input', changed)
  $('units').addEventListener('click', e => {
    const r = $('units').getBoundingClientRect(), size = r.width/cols, tall = rows*size+GAP, l = Math.floor((e.clientY-r.top)/tall)
    const u = Math.floor(((e.clientY-r.top)-l*tall)/size)*cols+Math.floor((e.clientX-r.left)/size)
    if (l < spec.n_layers && u < H) choose(l*H+u)
  })
  addEventListener('resize', () => {
    grow($('prompt'))
    grow($('typed'))
    if (!wanted) requestAnimationFrame(paintNow)
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => requestAnimationFrame(paintNow))
  facts()
  warmth()
  legend()
  $('held-out').textContent = number(+$('held').value, 2)
  requestAnimationFrame(paintNow)
  startEngine()
  window.charrnn = {ask, spec, strokes: () => sheets.map(o => o.pen.strokes)}                                  // for a curious person's console: charrnn.ask({kind: 'speed', ms: 1000})
})()
