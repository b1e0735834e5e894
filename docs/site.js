'use strict'
const root = document.documentElement, up = root.dataset.up || ''
const $ = id => document.getElementById(id)

// light or dark: what the system says until the reader says otherwise
$('theme').onclick = () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches
  root.dataset.theme = dark ? 'light' : 'dark'
  try { localStorage.theme = root.dataset.theme } catch (e) { console.debug('the choice is not kept:', e.message) }
}

// on a narrow screen the sidebar folds away
$('menu').onclick = () => {
  const open = document.querySelector('nav').classList.toggle('open')
  $('menu').setAttribute('aria-expanded', open)
}

// search: every word must occur; titles count most, then the summary, then the text
const escape = s => s.replace(/[&<>"]/g, c => ({'&':'&amp;', '<':'&lt;', '>':'&gt;', '"':'&quot;'}[c]))
const score = (page, words) => {
  let total = 0
  for (const w of words) {
    const hits = (page.title.toLowerCase().includes(w) ? 20 : 0) + (page.about.toLowerCase().includes(w) ? 6 : 0) + Math.min(5, page.text.toLowerCase().split(w).length - 1)
    if (!hits) return 0
    total += hits
  }
  return total
}
const around = (text, word) => {
  const i = text.toLowerCase().indexOf(word)
  if (i < 0) return escape(text.slice(0, 110))
  const start = Math.max(0, i - 45)
  return escape(text.slice(start, i)) + '<mark>' + escape(text.slice(i, i + word.length)) + '</mark>' + escape(text.slice(i + word.length, i + 75))
}
$('find').oninput = () => {
  const words = $('find').value.toLowerCase().split(/\s+/).filter(Boolean), list = $('found')
  list.hidden = !words.length
  if (!words.length) return
  const hits = (window.pages || []).map(p => [score(p, words), p]).filter(o => o[0]).sort((a, b) => b[0] - a[0]).slice(0, 8)
  list.innerHTML = hits.length ? hits.map(([, p]) => `<li><a href="${up}${p.href}">${escape(p.title)}<small>${around(p.text, words[0])}</small></a></li>`).join('') : '<p>Nothing found</p>'
}
document.addEventListener('keydown', e => {
  if (e.key === '/' && !/input|textarea/i.test(document.activeElement.tagName)) { e.preventDefault(); $('find').focus() }
  if (e.key === 'Escape') { $('find').value = ''; $('found').hidden = true }
  if (e.key === 'Enter' && document.activeElement === $('find')) { const a = document.querySelector('#found a'); if (a) location.href = a.href }
})
document.addEventListener('click', e => { if (!e.target.closest('.find')) $('found').hidden = true })
