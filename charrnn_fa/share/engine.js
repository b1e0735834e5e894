// The network: unpack its weights, read and write with them. Runs in a worker, or in slices of time on the page where there is none
function makeEngine(post) {
  'use strict'
  const up = (n, k) => Math.ceil(n/k)*k
  let spec, floats, used = 0, dot, simd = false, job = 0, layers, emb, head, norms, table, start, state, hold, logits, memo, live = {}, counts, past = []

  // ---- Memory: one buffer for everything that is multiplied, so that WebAssembly can reach it
  function alloc(n) {                                           // place of n floats, aligned for 4 at a time
    const at = used
    used += up(n, 4)
    return at
  }

  function unpack(b64) {                                        // tensors by name: int8 with a scale per row, or float32
    const bin = atob(b64), bytes = new Uint8Array(bin.length), res = {}
    for (let i = 0; i < bin.length; i++) bytes[i] = bin.charCodeAt(i)
    for (const t of spec.tensors) {
      const n = t.shape.reduce((a, b) => a*b, 1), cols = t.shape[t.shape.length-1]
      const as = {float32: Float32Array, int32: Int32Array, uint8: Uint8Array}[t.dtype]
      res[t.name] = {shape: t.shape, data: as ? new as(bytes.buffer.slice(t.at, t.at+n*as.BYTES_PER_ELEMENT)) : new Float32Array(n)}
      if (as) continue
      const q = new Int8Array(bytes.buffer, t.at, n), s = new Float32Array(bytes.buffer, t.scales, n/cols), w = res[t.name].data
      for (let r = 0, i = 0; r < n/cols; r++) for (let c = 0; c < cols; c++, i++) w[i] = q[i]*s[r]
    }
    return res
  }

  function matrix(t, bias, cells = 1) {                         // rows to a multiple of 4, columns to one of 16, zeros in between
    const [rows, cols] = t.shape, R = up(rows, 4), C = up(cols, 16), at = alloc(R*C), b = alloc(R), y = alloc(R)
    for (let r = 0; r < rows; r++) floats.set(t.data.subarray(r*cols, (r+1)*cols), at+r*C)
    if (bias) floats.set(bias.data, b)
    return {at, b, y, rows, cols, R, C, cells}
  }

  function needed(ts) {                                         // floats that `build` allocates, or a little more
    const sizes = Object.values(ts).map(t => t.shape.length === 2 ? (up(t.shape[0], 4)+2)*(up(t.shape[1], 16)+16) + 2*up(t.shape[0], 4) : 0)
    return sizes.reduce((a, b) => a+b, 0) + (2*spec.n_layers+4)*(up(spec.n_hid, 16)+16) + up(spec.n_emb || 1, 16)+1024
  }

  // ---- y = w x + b, four rows at a time: WebAssembly SIMD, put together here, or the same in JavaScript where there is none
  function dotBytes() {
    const leb = n => n < 128 ? [n] : [n & 127 | 128, ...leb(n >> 7)]              // unsigned
    const num = n => n < 64 ? [0x41, n] : [0x41, n & 127 | 128, n >> 7]           // i32.const, 0 <= n < 8192
    const part = (id, body) => [id, ...leb(body.length), ...body], str = s => [s.length, ...[...s].map(c => c.charCodeAt(0))]
    const get = i => [0x20, i], set = i => [0x21, i], add = [0x6a], grow = (i, n) => [...get(i), ...num(n), ...add, ...set(i)]
    const load = (i, off) => [...get(i), 0xfd, 0, 4, off], mul = [0xfd, 0xe6, 1], plus = [0xfd, 0xe4, 1], four = [0, 1, 2, 3]
    const [w, x, b, y, rows, cols, w1, w2, w3, xp, k, acc, xv] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15], ws = [w, w1, w2, w3]
    const below = (i, j) => [...get(i), ...get(cols), ...num(6), 0x74, ...add, ...set(j)]              // a row is cols*64 bytes
    const again = i => [...get(i), ...num(1), 0x6b, 0x22, i, 0x0d, 0, 0x0b]                            // count down, and back to the loop's start
    const block = off => [...load(xp, off), ...set(xv), ...ws.flatMap((o, i) => [...get(acc+i), ...load(o, off), ...get(xv), ...mul, ...plus, ...set(acc+i)])]
    const sum = i => [...get(y), ...get(b), 0x2a, 2, 4*i, ...four.flatMap(l => [...get(acc+i), 0xfd, 0x1f, l, 0x92]), 0x38, 2, 4*i]
    const code = [0x03, 0x40, ...below(w, w1), ...below(w1, w2), ...below(w2, w3), ...get(x), ...set(xp), ...get(cols), ...set(k),
      ...four.flatMap(i => [0x43, 0, 0, 0, 0, 0xfd, 0x13, ...set(acc+i)]),
      0x03, 0x40, ...four.flatMap(i => block(16*i)), ...[...ws, xp].flatMap(o => grow(o, 64)), ...again(k),
      ...get(w3), ...set(w), ...four.flatMap(sum), ...grow(y, 16), ...grow(b, 16), ...again(rows), 0x0b]
    const body = [2, 5, 0x7f, 5, 0x7b, ...code]
    return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...part(1, [1, 0x60, 6, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]),
      ...part(2, [1, ...str('m'), ...str('m'), 2, 0, 1]), ...part(3, [1, 0]), ...part(7, [1, ...str('dot'), 0, 0]),
      ...part(10, [1, ...leb(body.length), ...body])])
  }

  function plainDot(w, x, b, y, rows, cols) {                   // as the WebAssembly, all in floats; four sums, so that additions overlap
    const f = floats
    w >>= 2, x >>= 2, b >>= 2, y >>= 2
    for (let r = 0; r < 4*rows; r++, w += 16*cols) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0
      for (let i = w, j = x; i < w+16*cols; i += 4, j += 4) {
        s0 += f[i]*f[j]
        s1 += f[i+1]*f[j+1]
        s2 += f[i+2]*f[j+2]
        s3 += f[i+3]*f[j+3]
      }
      f[y+r] = f[b+r]+(s0+s1)+(s2+s3)
    }
  }

  function reserve(n, wanted) {                                 // the buffer, and who multiplies in it
    try {
      if (!wanted) throw 0
      const mem = new WebAssembly.Memory({initial: Math.ceil(4*n/65536)})
      dot = new WebAssembly.Instance(new WebAssembly.Module(dotBytes()), {m: {m: mem}}).exports.dot
      floats = new Float32Array(mem.buffer)
      simd = true
    } catch (e) {                                               // an old browser, or one that forbids WebAssembly
      floats = new Float32Array(n)
      dot = plainDot
      simd = false
    }
    used = 0
  }

  function apply(m, x) {                                        // of cells side by side, each row meets the units of its own cell alone
    const R = m.cells > 1 ? m.cols : m.R
    for (let r = 0, i = 0; r < m.R; r += R, i++) dot(4*(m.at+r*m.C), 4*(x+i%m.cells*m.cols), 4*(m.b+r), 4*(m.y+r), R/4, m.C/16)
    return m.y
  }
  const view = (at, n) => floats.subarray(at, at+n)

  // ---- The network
  function build(ts) {
    const has = nm => ts[nm], H = spec.n_hid, beside = t => H/t.shape[1]           // how many cells share the units
    emb = has('emb') ? {rows: ts.emb.data, n: spec.n_emb, x: alloc(up(spec.n_emb, 16))} : null
    layers = [...Array(spec.n_layers).keys()].map(i => ({h: alloc(up(H, 16)), x: alloc(up(H, 16)), c: new Float32Array(H),
      ih: i || emb ? matrix(ts['ih'+i], ts['bi'+i], i ? beside(ts['ih'+i]) : 1) : null,
      hh: has('hh'+i) ? matrix(ts['hh'+i], ts['bh'+i], beside(ts['hh'+i])) : null}))
    norms = layers.map((_, i) => has('nw'+i) && {w: ts['nw'+i].data, b: ts['nb'+i].data})
    head  = matrix(spec.tie ? ts.emb : ts.head, ts.head_bias)
    table = {w: ts.ih0.data, b: ts.bi0.data, cols: ts.ih0.shape[1], rows: new Map()}
    start = has('start') ? ts.start.data : null
    logits = view(head.y, spec.n_vocab)
    counts = spec.counts ? buildCounts(ts) : null
    reset()
  }

  // ---- Counts, where the model has them: after each context the characters that came, their shares, and what is left for shorter contexts
  function buildCounts(ts) {
    const power = q => 2**(-q/16), V = Math.max(2, spec.n_vocab), res = []
    let ctx = Float64Array.of(0)                                // contexts as numbers, in order; what comes after them makes those of the next order
    for (let i = 1; i <= spec.counts.order; i++) {
      const [n, last, s, r] = ['n', 'c', 's', 'r'].map(o => ts[o+i].data), starts = new Int32Array(n.length+1)
      const share = new Float32Array(last.length), rest = new Float32Array(n.length), next = new Float64Array(last.length)
      for (let j = 0; j < n.length; j++) {
        const a = starts[j], b = starts[j+1] = a+n[j]
        let sum = 0
        for (let e = a; e < b; e++) sum += power(s[e])
        rest[j] = power(r[j])
        for (let e = a; e < b; e++) {
          share[e] = power(s[e])*(1-power(r[j]))/sum
          next[e] = ctx[j]*V+last[e]
        }
      }
      res.push({ctx, starts, last, share, rest})
      ctx = next
    }
    return res
  }

  function mix() {                                              // logits of weight*cell + (1-weight)*counts
    const V = Math.max(2, spec.n_vocab), q = new Float64Array(V).fill(1/V), p = softmax(1), w = spec.counts.weight
    let key = 0, base = 1
    counts.forEach((t, i) => {
      if (i > past.length) return
      if (i) {
        key += past[past.length-i]*base
        base *= V
      }
      let a = 0, b = t.ctx.length-1
      while (a < b) {
        const m = a+b >> 1
        if (t.ctx[m] < key) a = m+1
        else b = m
      }
      if (t.ctx[a] !== key) return
      for (let k = 0; k < V; k++) q[k] *= t.rest[a]
      for (let e = t.starts[a]; e < t.starts[a+1]; e++) q[t.last[e]] += t.share[e]
    })
    for (let k = 0; k < p.length; k++) logits[k] = Math.log(w*p[k]+(1-w)*q[k])
  }

  function reset() {                                            // the state before a text's first character
    past = []
    layers.forEach((l, i) => {
      const H = spec.n_hid, at = i*H
      if (start) view(l.h, H).set(start.subarray(at, at+H))
      else view(l.h, H).fill(spec.cell === 'mingru' ? 0.5 : 0)
      if (start && spec.cell === 'lstm') l.c.set(start.subarray((spec.n_layers+i)*H, (spec.n_layers+i+1)*H))
      else l.c.fill(0)
    })
  }

  function inputSide(code) {                                    // what the first layer gets from a character: worked out once for each
    let row = table.rows.get(code)
    if (row) return row
    const n = table.b.length
    row = new Float32Array(n)
    if (emb) {
      view(emb.x, emb.n).set(emb.rows.subarray(code*emb.n, (code+1)*emb.n))
      row.set(view(apply(layers[0].ih, emb.x), n))
    } else for (let r = 0; r < n; r++) row[r] = table.w[r*table.cols+code]+table.b[r]
    table.rows.set(code, row)
    return row
  }

  const sigmoid = x => 1/(1+Math.exp(-x)), tanh = x => 1-2/(1+Math.exp(2*x))

  const gates = {                                               // a: from below, u: from the state, l: layer; the new state in l.h
    rnn(l, a, u, h, H) { for (let j = 0; j < H; j++) h[j] = tanh(a[j]+u[j]) },
    gru(l, a, u, h, H) {
      for (let j = 0; j < H; j++) {
        const r = sigmoid(a[j]+u[j]), z = sigmoid(a[H+j]+u[H+j]), n = tanh(a[2*H+j]+r*u[2*H+j])
        h[j] = n+z*(h[j]-n)
      }
    },
    lstm(l, a, u, h, H) {
      const c = l.c
      for (let j = 0; j < H; j++) {
        c[j] = sigmoid(a[H+j]+u[H+j])*c[j]+sigmoid(a[j]+u[j])*tanh(a[2*H+j]+u[2*H+j])
        h[j] = sigmoid(a[3*H+j]+u[3*H+j])*tanh(c[j])
      }
    },
    mingru(l, a, u, h, H) {                                     // arXiv 2410.01201: what it keeps and what it adds sum to 1
      for (let j = 0; j < H; j++) {
        const z = sigmoid(a[j]), g = a[H+j] >= 0 ? a[H+j]+0.5 : sigmoid(a[H+j])
        h[j] = (1-z)*h[j]+z*g
      }
    }
  }

  function normalise(src, to, n) {                              // LayerNorm, as torch has it
    const H = spec.n_hid, x = view(src, H), y = view(to, H)
    let mean = 0, v = 0
    for (let j = 0; j < H; j++) mean += x[j]/H
    for (let j = 0; j < H; j++) v += (x[j]-mean)*(x[j]-mean)/H
    const s = 1/Math.sqrt(v+1e-5)
    for (let j = 0; j < H; j++) y[j] = (x[j]-mean)*s*n.w[j]+n.b[j]
  }

  function step(code) {                                         // read a character; the logits of the next are in `logits`
    const H = spec.n_hid, mingru = spec.cell === 'mingru'
    let below = 0                                               // place of what the layer below gives
    layers.forEach((l, i) => {
      if (i && mingru) normalise(below, l.x, norms[i-1])
      const a = i ? view(apply(l.ih, mingru ? l.x : below), l.ih.rows) : inputSide(code)
      const u = l.hh ? view(apply(l.hh, l.h), l.hh.rows) : null, h = view(l.h, H)
      gates[spec.cell](l, a, u, h, H)
      if (hold && hold.layer === i) h[hold.unit] = hold.value
      if (mingru) {                                             // from the second layer on, what it adds to the layer below
        const x = view(l.x, H), prev = i ? view(below, H) : null
        for (let j = 0; j < H; j++) x[j] = h[j]+(prev ? prev[j] : 0)
        below = l.x
      } else below = l.h
    })
    apply(head, below)
    if (!counts) return
    past = [...past, code].slice(1-counts.length || past.length+1)
    mix()
  }

  function save() { return {past, logits: logits.slice(), layers: layers.map(l => [view(l.h, spec.n_hid).slice(), l.c.slice()])} }
  function load(s) {
    logits.set(s.logits)
    past = s.past
    layers.forEach((l, i) => (view(l.h, spec.n_hid).set(s.layers[i][0]), l.c.set(s.layers[i][1])))
  }
  function units() {                                            // outputs of all units, one layer after the other
    const s = new Float32Array(spec.n_layers*spec.n_hid)
    layers.forEach((l, i) => s.set(view(l.h, spec.n_hid), i*spec.n_hid))
    return s
  }

  // ---- Probabilities, and a draw from them
  function softmax(temperature) {
    let top = -Infinity, sum = 0
    for (const o of logits) if (o > top) top = o
    const p = new Float64Array(logits.length)
    for (let i = 0; i < p.length; i++) sum += p[i] = Math.exp((logits[i]-top)/temperature)
    for (let i = 0; i < p.length; i++) p[i] /= sum
    return p
  }

  function best() {
    let k = 0
    for (let i = 1; i < logits.length; i++) if (logits[i] > logits[k]) k = i
    return k
  }

  function random(seed) {                                       // numbers in [0, 1): mulberry32, two draws for 53 bits
    let a = seed >>> 0
    const draw = () => {
      a = a+0x6D2B79F5 | 0
      let t = Math.imul(a ^ a >>> 15, a | 1)
      t = t+Math.imul(t ^ t >>> 7, t | 61) ^ t
      return (t ^ t >>> 14) >>> 0
    }
    return () => ((draw() >>> 5)*67108864+(draw() >>> 6))/9007199254740992
  }

  function choose(o, rand) {                                    // as `next_probs` in Python: temperature, then top_k, then min_p
    if (o.temperature < 1e-6) return best()
    const p = softmax(o.temperature)
    if (o.top_k && o.top_k < p.length) [...p.keys()].sort((a, b) => p[b]-p[a] || a-b).slice(o.top_k).forEach(i => p[i] = 0)
    let top = 0, sum = 0, last = 0
    for (const v of p) if (v > top) top = v
    for (let i = 0; i < p.length; i++) {
      if (o.min_p && p[i] < o.min_p*top) p[i] = 0
      sum += p[i]
    }
    let x = rand()*sum
    for (let i = 0; i < p.length; i++) {
      if (!p[i]) continue
      last = i
      x -= p[i]
      if (x < 0) return i
    }
    return last
  }

  const N_RIVALS = 5
  function belief(code) {                                       // surprise at a character in bits, and the likeliest ones with their probabilities
    const p = softmax(1), top = []
    for (let i = 0; i < p.length; i++) {
      if (top.length === N_RIVALS && p[i] <= p[top[N_RIVALS-1]]) continue
      let j = top.length
      while (j && p[i] > p[top[j-1]]) j--
      top.splice(j, 0, i)
      if (top.length > N_RIVALS) top.pop()
    }
    return {bits: -Math.log2(p[code]), p: p[code], rivals: top.map(i => [i, p[i]])}
  }

  // ---- What the page asks for
  const pause = ms => new Promise(f => setTimeout(f, ms)), SLICE = 25          // ms of work between two looks at what else is asked for

  function take(code, first) {                                  // judge a character, then read it
    const o = {code, ...(first ? {bits: NaN, p: NaN, rivals: []} : belief(code))}
    step(code)
    o.units = units()
    return o
  }

  function tell(m, kind, chars, more) {
    const n = spec.n_layers*spec.n_hid, all = new Float32Array(n*chars.length)
    chars.forEach((o, i) => all.set(o.units, i*n))
    post({kind, id: m.id, chars: chars.map(({units, ...o}) => o), units: all, ...more})
  }

  async function write(m) {                                     // posts pieces as they are written
    const mine = ++job, rand = random(m.seed), t0 = performance.now()
    let piece = [], busy = 0, done = 0
    live = m
    hold = m.hold
    reset()
    if (!m.prompt.length) step(spec.begin)
    m.prompt.forEach((c, i) => piece.push(take(c, !i)))
    while (true) {
      tell(m, 'piece', piece, {done, rate: busy ? 1000*done/busy : 0, end: done >= m.n})
      if (done >= m.n) return
      await pause(live.pace ? Math.max(0, t0+1000*done/live.pace-performance.now()) : 0)
      if (job !== mine) return                                  // stopped, or something else was asked for
      const t = performance.now(), goal = live.pace ? Math.floor((t-t0)*live.pace/1000) : Infinity
      piece = []
      hold = live.hold
      do {
        piece.push(take(choose(m, rand)))
        done++
      } while (done < m.n && done < goal && performance.now()-t < SLICE)
      busy += performance.now()-t
    }
  }

  const EVERY = 32                                              // characters between two states that are remembered
  async function read(m) {                                      // what begins as the last text did is not read again
    const mine = ++job, key = JSON.stringify(m.hold || null), codes = m.codes
    if (!memo || memo.key !== key) memo = {key, chars: [], states: []}
    let i = 0, t = performance.now()
    while (i < codes.length && i < memo.chars.length && memo.chars[i].code === codes[i]) i++
    const k = Math.min(Math.floor(i/EVERY), memo.states.length-1)
    hold = m.hold
    if (k < 0) reset()
    else load(memo.states[k])
    memo.chars.length = i = Math.max(0, k)*EVERY
    memo.states.length = k+1
    for (; i < codes.length; i++) {
      if (i%EVERY === 0) memo.states[i/EVERY] = save()
      memo.chars.push(take(codes[i], !i))
      if (performance.now()-t < SLICE) continue
      await pause(0)
      if (job !== mine) { memo = null; return }
      t = performance.now()
    }
    tell(m, 'read', memo.chars)
  }

  function allLogits(codes) {
    hold = null
    reset()
    return codes.map(c => (step(c), [...logits]))
  }

  function selfTest() {                                         // the largest distance from what Python computed
    const t = spec.test, out = allLogits(t.codes)[t.codes.length-1]
    return Math.max(...t.picks.map((c, i) => Math.abs(out[c]-t.logits[i])).map(o => Number.isNaN(o) ? Infinity : o))
  }

  const kinds = {
    load(m) {
      spec = m.spec
      const ts = unpack(m.weights)
      reserve(needed(ts), m.simd !== false)
      build(ts)
      let worst = selfTest()
      if (simd && !(worst < 1e-3)) {                            // better slow than wrong
        reserve(needed(ts), false)
        build(ts)
        worst = selfTest()
      }
      post({kind: 'ready', id: m.id, worst, simd})
    },
    write, read,
    live(m) { live = {...live, ...m} },                         // changes to what is being written: pace, held unit
    stop() { job++ },
    logits(m) { post({kind: 'logits', id: m.id, logits: allLogits(m.codes)}) },
    draws(m) {                                                  // how often each character is drawn after a text
      const rand = random(m.seed), counts = Array(spec.n_vocab).fill(0)
      allLogits(m.codes)
      for (let i = 0; i < m.n; i++) counts[choose(m, rand)]++
      post({kind: 'draws', id: m.id, counts})
    },
    speed(m) {                                                  // steps a second, and multiplications
      const t = performance.now()
      let n = 0
      while (performance.now()-t < m.ms) for (let i = 0; i < 10; i++, n++) step(n%spec.n_vocab)
      post({kind: 'speed', id: m.id, simd, rate: 1000*n/(performance.now()-t)})
    }
  }
  return m => kinds[m.kind](m)
}
