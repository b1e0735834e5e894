"The page in Chromium without a network: it writes what Python writes, draws what the softmax says, and asks for nothing"
import json,math,re,socket
import numpy as np, pytest, torch
from charrnn_fa.everything import *
from charrnn_fa.cells import CELLS
from charrnn_fa.cli import main
from charrnn_fa.counted import Counted
from charrnn_fa.text.ngrams import Counts
from charrnn_fa.draw.strokes import letters as letters_of

shapes = [(cell,n) for cell in CELLS for n in (1,2,3)]
letters = ' \n,.abcdefghijklmnopqrstuvwxyz'
planes  = '\x00\t\n <>&"\'`{}</é\u0301\u05d0\u0627\u0645\u4e2d\u200d\U0001f600\U0001f3fd\U00020000\U000e0101\U000f0000\U0010ffff\ud800'

def trained(model, chars=letters, **info): return TrainedModel(model.eval(), CharVocab(chars), info)

def lively(cell, n_layers, seed=0, **kw):
    "A model whose best character is clear and changes from step to step: small recurrent weights, a loud head"
    torch.manual_seed(seed)
    m = CharRNN(len(letters), cell, n_hid=28, n_layers=n_layers, **{'n_emb':10, **kw})
    m.head.weight.data.normal_(std=3.)
    if m.init is not None: m.init.data.normal_()
    return trained(m)

@pytest.fixture
def opened(browser, tmp_path):
    "A function that opens a page offline, from a file; at the end nothing was asked for and nothing went wrong"
    ctx,seen = browser.new_context(offline=True),[]
    def _open(tm, write=True, **kw):
        page = ctx.new_page()
        page.on('request',   lambda r: seen.append(r.url) if not r.url.startswith(('file://','blob:')) else None)
        page.on('pageerror', lambda e: seen.append(str(e)))
        page.on('console',   lambda m: seen.append(m.text) if m.type in ('error','warning') else None)
        fn = tmp_path/'page.html'
        fn.write_bytes(page_html(tm, **kw).encode())
        page.goto(fn.as_uri())
        page.wait_for_selector('body[data-ready]')
        page.wait_for_selector('#text[aria-busy]')
        if write:
            page.keyboard.press('Escape')                               # it begins to write by itself: enough
            page.wait_for_selector('#text[aria-busy=false]')            # what a test does next meets a page at rest
        return page
    yield _open
    ctx.close()
    assert not seen

def fill(page, **kw):
    "Set fields, those below 'More settings' too"
    page.evaluate('document.querySelector("details").open = true')
    for k,v in kw.items():
        if k=='pace': page.select_option('#pace', str(v))
        else: page.evaluate('([k,v]) => { const e = document.getElementById(k); e.value = v; e.dispatchEvent(new Event("input")) }', [k,str(v)])

def written(page, **kw):
    "What the page writes with these settings"
    fill(page, pace=0, **kw)
    page.click('#go')
    page.wait_for_selector('#text[aria-busy=false]')
    return page.evaluate('document.querySelector("#text").textContent')

def ask(page, **m): return page.evaluate('m => charrnn.ask(m)', m)

def logits(model, codes):
    model.reset()
    with torch.no_grad(): return model(torch.tensor([codes]))[0].numpy()

def reload(page, simd): return page.evaluate('simd => charrnn.ask({kind:"load", spec:charrnn.spec, weights:document.getElementById("weights").textContent, simd})', simd)

@pytest.mark.parametrize('cell,n_layers', shapes)
def test_writes_what_python_writes(opened, cell, n_layers):
    tm   = lively(cell, n_layers, n_emb=0 if n_layers==2 else 10, learn_init=n_layers==3)
    same = rounded_model(tm.model)
    page = opened(tm)
    text = written(page, prompt='the cat', length=1000, temperature=0)
    assert text==sample_text(same, tm.vocab, 'the cat', 1000, temperature=0)
    assert len(text)==1007 and len(set(text))>5
    codes = torch.randint(len(letters), (60,)).tolist()
    for simd in (True,False):
        assert reload(page, simd)['simd']==simd
        assert np.abs(np.array(ask(page, kind='logits', codes=codes)['logits'])-logits(same, codes)).max()<1e-3

@pytest.mark.parametrize('kw', [dict(tie=True, n_emb=28), dict(weight_drop=0.5), dict(n_cells=2), dict(n_cells=7), dict(n_cells=7, n_emb=0, learn_init=True)],
    ids=['tied','weights dropped','two cells','seven cells','seven one-hot'])
def test_other_models(opened, kw):
    tm = lively('lstm', 2, **kw)
    page,codes = opened(tm),list(range(len(letters)))
    assert np.abs(np.array(ask(page, kind='logits', codes=codes)['logits'])-logits(rounded_model(tm.model), codes)).max()<1e-3
    page = opened(tm, dtype='float32')
    assert np.abs(np.array(ask(page, kind='logits', codes=codes)['logits'])-logits(tm.model, codes)).max()<1e-3

def counted(order=5, n=4000):
    "A model with counts of a text of two-letter words"
    rnd  = np.random.default_rng(0)
    vocab = CharVocab(letters)
    codes = vocab.encode(' '.join(rnd.choice(['the','cat','sat','on','a','mat','and','ran'], n//4))+' zyx')   # its end is met once
    return trained(Counted(lively('gru', 1).model, Counts.from_codes(codes, len(vocab), order), 0.6))

@pytest.mark.parametrize('order', [1,2,5])
def test_counts(opened, order):
    tm   = counted(order)
    same = page_ready(tm).model
    assert isinstance(same,Counted)
    page = opened(tm)
    text = written(page, prompt='the cat', length=300, temperature=0)
    assert text==sample_text(same, tm.vocab, 'the cat', 300, temperature=0)
    codes = tm.vocab.encode('a mat and zz the cat').tolist()
    assert np.abs(np.array(ask(page, kind='logits', codes=codes)['logits'])-logits(same, codes)).max()<1e-3
    page.fill('#typed', 'a mat and zz the cat')
    page.wait_for_timeout(300)
    want = -sum(logits(same, codes)[i,c] for i,c in enumerate(codes[1:]))/math.log(2)
    assert f'{round(want):,} bits in all' in page.inner_text('#typed-out')

@pytest.mark.parametrize('kw', [dict(temperature=1.), dict(temperature=0.7), dict(temperature=1.3, top_k=4), dict(temperature=1., min_p=0.1)], ids=str)
def test_draws_as_often_as_the_softmax_says(opened, kw):
    "Chi-square against `next_probs`; its 99.99th percentile by Wilson and Hilferty's approximation"
    tm = lively('gru', 1)
    tm.model.head.weight.data *= 0.3
    codes,n = tm.vocab.encode('the').tolist(),20_000
    got = np.array(ask(opened(tm), kind='draws', codes=codes, n=n, seed=3, **kw)['counts'])
    p   = next_probs(torch.tensor(logits(rounded_model(tm.model), codes)[-1:]), **kw)[0].numpy()
    assert got.sum()==n and not got[p==0].any() and (p>0).sum()>2
    big = p*n>=5
    exp,obs = np.append(p[big], p[~big].sum())*n,np.append(got[big], got[~big].sum())
    k = (exp>0).sum()-1
    assert ((obs-exp)[exp>0]**2/exp[exp>0]).sum()<k*(1-2/(9*k)+3.72*math.sqrt(2/(9*k)))**3

def test_same_seed_same_text(opened):
    page = opened(lively('gru', 1))
    a,b,c = (written(page, length=200, temperature=1, seed=o) for o in (5,5,6))
    assert a==b!=c

def test_every_plane_survives(opened):
    torch.manual_seed(0)
    tm = trained(CharRNN(len(set(planes)), 'gru', n_hid=16, n_emb=8), planes)
    tm.model.head.weight.data.normal_(std=3.)
    page = opened(tm, prompt='</é\U0010ffff', text=planes[:-1]*2)
    assert page.input_value('#typed')==planes[:-1]*2 and '\U00020000' in page.text_content('#mirror')
    text = written(page, length=300, temperature=0, prompt='</é\U0010ffff')
    want = sample_text(rounded_model(tm.model), tm.vocab, '</é\U0010ffff', 300, temperature=0)
    assert text==want.replace('\ud800', '\ufffd') or [ord(o) for o in text]==[ord(o) for o in want]
    assert page.evaluate('charrnn.spec.vocab')==sorted(map(ord, set(planes)))

def test_right_to_left(opened):
    torch.manual_seed(0)
    hebrew = ''.join(map(chr, range(0x5d0, 0x5eb)))+' '
    page = opened(trained(CharRNN(len(hebrew), 'gru', n_hid=8, n_emb=4), hebrew), prompt=hebrew[:5])
    assert len(written(page, length=50, temperature=1))==55
    page.fill('#typed', hebrew[:5])
    page.wait_for_function('() => document.querySelectorAll("#mirror i").length==5')
    for colour in ('plain','surprise'):
        page.check(f'[name=colour][value={colour}]', force=True)
        assert [page.evaluate(f'getComputedStyle(document.getElementById("{o}")).direction') for o in ('text','prompt','typed','mirror')]==['rtl']*4
        lefts = page.eval_on_selector_all('#mirror i', 'es => es.map(e => e.getBoundingClientRect().left)')
        assert lefts==sorted(lefts, reverse=True)

def test_a_direction_is_not_sought_at_each_character(opened):
    "A browser goes through all of a text with dir=auto for every node that comes or goes: it is off where many do"
    page = opened(lively('gru', 1))
    page.evaluate('''() => { window.seen = []
        for (const id of ['mirror','text']) new MutationObserver(rs => seen.push(...rs.map(r => [id, r.type, r.oldValue, r.addedNodes.length+r.removedNodes.length])))
            .observe(document.getElementById(id), {childList: true, attributes: true, attributeOldValue: true, attributeFilter: ['dir']}) }''')
    page.check('[name=colour][value=surprise]', force=True)
    page.fill('#typed', 'a mat and the cat')
    page.wait_for_function('() => document.querySelectorAll("#mirror i").length==17')
    written(page, prompt='the cat', length=200)
    given,many = dict(mirror=True, text=True),set()
    for where,kind,old,n in page.evaluate('seen'):
        if kind=='attributes': given[where] = old is None
        elif n>2:
            assert not given[where]
            many.add(where)
    assert many=={'mirror','text'} and all(given.values())

def test_nothing_in_it_is_run(opened):
    evil = '</script><script>document.title="broken"</script><img src=x onerror=document.title="broken">'
    tm = trained(CharRNN(len(set(evil+letters)), 'rnn', n_hid=8, n_emb=4), evil+letters, corpus=evil)
    page = opened(tm, title=evil, prompt=evil, text=evil)
    assert page.title()==evil and page.inner_text('h1')==evil and page.input_value('#typed')==evil
    assert evil in written(page, length=5) and not page.query_selector('img') and evil in page.inner_text('#facts')

def test_the_network_is_forbidden(browser, tmp_path):
    "With a network, and a script that tries: nobody hears from the page"
    with socket.create_server(('127.0.0.1',0)) as server:
        page,fn = browser.new_context().new_page(),tmp_path/'page.html'
        fn.write_bytes(page_html(lively('rnn', 1)).encode())
        page.goto(fn.as_uri())
        page.wait_for_selector('body[data-ready]')
        refused = page.evaluate("""async url => {
            const res = [], add = (tag, props) => document.body.append(Object.assign(document.createElement(tag), props))
            document.addEventListener('securitypolicyviolation', e => res.push(e.effectiveDirective))
            await fetch(url).catch(e => 0)
            add('img', {src: url}); add('script', {src: url}); add('script', {textContent: 'window.ran = 1'})
            await new Promise(f => setTimeout(f, 300))
            return [...res, window.ran] }""", f'http://127.0.0.1:{server.getsockname()[1]}/')
        page.context.close()
        server.setblocking(False)
        with pytest.raises(BlockingIOError): server.accept()
    assert {'connect-src','img-src','script-src-elem'}<=set(refused) and refused[-1] is None

@pytest.mark.parametrize('alphabet', list(ALPHABETS))
def test_drawings_are_drawn(opened, alphabet):
    "The page's strokes are those that Python reads in the same text, sound or not"
    torch.manual_seed(0)
    a  = ALPHABETS[alphabet]
    m  = CharRNN(len(set(letters_of(a))), 'gru', n_hid=16, n_emb=8)
    tm = trained(m, letters_of(a))
    if a['cols']: m.head.bias.data += torch.tensor([1. if c in a['cols']+a['rows'] else 4. for c in tm.vocab.itos])
    page = opened(tm)
    text = written(page, length=1500, temperature=1, seed=2)
    got  = page.evaluate('charrnn.strokes()')
    want = [o for o in text.split('\n')]
    assert len(want)>3 and page.inner_text('#write-h')=='It draws'
    for line,strokes in zip(want, got):
        ours = read_strokes(line+'\n', alphabet)[0]
        thin = [corners(np.array(o)) for o in strokes] if a['moves'] else [np.array(o) for o in strokes]
        assert len(ours)==len(thin) and all(np.array_equal(x,y) for x,y in zip(ours,thin))

@pytest.mark.parametrize('alphabet', ['points','steps'])
def test_a_drawing_grows_as_it_is_written(opened, alphabet):
    "At any moment the sheets on the screen show the strokes of the text so far, and the last stroke ends where the pen is"
    torch.manual_seed(0)
    a = ALPHABETS[alphabet]
    m = CharRNN(len(set(letters_of(a))), 'gru', n_hid=16, n_emb=8)
    page = opened(trained(m, letters_of(a)))
    begun = faces(1)[0] if alphabet=='points' else Drawing(faces(1)[0].strokes, 'steps')
    fill(page, pace=30, length=40, prompt=begun.text[:-1], seed=1)
    page.click('#go')
    seen = []
    while True:
        text,points,done = page.evaluate("""() => [document.querySelector('#text').textContent, [...document.querySelectorAll('#drawing svg')].map(o =>
            [...o.querySelectorAll('polyline')].map(p => p.getAttribute('points'))), document.querySelector('#text').getAttribute('aria-busy')==='false']""")
        lines = text.removesuffix('\n').split('\n') if text else []
        assert len(points)==len(lines)
        for line,drawn in zip(lines, points):
            ours  = read_strokes(line, alphabet)[0]
            drawn = [np.array([p.split(',') for p in o.split()], int) for o in drawn]
            assert len(drawn)==len(ours) and all(np.array_equal(stroke_pixels(x), stroke_pixels(y)) for x,y in zip(ours, drawn))
        seen.append(text)
        if done: break
        page.wait_for_timeout(60)
    assert seen[-1].startswith(begun.text[:-1]) and len(set(seen))>5

def test_asks_for_no_address():
    page = page_html(lively('rnn', 1))
    assert not re.search(r'https?:(?!//www\.w3\.org/2000/svg)|localStorage|sessionStorage|indexedDB|document\.cookie|innerHTML|@import|url\(', page)

def test_surprise_as_you_type(opened):
    tm   = lively('lstm', 1)
    page = opened(tm, text='a cat')
    page.fill('#typed', 'a dog, é cow')
    page.wait_for_selector('#mirror i.none')
    known = 'a dog,  cow'
    codes = tm.vocab.encode(known).tolist()
    lp    = torch.tensor(logits(rounded_model(tm.model), codes)).log_softmax(-1)
    bits  = -sum(lp[i,c].item() for i,c in enumerate(codes[1:]))/math.log(2)
    said  = page.inner_text('#typed-out')
    assert f'over {len(known)-1}' in said and f'{round(bits):,} bits in all' in said
    page.type('#typed', 's')
    page.wait_for_timeout(300)
    assert f'over {len(known)}' in page.inner_text('#typed-out')
    page.hover('#typed', position=dict(x=26,y=26))
    tip = page.inner_text('#tip')
    assert 'bits of surprise' in tip or 'comes first' in tip

ends = pytest.mark.parametrize('end', ['\r\n','\r','\n'], ids=['crlf','cr','lf'])

def of_lines(end, seed=0, **info):
    "A model whose alphabet has these line ends and no other"
    torch.manual_seed(seed)
    chars = letters.replace('\n', end)
    m = CharRNN(len(chars), 'gru', n_hid=28, n_emb=10)
    m.head.weight.data.normal_(std=3.)
    return trained(m, chars, **info)

def surprises(tm, text):
    "Bits of each character but the first"
    codes = tm.vocab.encode(text).tolist()
    lp = torch.tensor(logits(rounded_model(tm.model), codes)).log_softmax(-1)
    return [-lp[i,c].item()/math.log(2) for i,c in enumerate(codes[1:])]

def said(page, bits):
    "Wait until the page has read what was typed, and compare what it says"
    page.wait_for_function('s => document.querySelector("#typed-out").textContent.includes(s)', arg=f'over {len(bits)},', timeout=5000)
    out = page.inner_text('#typed-out')
    assert abs(float(out.split()[0])-sum(bits)/len(bits))<0.006 and f' {round(sum(bits)):,} bits in all' in out

@ends
def test_line_ends_are_read_and_written_as_python_does(opened, end):
    tm   = of_lines(end)
    text = end.join(['the cat','sat on','','the mat, and','ran.','a mat'])+end
    page = opened(tm, prompt=f'the cat{end}sat', text=text)
    said(page, surprises(tm, text))
    for colour in ('plain','surprise'):
        page.check(f'[name=colour][value={colour}]', force=True)
        got = written(page, length=400, temperature=0)
        assert got==sample_text(rounded_model(tm.model), tm.vocab, f'the cat{end}sat', 400, temperature=0)
    page.fill('#typed', 'a dog\n')
    page.focus('#typed')
    page.keyboard.press('Enter')
    page.keyboard.type('ran')
    said(page, surprises(tm, f'a dog{end}{end}ran'))

@ends
def test_colours_of_lines(opened, end):
    "Every character typed has the colour of its own surprise and lies where the field has it; the caret tells of the one before it"
    tm   = of_lines(end)
    text = end.join(['the cat','sat on','','the mat, and','ran.','a mat'])+end
    page,bits = opened(tm, text=text),surprises(tm, text)
    spans = page.eval_on_selector_all('#mirror > i', 'es => es.map(e => [e.textContent, e.className, e.getBoundingClientRect().left, e.getBoundingClientRect().top])')
    assert ''.join(o[0] for o in spans)==text
    for (_,cls,_,_),b in zip(spans[1:], bits):
        shades = re.findall(r'\bh(\d)', cls)
        assert not shades and b<1.001 or shades and int(shades[0])<=b+0.001 and (b<int(shades[0])+1.001 or shades==['8'])
    lines,at = [],0
    for line in text.split(end):
        if line: lines.append(spans[at:at+len(line)])
        at += len(line)+len(end)
    assert all(len({o[3] for o in line})==1 for line in lines) and len({line[0][2] for line in lines})==1
    tall = page.evaluate('parseFloat(getComputedStyle(document.querySelector("#typed")).lineHeight)')
    assert np.allclose([line[0][3]-lines[0][0][3] for line in lines], [tall*i for i in (0,1,3,4,5)], atol=1)
    assert page.evaluate('document.querySelector("#mirror").scrollHeight===document.querySelector("#typed").scrollHeight')
    under = page.evaluate('''() => { const el = document.querySelector('#mirror').children[7]
        el.scrollIntoView({block: 'center'})
        const r = el.getClientRects()[0]
        return [...Array(40).keys()].map(i => document.elementsFromPoint(r.left+i+.5, r.top+r.height/2).find(o => o.k!==undefined)?.k) }''')
    assert {*range(7, 7+len(end))}<=set(under)                                       # all of a line end can be seen and pointed at
    page.focus('#typed')
    page.keyboard.press('Control+Home')
    page.keyboard.press('ArrowDown')
    assert f"{bits[len('the cat'+end)-2]:.2f} bits" in page.inner_text('#tip')

@pytest.mark.parametrize('end,bad', [('\r\n','\n'),('\r\n','\r'),('\r\n','\r\n-\n'),('\r','\n'),('\n','\r')], ids=repr)
def test_other_line_ends_are_refused(end, bad):
    "A field would have others than Python read; what the model does not know, both pass over"
    tm = of_lines(end)
    with pytest.raises(ValueError, match='text has a line that ends in'): page_html(tm, text=f'a{bad}b')
    with pytest.raises(ValueError, match='prompt'): page_html(tm, prompt=f'a{bad}b')
    for known in ('\r','\n'): assert page_html(of_lines(known), text='a\r\nb')
    assert page_html(of_lines(''), text=f'a{bad}b')

def line_end_of(page): return json.loads(re.search(r'id="model">(.*?)</script>', page, re.S)[1])['line_end']

@pytest.mark.parametrize('text,found', [('a cat\n'*300+'a dog\r\n','\n'),('a cat\r\n'*300+'a\n\ndog\r\n','\r\n'),('a cat\r'*300+'a\ndog\r\n','\r')], ids=['lf','crlf','cr'])
def test_the_text_says_what_ends_its_lines(tmp_path, text, found):
    "What ends most lines, also in a page of the model's file; without the text, an alphabet with both is one of Windows"
    learn = char_learner(CharDataLoaders.from_text(text[::-1].replace('\n\r','\r\n'), bs=2, seq_len=8, device='cpu'), 'rnn', n_hid=8, precision='fp32')
    out = learn.to_folder(tmp_path/'out', prompt=f'a{found}', text=f'cat{found}')
    tm  = load_trained(out/'model.safetensors')
    assert line_end_of((out/'index.html').read_text(encoding='utf-8'))==line_end_of(page_html(tm))==found
    assert line_end_of(page_html(TrainedModel(tm.model, tm.vocab, {})))=='\r\n'

def test_one_character_is_written(opened):
    page = opened(lively('gru', 1))
    written(page, prompt='', length=1, temperature=1, seed=1)
    assert page.inner_text('#stats').startswith('1 character, ')
    assert page.text_content('#status').startswith('1 character written: ')

def test_says_what_it_cannot_read(opened):
    "Below the text that somebody types as below the prompt, and no longer than it holds"
    page = opened(lively('lstm', 1), text='a cat')
    assert not page.is_visible('#typed-unknown')
    page.fill('#typed', 'zoë paid 5€ — ça va, zoë')
    page.wait_for_selector('#mirror i.none')
    said = page.inner_text('#typed-unknown')
    page.fill('#prompt', 'zoë paid 5€ — ça va, zoë')
    page.click('#go')
    assert said==page.inner_text('#unknown') and said.endswith(': ë 5 € — ç')
    page.fill('#typed', 'a dog')
    page.wait_for_selector('#mirror i.none', state='detached')
    assert not page.is_visible('#typed-unknown')

def test_the_caption_says_what_the_colours_are(opened):
    page = opened(lively('gru', 2), text='a cat sat')
    assert 'less it expected' in page.inner_text('#type-note')
    page.check('[name=colour][value=unit]', force=True)
    fill(page, layer=2, unit=3)
    said = page.inner_text('#type-note')
    assert 'unit 3 of layer 2' in said and 'expected' not in said
    for how in ('plain','surprise'):                                      # what is typed has surprise in both
        page.check(f'[name=colour][value={how}]', force=True)
        assert 'less it expected' in page.inner_text('#type-note')

def test_rivals_by_key_and_unit_by_click(opened):
    tm   = lively('gru', 2)
    page = opened(tm)
    text = written(page, prompt='the', length=300, temperature=0.8, seed=1)
    page.check('[name=colour][value=surprise]', force=True)
    page.focus('#text')
    for _ in range(6): page.keyboard.press('ArrowRight')
    codes = tm.vocab.encode(text).tolist()
    p = torch.tensor(logits(rounded_model(tm.model), codes))[4].softmax(-1)
    rows = page.eval_on_selector_all('#tip div', 'es => es.map(e => [e.children[0].textContent, e.children[2].textContent])')
    best = p.argmax().item()
    assert rows[0][0]==tm.vocab.itos[best].replace(' ','␣').replace('\n','↵')
    assert f'{-math.log2(p[codes[5]]):.2f} bits' in page.inner_text('#tip')
    box = page.query_selector('#units').bounding_box()
    page.mouse.click(box['x']+box['width']*0.5, box['y']+box['height']-4)
    assert page.input_value('#layer')=='2' and page.input_value('#unit')!='1'
    page.check('[name=colour][value=unit]', force=True)
    assert page.query_selector('#text i.h8, #text i.c8, #text i.h4, #text i.c4, #text i.h1, #text i.c1')

def marked(page): return page.evaluate('[...document.querySelectorAll("#text i")].findIndex(o => o.classList.contains("at"))')

def test_keys_go_through_what_is_written(opened):
    "To its ends, too, and the label says in which mode"
    page = opened(lively('gru', 1))
    n = len(written(page, prompt='the', length=300, temperature=1, seed=1))
    assert 'with Surprise or One unit' in page.get_attribute('#text', 'aria-label')
    for colour in ('surprise','unit'):
        page.check(f'[name=colour][value={colour}]', force=True)
        assert re.search('written; arrow keys, Home and End', page.get_attribute('#text', 'aria-label'))
        page.focus('#text')
        for key,at in dict(End=n-1, ArrowUp=n-21, Home=0, ArrowRight=1, ArrowDown=21).items():
            page.keyboard.press(key)
            assert marked(page)==at and page.is_visible('#tip')

outside = dict(seed=[('1.5','1'),('-1','0')], length=[('0','1'),('20001','20000'),('3.7','3')], min_p=[('0.005','0.005'),('3','1')], top_k=[('0','1')])

@pytest.mark.parametrize('field', list(outside))
def test_a_number_out_of_range_is_brought_into_it(opened, field):
    "Also where its field is not to be seen, which must not keep the page from writing, nor from stopping"
    page,was = opened(lively('gru', 1)),None
    for given,used in outside[field]:
        fill(page, **{field:given})
        page.evaluate('document.querySelector("details").open = false; document.querySelector("#status").textContent = ""')
        page.click('#go')
        page.wait_for_function('() => document.querySelector("#status").textContent', timeout=5000)
        assert page.input_value(f'#{field}')==used
        page.keyboard.press('Escape')
        page.wait_for_selector('#text[aria-busy=false]')
    fill(page, length=20000, pace=30)
    page.click('#go')
    fill(page, **{field:outside[field][0][0]})
    page.evaluate('document.querySelector("details").open = false')
    page.click('#go')
    page.wait_for_selector('#text[aria-busy=false]', timeout=5000)

def test_writing_does_not_lose_what_is_read(opened):
    "A text is read in slices; where Write comes between two of them, it is read afterwards"
    page = opened(trained(CharRNN(len(letters), 'lstm', n_hid=512), letters))
    text = 'the cat sat on a mat. '*100
    fill(page, length=5, pace=0)
    page.evaluate('''text => { const e = document.querySelector('#typed')
        e.value = text
        e.dispatchEvent(new Event('input'))
        document.querySelector('#go').click() }''', text)
    page.wait_for_function('n => document.querySelector("#typed-out").textContent.includes(n)', arg=f'over {len(text)-1:,},', timeout=20000)
    assert page.text_content('#mirror').removesuffix('\u200b')==text and page.get_attribute('#text', 'aria-busy')=='false'

def test_what_is_asked_for_early_is_written(browser, tmp_path):
    "Who presses Write before the network is unpacked gets that text, and not another one after it"
    ctx,fn = browser.new_context(offline=True),tmp_path/'page.html'
    fn.write_bytes(page_html(lively('gru', 1), text='a mat').encode())
    ctx.add_init_script('''document.addEventListener('DOMContentLoaded', () => { const $ = id => document.getElementById(id)
        $('prompt').value = 'the cat'; $('length').value = 30; $('pace').value = 0
        $('go').click()
        $('prompt').value = 'a dog' })''')
    page = ctx.new_page()
    page.goto(fn.as_uri())
    page.wait_for_function('() => document.querySelector("#typed-out").textContent')           # it is read after the writing
    page.wait_for_selector('#text[aria-busy=false]')
    text = page.text_content('#text')
    ctx.close()
    assert text.startswith('the cat') and len(text)==37

def test_all_of_a_prompt_is_seen(opened):
    "In as many lines as it has, from the beginning and at any width"
    seen = 'document.querySelector("#prompt").clientHeight>=document.querySelector("#prompt").scrollHeight'
    page = opened(lively('gru', 1), prompt='the cat\nsat on\na mat')
    assert page.evaluate(seen) and page.evaluate('document.querySelector("#prompt").clientHeight')>3*24
    page = opened(lively('gru', 1), prompt='the cat sat on a mat '*5)
    assert page.evaluate(seen)
    page.set_viewport_size(dict(width=390, height=800))
    page.wait_for_function(f'() => {seen}', timeout=5000)

odd = '\u202e\u0301\u200d\ufe0f\xad\x7f\u2028\ue000\U000e0101\x01\u05d0z\U0001f600'

def test_what_cannot_be_seen_is_named(opened):
    "As in Python: a mark of direction does not turn the words around it, and nothing is an empty place"
    page = opened(lively('gru', 1), text='a cat')
    page.fill('#typed', odd.replace('z',''))
    page.wait_for_function('() => document.querySelector("#mirror i.none")')
    assert page.eval_on_selector_all('#typed-unknown bdi', 'es => es.map(e => e.textContent)')==[shown(c) for c in odd if c!='z']
    assert set(odd)&set(page.text_content('#typed-unknown'))=={'\u0301','\ufe0f','\U000e0101','\u05d0','\U0001f600'}      # marks stand on a circle
    page.fill('#typed', ''.join(map(chr, range(0x4e00, 0x4e00+3000))))
    page.wait_for_function('() => document.querySelector("#typed-unknown").textContent.includes("2,980")')
    assert page.inner_text('#typed-unknown').endswith(' 丒 专 and 2,980 others')
    tm = trained(CharRNN(len(odd), 'gru', n_hid=8, n_emb=4), odd)
    page = opened(tm, text=odd[:3])
    page.focus('#typed')
    for key in ('Control+Home','ArrowRight','ArrowRight'): page.keyboard.press(key)
    rows = page.eval_on_selector_all('#tip b', 'es => es.map(e => e.textContent)')
    assert len(rows)>=5 and set(rows)<={shown(c) for c in odd}
    assert page.text_content('#tip p bdi') in map(shown, odd) and page.text_content('#typed-out bdi') in map(shown, odd)

def test_colours_lie_under_emoji(opened):
    "Several characters that are one letter to the eye have one shade; the figures are those of each"
    family,thumb,flag = '\U0001f468\u200d\U0001f469\u200d\U0001f467','\U0001f44d\U0001f3fd','\U0001f1e9\U0001f1ea'
    chars = ''.join(sorted(set(family+thumb+flag+'e\u0301 \n')))
    torch.manual_seed(0)
    tm = trained(CharRNN(len(chars), 'gru', n_hid=16, n_emb=4), chars)
    tm.model.head.weight.data.normal_(std=3.)
    text = (family+thumb+flag+' e\u0301\n')*20
    page,bits = opened(tm, text=text),surprises(tm, text)
    said(page, bits)
    spans = page.eval_on_selector_all('#mirror > i', 'es => es.map(e => [e.textContent, e.className])')
    assert [o[0] for o in spans]==[family,thumb,flag,' ','e\u0301','\n']*20
    assert page.evaluate('document.querySelector("#mirror").scrollHeight===document.querySelector("#typed").scrollHeight')
    at = 0
    for part,cls in spans:
        top = max([0.,*bits[max(0, at-1):at+len(part)-1]])                       # the first character of all has no figure
        shades = re.findall(r'\bh(\d)', cls)
        assert not shades and top<1.001 or shades and int(shades[0])<=top+0.001 and (top<int(shades[0])+1.001 or shades==['8'])
        at += len(part)
    page.focus('#typed')
    for key in ('Control+Home','ArrowRight'): page.keyboard.press(key)            # the caret is behind the whole family
    assert f'{bits[len(family)-2]:.2f} bits' in page.inner_text('#tip')

def test_forced_colours_show_what_colours_show(browser, tmp_path):
    "Where somebody has chosen colours for all pages: shades, legend, bars, and which way of colouring is on"
    ys = dict(uniform=3.4, unigram=3.0, bigram=2.5, trigram=2.1, ngram=1.7, order=5)
    tm = trained(page_ready(lively('gru', 1)).model, evaluation=dict(nats=1.5, bits=2.2, n=1000), yardsticks=ys)
    for scheme in ('light','dark'):
        ctx,fn = browser.new_context(offline=True, forced_colors='active', color_scheme=scheme),tmp_path/'page.html'
        fn.write_bytes(page_html(tm, text='zz qq xx jj vv').encode())
        page = ctx.new_page()
        page.goto(fn.as_uri())
        page.wait_for_selector('body[data-ready]')
        page.wait_for_selector('#mirror i.h8')
        page.keyboard.press('Escape')                                           # it begins to write once it has read
        page.wait_for_selector('#text[aria-busy=false]')
        page.check('[name=colour][value=surprise]', force=True)
        written(page, prompt='zzqqxx', length=50)
        page.focus('#text')
        for _ in range(4): page.keyboard.press('ArrowRight')
        style = lambda sel, prop: page.evaluate('([s,p]) => getComputedStyle(document.querySelector(s))[p]', [sel,prop])
        canvas,ink = style('body', 'backgroundColor'),style('body', 'color')
        for sel in ('#text .h8','#mirror .h8','#legend .h8','#scale .meter span','#scale .it .meter span','#tip .came span'):
            assert style(sel, 'backgroundColor') not in (canvas,'rgba(0, 0, 0, 0)'), sel
        assert style('#text .h8', 'backgroundColor')!=style('#legend .h1', 'backgroundColor')
        assert {style(sel, 'color') for sel in ('#text .h8','#legend .h8','#typed')}=={ink}
        assert style('#mirror .h8', 'color')=='rgba(0, 0, 0, 0)'==style('#typed', 'backgroundColor')      # the field's letters stand on the shades below it
        assert (style('#go', 'backgroundColor'),style('#go', 'forcedColorAdjust'))==(style('#scale .it .meter span', 'backgroundColor'),'none')      # else its word is lost
        assert style('[value=surprise]+span', 'outlineStyle')=='solid' and style('[value=plain]+span', 'outlineStyle')=='none'
        ctx.close()

def test_all_of_a_text_is_printed(opened):
    page = opened(lively('gru', 1))
    written(page, length=6000, temperature=1)
    high = lambda: page.evaluate('[document.querySelector("#text").clientHeight, document.querySelector("#text").scrollHeight]')
    assert high()[0]<high()[1]
    page.emulate_media(media='print')
    assert high()[0]==high()[1]>1000

def test_a_held_unit_changes_the_text(opened):
    "The text with a unit held is that of a model whose head and next step see that value"
    tm   = lively('rnn', 1)
    page = opened(tm)
    free = written(page, prompt='the', length=60, temperature=0)
    fill(page, unit=5, held=1)
    page.check('#hold')
    same,codes = rounded_model(tm.model),tm.vocab.encode('the').tolist()
    same.reset()
    for i in range(63):
        with torch.no_grad(): same(torch.tensor([codes[i:i+1]]))
        h = same.get_state()
        h[0][0,0,4] = 1.
        same.set_state(h)
        if i>=2: codes.append((same.head.weight@h[0][0,0]+same.head.bias).argmax().item())
    text = written(page, prompt='the', length=60, temperature=0)
    assert text==tm.vocab.decode(codes[:63])!=free

def test_says_when_a_browser_computes_something_else(browser, tmp_path):
    page,fn = browser.new_context(offline=True).new_page(),tmp_path/'page.html'
    src = page_html(lively('gru', 1))
    spec = json.loads(re.search(r'id="model">(.*?)</script>', src, re.S)[1])
    fn.write_bytes(src.replace(f'{spec["test"]["logits"][3]}', f'{spec["test"]["logits"][3]+0.01}', 1).encode())
    page.goto(fn.as_uri())
    page.wait_for_selector('body[data-ready=failed]')
    assert page.is_visible('#warning') and 'do not trust' in page.inner_text('#warning') and 'FAILED' in page.inner_text('#test')
    page.context.close()

@pytest.mark.parametrize('width', [1280,390,320])
def test_fits_the_screen(opened, width):
    page = opened(lively('lstm', 3), title='A title of '+'very'*30+' many letters')
    page.set_viewport_size(dict(width=width, height=800))
    text = written(page, length=400, temperature=1)
    assert page.evaluate('document.documentElement.scrollWidth')<=width
    assert page.evaluate('document.querySelector("#status").textContent').startswith('40')

def test_one_character_is_counted_as_one(opened):
    page = opened(lively('gru', 1))
    said = lambda: [page.evaluate(f'document.querySelector("#{o}").textContent') for o in ('status','stats')]
    written(page, length=1, temperature=1)
    assert re.match('1 character written', said()[0]) and re.match('1 character[ ,]', said()[1]), said()
    written(page, length=2, temperature=1)
    assert re.match('2 characters written', said()[0]) and re.match('2 characters[ ,]', said()[1]), said()

def test_stops_and_is_not_frozen(opened):
    page = opened(trained(CharRNN(len(letters), 'lstm', n_hid=512), letters))            # a small one has written all before a busy browser looks up
    fill(page, length=20000, pace=0)
    page.click('#go')
    # clicked in the page, as soon as it has begun: a click from here may come after 20,000 characters
    page.evaluate('''new Promise(ok => { const now = setInterval(() => {
        if(!document.querySelector('#text').textContent) return; clearInterval(now); document.querySelector('#go').click(); ok() }, 1) })''')
    page.wait_for_selector('#text[aria-busy=false]', timeout=5000)        # the worker hears of it between two slices
    assert page.get_attribute('#text', 'aria-busy')=='false' and 0<len(page.text_content('#text'))<20000
    n = len(page.text_content('#text'))
    page.wait_for_timeout(100)
    assert len(page.text_content('#text'))==n

def test_rounding_costs_nothing_that_shows(shakespeare):
    "A model trained a little on the real text; bench/page.py has the full figure"
    torch.manual_seed(0)
    dls   = CharDataLoaders.from_corpus('shakespeare', bs=32, seq_len=48, device='cpu')
    learn = char_learner(dls, 'lstm', n_hid=96, n_emb=32, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(60)
    valid = dls.valid.codes[:20_000]
    full,small = evaluate_codes(learn.model, valid).nats,evaluate_codes(rounded_model(learn.model), valid).nats
    assert full<3 and abs(small-full)<0.002

@pytest.mark.parametrize('dtype', ['int8','float32'])
@pytest.mark.parametrize('bad', [math.nan,math.inf])
def test_a_broken_model_is_refused(dtype, bad):
    "Wherever the number is that is not finite: the page could not read it"
    for nm,_ in lively('mingru', 2).model.named_parameters():
        tm = lively('mingru', 2)
        tm.model.get_parameter(nm).data.view(-1)[0] = bad
        with pytest.raises(ValueError, match='not finite'): page_html(tm, dtype=dtype)

@pytest.mark.parametrize('dtype', ['int8','float32'])
def test_weights_that_are_too_large_are_refused(dtype):
    "Their sums are not finite, which no browser can read"
    tm = lively('gru', 1)
    tm.model.head.weight.data.mul_(3e38/tm.model.head.weight.abs().max())
    with pytest.raises(ValueError, match='logits that are not finite'): page_html(tm, dtype=dtype)
    with pytest.raises(ValueError, match='figure of this model is not finite'): page_html(trained(lively('gru', 1).model, evaluation=dict(nats=1., bits=1., n=5),
        yardsticks=dict(uniform=math.inf, order=1)), dtype='float32')

@pytest.mark.parametrize('kw', [dict(title=5), dict(prompt=None), dict(text=5)], ids=str)
def test_what_is_no_text_is_refused(tmp_path, kw):
    (nm,o), = kw.items()
    for f in (page_html, lambda tm, **kw: tm.to_html(tmp_path/'me.html', **kw), lambda tm, **kw: tm.to_folder(tmp_path/'out', **kw)):
        with pytest.raises(TypeError, match=f'^{nm}={o} is no text'): f(lively('gru', 1), **kw)

def test_names_stay_in_their_line(tmp_path):
    "A title and a corpus of several lines, or with what begins a column"
    tm = trained(lively('gru', 1).model, config=None, corpus='a | b\n\n# c', split='one\ntwo')
    said = (tm.to_folder(tmp_path/'out', title='Cats\n# and \u2028| dogs')/'README.md').read_text(encoding='utf-8').split('\n')
    assert said[1]=='title: "Cats # and | dogs"' and '# Cats # and | dogs' in said
    assert '| Text | a &#124; b # c |' in said and '| Split | one two |' in said

def card_of(fn): return json.loads(re.search(r'id="model">(.*?)</script>', fn.read_text(encoding='utf-8'), re.S)[1])['card']
def nats_of(model, dls): return f'{evaluate_codes(model, dls.valid.codes).nats:.4f} nats'

def test_a_page_states_its_own_loss(tmp_path, capsys):
    "That of its rounded weights; a folder's README and file have that of the whole ones, in Python and in the shell"
    torch.manual_seed(0)
    (tmp_path/'cats.txt').write_text('the cat sat on the mat and the dog sat on the log.\n'*60)
    dls   = CharDataLoaders.from_file(tmp_path/'cats.txt', bs=4, seq_len=16, device='cpu')
    learn = char_learner(dls, 'gru', n_hid=24, n_emb=8, precision='fp32')
    learn.model.head.weight.data.normal_(std=3.)                                # wrong, and loud, so that rounding shows
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(1, lr=1e-6, cbs=Resume(tmp_path/'run', every=1))
    full,small = (nats_of(o, dls) for o in (learn.model, rounded_model(learn.model)))
    assert full!=small
    learn.to_folder(tmp_path/'out')
    assert main(['html', str(tmp_path/'run'), str(tmp_path/'shell')])==0
    for at in ('out','shell'):
        card,said = card_of(tmp_path/at/'index.html'),(tmp_path/at/'README.md').read_text(encoding='utf-8')
        assert dict(card['facts'])['Loss'].startswith(small) and full not in str(card)
        assert f'| Loss | {full}' in said and small not in said
        assert f"{next(o[1] for o in card['scale'] if o[2]):.4f} nats"==small and 'Copied' in dict(card['facts'])
        tm = load_trained(tmp_path/at/'model.safetensors')
        assert f"{tm.info['evaluation']['nats']:.4f} nats"==full
        tm.to_html(tmp_path/'later.html')                                       # without the text: what is known is of other weights
        card = card_of(tmp_path/'later.html')
        assert dict(card['facts'])['Loss before rounding'].startswith(full) and not {'Loss','Copied'}&{*dict(card['facts'])} and [o[0] for o in card['scale'] if o[2]]==['this network, before rounding']
        tm.to_html(tmp_path/'exact.html', dtype='float32')
        assert dict(card_of(tmp_path/'exact.html')['facts'])['Loss'].startswith(full)

def test_a_page_without_its_counts_states_no_loss_of_theirs():
    big  = Counted(CharRNN(len(letters), 'lstm', n_hid=1000), counted().model.counts, 0.6)
    info = dict(evaluation=dict(nats=1.25, bits=1.8, n=400), yardsticks=dict(uniform=3., order=1))
    card = model_card(page_ready(trained(big, **info)))
    assert 'Loss' not in dict(card['facts']) and 'Loss with its counts' in dict(card['facts']) and [o[0] for o in card['scale'] if o[2]]==['this network, with its counts']
    assert 'Loss before rounding' in dict(model_card(page_ready(trained(counted().model, **info)))['facts'])
    ready = page_ready(trained(counted().model))
    again = page_ready(trained(ready.model, **info))                            # measured as the page has it
    assert 'Loss' in dict(model_card(again)['facts']) and model_card(again)['scale']

def test_size():
    m = CharRNN(65, 'lstm', **choose_size(1_000_000))
    assert n_params(m)==954_433 and len(page_html(trained(m, map(chr, range(32,97)))).encode())<1_600_000

def test_a_large_model_leaves_its_counts_out():
    tm = counted()
    info = page_ready(trained(Counted(CharRNN(len(letters), 'lstm', n_hid=1000), tm.model.counts, 0.6))).info
    assert 'counts of order 5' in info['left_out'] and 'MB' in info['left_out']

def test_from_a_shell(tmp_path, capsys):
    "A folder that was shared is a run, too: pages and folders can be made from it again"
    tm = lively('gru', 1)
    trained(tm.model, config=tm.model.config, split=None, corpus='letters').to_folder(tmp_path/'run')
    capsys.readouterr()
    assert main(['html', str(tmp_path/'run'), str(tmp_path/'me.html'), '--title', 'T & U', '--json'])==0
    res,page = json.loads(capsys.readouterr().out),(tmp_path/'me.html').read_text(encoding='utf-8')
    assert res['bytes']==len(page.encode()) and '<title>T &amp; U</title>' in page
    assert main(['html', str(tmp_path/'run'), str(tmp_path/'exact'), '--dtype', 'float32'])==0         # a folder has a page, too
    page = (tmp_path/'exact/index.html').read_text(encoding='utf-8')
    assert '"dtype": "float32"' in page and '"int8"' not in page
    capsys.readouterr()
    assert main(['html', str(tmp_path/'nothing'), str(tmp_path/'me.html')])==2 and 'charrnn html: There is no trained model' in capsys.readouterr().err
