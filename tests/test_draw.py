"Drawings: nothing is lost between strokes and text, nonsense is drawn as far as it goes, files are read, a network draws"
import functools, gzip, http.server, json, re, tempfile, threading, warnings
import xml.etree.ElementTree as ET
from pathlib import Path
import numpy as np, pytest, torch
from hypothesis import given, settings, strategies as st
from fastai.basics import set_seed
from charrnn_fa.everything import *

point   = st.tuples(st.integers(0,63), st.integers(0,63))
strokes = st.lists(st.lists(point, min_size=1, max_size=12).map(np.array), max_size=6)
quick   = settings(max_examples=120, deadline=None)

def pixels(stroke):
    "Every pixel on the way, by whole steps of the longer side"
    res = [tuple(stroke[0])]
    for (x,y),(u,v) in zip(stroke, stroke[1:]):
        n = max(abs(u-x), abs(v-y))
        res += [(int(np.floor(x+(u-x)*i/n+.5)), int(np.floor(y+(v-y)*i/n+.5))) for i in range(1,n+1)]
    return res

def no_repeats(stroke): return [tuple(o) for i,o in enumerate(stroke.tolist()) if i==0 or o!=stroke[i-1].tolist()]

@quick
@given(strokes)
def test_points_are_kept_exactly(ss):
    back = text_to_strokes(strokes_to_text(ss, 'points'))
    assert [list(map(tuple, o.tolist())) for o in back]==[no_repeats(o) for o in ss]

@quick
@given(strokes, st.sampled_from(['steps','runs']))
def test_every_pixel_is_kept(ss, alphabet):
    back = text_to_strokes(strokes_to_text(ss, alphabet), alphabet)
    assert [pixels(o.tolist()) for o in back]==[pixels(o.tolist()) for o in ss]

@quick
@given(strokes)
def test_steps_followed_by_hand(ss):
    "A reader of its own: eight letters clockwise from the right, D and U"
    x,y,down,seen = 32,32,False,[]
    for c in strokes_to_text(ss, 'steps'):
        if c in 'DU':
            down = c=='D'
            if down: seen.append([(x,y)])
        elif c!='\n':
            i = 'abcdefgh'.index(c)
            x,y = x+[1,1,0,-1,-1,-1,0,1][i],y+[0,1,1,1,0,-1,-1,-1][i]
            if down: seen[-1].append((x,y))
    assert seen==[pixels(o.tolist()) for o in ss]

@quick
@given(strokes, st.sampled_from([*ALPHABETS]))
def test_a_drawing_is_a_line(ss, alphabet):
    text = strokes_to_text(ss, alphabet)
    assert text.endswith('\n') and text.count('\n')==1 and set(text)<=set(letters(ALPHABETS[alphabet]))
    assert strokes_to_text(text_to_strokes(text, alphabet), alphabet)==text
    if ss: assert alphabet_of(text)['name']==alphabet
    assert read_strokes(text, alphabet)[1]=='' and read_strokes(text[:-1], alphabet)[1]==''

@quick
@given(st.sampled_from([*ALPHABETS]).flatmap(lambda a: st.tuples(st.just(a), st.text(alphabet=letters(ALPHABETS[a])+'?', max_size=40))))
def test_nonsense_is_drawn_as_far_as_it_goes(x):
    alphabet,text = x
    ss,wrong = read_strokes(text, alphabet)
    assert all(o.min()>=0 and o.max()<64 for o in ss)
    at = re.match(r'character (\d+) of', wrong)
    if at: assert [o.tolist() for o in read_strokes(text[:int(at[1])], alphabet)[0]]==[o.tolist() for o in ss]
    assert Drawing(text, alphabet).svg().startswith('<svg')
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter('always', UserWarning)
        text_to_strokes(text, alphabet)
    assert bool(w)==bool(wrong)

def test_declared_alphabets_are_plain_data(): assert json.loads(json.dumps(ALPHABETS))==ALPHABETS

def test_svg_is_well_formed_and_has_no_script():
    for f in faces(20, seed=5):
        for s in (None,3.):
            root = ET.fromstring(f.svg(seconds=s))
            assert len(root.findall('.//{*}path'))==len(f) and 'script' not in f.svg(seconds=s)

def test_braille_has_a_dot_for_every_pixel():
    f = faces(1)[0]
    dots = sum(bin(ord(c)-0x2800).count('1') for c in f.braille() if c!='\n')
    assert dots==len({p for s in f for p in pixels(s.tolist())})

def test_faces_pass_and_are_unlike():
    fs = faces(500, seed=99)
    assert sum(not check_face(o) for o in fs)>=495
    assert len({o.text for o in fs})==500 and DrawingCopies(fs[:450]).share(fs[450])<.5

def test_gaps_in_a_head_are_found():
    f = faces(1)[0]
    head = stroke_pixels(f.strokes[0])
    assert not check_face([head, *f.strokes[1:]])
    for cut in (1,2,5): assert ('open' in check_face([head[:-cut], *f.strokes[1:]]))==(np.abs(head[-1-cut]-head[0]).max()>1)
    cut = f.strokes[0][:-6]
    assert 'straight side' in check_face([np.concatenate([cut, cut[:1]]), *f.strokes[1:]])
    assert 'only 0 x 0' in check_face([head[:1], *f.strokes[1:]])                # a dot in place of the head

def test_quickdraw_and_svg(tmp_path):
    (tmp_path/'q.ndjson').write_text('{"word":"cat","recognized":true,"drawing":[[[0,255],[0,0]],[[0,0,255],[0,255,255]]]}\n'
        '{"word":"cat","recognized":false,"drawing":[[[0,255],[0,0]]]}\n')
    assert len(get_drawings(tmp_path/'q.ndjson'))==1 and len(get_drawings(tmp_path/'q.ndjson', recognized=False))==2
    assert [o.tolist() for o in get_drawings(str(tmp_path/'q.ndjson'))[0]]==[[[3,3],[60,3]],[[3,3],[3,60],[60,60]]]
    (tmp_path/'c.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"><circle cx="50" cy="50" r="40"/><line x1="10" y1="50" x2="90" y2="50"/></svg>')
    circle,line = get_drawings(tmp_path/'c.svg', eps=0)[0]
    r = np.hypot(*(circle-31.5).T)
    assert abs(r-28.5).max()<1 and line.tolist()==[[3,32],[60,32]]
    with pytest.raises(CorpusError, match='not an .svg'): get_drawings(tmp_path/'none.ndjson')

def test_a_network_learns_one_face():
    "Shown a single drawing over and over, it draws that one, from the start and from any beginning"
    set_seed(0)
    f = faces(1, seed=4)[0]
    dls = CharDataLoaders.from_drawings([f]*60, bs=4, seq_len=64, device='cpu')
    learn = char_learner(dls, 'lstm', n_hid=128, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(300)
    assert learn.draw(1, temperature=0)[0]==f
    assert learn.draw(2, prompt=f[:2], temperature=0)[1]==f
    assert DrawingCopies([f]).share(learn.draw(1, temperature=0)[0])==1
    out = []
    import IPython.display as d
    was,d.display = d.display,out.append
    try: learn.sample('\n', n=len(f.text), temperature=0)._ipython_display_()
    finally: d.display = was
    assert [o==f for o in out[0]]==[True]

@pytest.mark.parametrize('wide', [1280,390])
def test_grid_in_a_browser(browser, tmp_path, wide):
    page = browser.new_page(viewport=dict(width=wide, height=700))
    said = []
    page.on('console', lambda m: said.append(m.text))
    page.on('pageerror', lambda e: said.append(str(e)))
    page.goto(f'file://{draw_grid(faces(12), seconds=1).save(tmp_path/"x.html")}')
    boxes = page.eval_on_selector_all('svg', 'xs => xs.map(o => o.getBoundingClientRect().right)')
    assert len(boxes)==12 and max(boxes)<=wide and not said
    page.wait_for_timeout(1500)
    left = page.eval_on_selector_all('path', "xs => xs.filter(o => parseFloat(getComputedStyle(o).strokeDashoffset)>.01).length")
    page.close()
    assert left==0

quickline = '{"word":"cat","recognized":true,"drawing":[[[0,255],[0,0]],[[0,0,255],[0,255,255]]]}\n'

def test_quickdraw_compressed_and_by_address(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    (tmp_path/'d').mkdir()
    with gzip.open(tmp_path/'d'/'cat.ndjson.gz', 'wt') as f: f.write(quickline*3)
    (tmp_path/'d'/'dog.ndjson').write_text(quickline*2)
    assert [len(get_drawings(tmp_path/'d'/o)) for o in ('cat.ndjson.gz','dog.ndjson','')]==[3,2,5]
    quiet = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path/'d'))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, 'log_message', lambda *a: None)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), quiet) as srv:
        threading.Thread(target=srv.serve_forever, daemon=True).start()
        at = f'http://127.0.0.1:{srv.server_port}'
        got = get_drawings(f'{at}/cat.ndjson.gz?alt=media', n=2)
        assert len(got)==2 and [o.tolist() for o in got[0]]==[[[3,3],[60,3]],[[3,3],[3,60],[60,60]]]
        with pytest.raises(CorpusError, match='could not be fetched'): get_drawings(f'{at}/none.ndjson')
        srv.shutdown()

@pytest.mark.parametrize('line,why', {'{"drawing":[[[0,1],[0]]]}':'has 2 x, but 1 y', '{"drawing":[[[0,1]]]}':'Line 2', '{"drawing":[3]}':'Line 2',
    '{"word":"cat"}':'drawing', '[1,2]':'Line 2', '{"drawing":[[["a"],["b"]]]}':'Line 2', '{"drawi':'Line 2'}.items())
def test_broken_lines_are_named(tmp_path, line, why):
    (tmp_path/'q.ndjson').write_text(quickline+line+'\n')
    with pytest.raises(CorpusError, match=why): get_drawings(tmp_path/'q.ndjson')
    assert len(get_drawings(tmp_path/'q.ndjson', n=1))==1

def test_a_broken_line_of_a_folder_is_named_with_its_file(tmp_path):
    (tmp_path/'a.ndjson').write_text(quickline)
    (tmp_path/'b.ndjson').write_text(quickline+'{"drawing":5}\n')
    with pytest.raises(CorpusError, match=r'b\.ndjson: Line 2 is not'): get_drawings(tmp_path)

def test_broken_archive_is_named(tmp_path):
    with gzip.open(tmp_path/'q.ndjson.gz', 'wt') as f: f.write(quickline*2000)
    whole = (tmp_path/'q.ndjson.gz').read_bytes()
    for bad in (whole[:-20], b'no archive', whole[:40]+b'\xff'*20+whole[60:]):
        (tmp_path/'q.ndjson.gz').write_bytes(bad)
        with pytest.raises(CorpusError, match='q.ndjson.gz could not be read .*download it again'): get_drawings(tmp_path/'q.ndjson.gz')

@pytest.mark.parametrize('x', ['1'+'0'*400, '1'+'0'*5000, '1e400', 'NaN'], ids=['401 digits','5001 digits','beyond floats','nan'])
def test_a_number_that_is_none_is_named(tmp_path, x):
    (tmp_path/'q.ndjson').write_text(quickline+f'{{"drawing":[[[0,{x}],[0,5]]]}}\n')
    with pytest.raises(CorpusError, match='q.ndjson: Line 2 is not'): get_drawings(tmp_path)
    if not x.startswith('1'): return
    (tmp_path/'q.ndjson').write_text(quickline)
    (tmp_path/'r.svg').write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><polyline points="0,0 {x},5"/></svg>')
    with pytest.raises(CorpusError, match='r.svg could not be read'): get_drawings(tmp_path)

def test_home_folder_of_drawings(tmp_path, monkeypatch):
    for o in ('HOME','USERPROFILE'): monkeypatch.setenv(o, str(tmp_path))
    (tmp_path/'d').mkdir()
    (tmp_path/'d'/'cat.ndjson').write_text(quickline*2)
    assert [len(get_drawings(o)) for o in ('~/d/cat.ndjson', Path('~/d/cat.ndjson'), '~/d')]==[2,2,2]

def test_huge_drawing(tmp_path):
    "A spiral of 100,000 points in the raw files' three rows; every point lies within a pixel or so of the line that is kept"
    t = np.linspace(0, 40, 100_000)
    raw = [(t*np.cos(t)).tolist(), (t*np.sin(t)).tolist(), t.tolist()]
    (tmp_path/'q.ndjson').write_text(json.dumps(dict(word='spiral', drawing=[raw, [[],[]]])))
    d, = get_drawings(tmp_path/'q.ndjson')
    pts = np.array(raw[:2]).T[::997]
    lo,hi = np.array(raw[:2]).min(1),np.array(raw[:2]).max(1)
    want = (pts-(lo+hi)/2)*57/(hi-lo).max()+31.5
    line = stroke_pixels(d.strokes[0])
    assert len(d)==1 and len(d.strokes[0])<1000
    assert max(np.hypot(*(line-p).T).min() for p in want)<2.2                     # simplified by .7, and moved to whole pixels twice

def test_svg_of_straight_and_cubic_segments(tmp_path):
    (tmp_path/'p.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"><polyline points="0,0 100,0 100,100"/>'
        '<path d="M0 100 C 0 50 50 50 50 100 L 60 100 Z M 10 10 h 20"/></svg>')
    d, = get_drawings(tmp_path/'p.svg', eps=0)
    px = lambda x, y: [round(3+57*x/100), round(3+57*y/100)]
    assert len(d)==3 and d.strokes[0].tolist()==[px(0,0),px(100,0),px(100,100)] and d.strokes[2].tolist()==[px(10,10),px(30,10)]
    t = np.linspace(0, 1, 200)[:,None]
    curve = 3*(1-t)**2*t*[0,50]+3*(1-t)*t*t*[50,50]+t**3*[50,100]+(1-t)**3*[0,100]          # Bernstein's form of the same curve
    assert max(np.hypot(*(stroke_pixels(d.strokes[1])-(3+.57*p)).T).min() for p in curve)<1.2
    assert d.strokes[1][0].tolist()==d.strokes[1][-1].tolist()==px(0,100)

def spoilt(f, r):
    "A face spoilt in one of eight ways, and which"
    ss = [s.astype(float) for s in f.strokes]
    (l,t),(w,h) = ss[0].min(0),np.ptp(ss[0], axis=0)
    if abs(np.ptp([s.mean(0)[0] for s in ss[1:3]]))<w/5: ss.pop(2)                # the pupil of the first eye: 1 and 2 are the eyes
    how = ['half a head','flat head','eye gone','eye outside','eye low','eyes low','eyes too large','upside down'][r.integers(8)]
    if how=='half a head':    ss[0] = np.concatenate([ss[0][:7], ss[0][:1]])
    if how=='flat head':      ss[0] = np.c_[ss[0][:,0], t+(ss[0][:,1]-t)*.4]
    if how=='eye gone':       ss = [ss[0], ss[1], *[s for s in ss[2:] if s[:,1].min()>t+.65*h]]
    if how=='eye outside':    ss[2] = ss[2]+[w,0]
    if how=='eye low':        ss[1] = ss[1]+[0,h/6]
    if how=='eyes low':       ss[1],ss[2] = ss[1]+[0,.42*h],ss[2]+[0,.42*h]
    if how=='eyes too large': ss[1:3] = [s.mean(0)+(s-s.mean(0))*w/max(np.ptp(s[:,0]), 1) for s in ss[1:3]]
    if how=='upside down':    ss = [np.c_[s[:,0], 2*t+h-s[:,1]] for s in ss]
    return [np.clip(np.round(s), 0, 63).astype(int) for s in ss],how

def test_spoilt_faces_are_rejected():
    "The checker passes sound faces and rejects broken ones that are closed, well spelled, and spoilt by no rule of its own"
    r = np.random.default_rng(3)
    fs = [f for f in faces(800, seed=31) if not check_face(f)]
    tried = [spoilt(f, r) for f in fs]
    passed = [how for ss,how in tried if not check_face(Drawing(Drawing(ss).text))]
    assert len({how for _,how in tried})==8 and len(fs)>=792
    assert len(passed)<=8, {k:passed.count(k) for k in set(passed)}

@pytest.fixture(scope='module')
def knows_two():
    "A network that knows two faces by heart, and these"
    set_seed(0)
    fs = faces(2, seed=4)
    dls = CharDataLoaders.from_drawings([*fs]*40, bs=4, seq_len=64, device='cpu')
    learn = char_learner(dls, 'lstm', n_hid=128, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(400)
    return learn,fs

def test_half_a_drawing_and_temperatures(knows_two):
    learn,fs = knows_two
    for f in fs: assert learn.draw(1, f[:len(f)//2], temperature=0)[0]==f
    grid = learn.draw_temperatures((.1,1.5), fs[0][:3], seed=0, max_len=300)
    assert grid.titles==['0.1','1.5'] and all(o[:3]==fs[0][:3] and o.given==3 for o in grid) and grid[0]!=grid[1]

def test_a_unit_leads_from_one_drawing_to_another(knows_two):
    "Held at one value after the other, the unit that is found lets the network begin one of the two faces more and more often"
    learn,fs = knows_two
    def _begins(d): return len(d)>0 and np.array_equal(d.strokes[0][0], fs[0].strokes[0][0])
    unit,more = learn.find_unit(_begins, max_len=3, temperature=1, tries=32)
    def _share(v): return np.mean([_begins(o) for o in learn.draw(200, temperature=1, seed=1, steer={unit:np.sign(more)*v}, max_len=3)])
    shares = [_share(v) for v in (-3,-1,0,1,3)]
    assert all(a<=b+.02 for a,b in zip(shares, shares[1:])) and shares[-1]-shares[0]>.1, shares
    grid = learn.draw_steered(unit, (-3,0,3), fs[0][:2], seed=1, max_len=100)
    assert grid.titles==['-3','0','3'] and all(o[:2]==fs[0][:2] for o in grid)
    for k,o in zip((-3,0,3), grid): assert o==learn.draw(1, fs[0][:2], seed=1, steer={unit:k}, max_len=100)[0]

@pytest.mark.parametrize('cell', ['lstm','gru','rnn','mingru'])
def test_head_and_next_step_see_a_unit_that_is_held(cell):
    "Followed by hand, layer by layer"
    torch.manual_seed(0)
    a = ALPHABETS['steps']
    learn = char_learner(CharDataLoaders.from_drawings(faces(20), 'steps', bs=2, seq_len=16, device='cpu'), cell, n_hid=16, n_layers=2, precision='fp32')
    m,vocab,held = learn.model.eval(),learn.vocab,{3:.9,7:-.6}
    codes,h,text = vocab.encode('\nDa').tolist(),None,'\nDa'
    with torch.no_grad():
        for _ in range(40):
            out,h = m.rnn(m.emb(torch.tensor([codes])), h)
            last,top = out[0,-1].clone(),(h[0] if cell=='lstm' else h)[-1,0]
            for k,v in held.items(): last[k],top[k] = v,v
            codes = [m.head(last).argmax().item()]
            text += vocab.decode(codes)
            if text.endswith('\n'): break
    assert learn.draw(1, 'Da', temperature=0, steer=held, max_len=40)[0]==Drawing(text[1:], 'steps')

def test_a_pupil_is_not_a_second_eye():
    "A head, an eye and its pupil, and all that lies below them; and eyes with or without their pupils"
    ring = np.array([[0,-3],[3,0],[0,3],[-3,0],[0,-3]])
    head = np.round(np.c_[32+18*np.cos(np.linspace(0, 2*np.pi, 20)), 32+20*np.sin(np.linspace(0, 2*np.pi, 20))]).astype(int)
    l,r,mouth = [24,28]+ring,[40,28]+ring,np.array([[26,42],[32,45],[38,42]])
    dot = lambda x, y: np.array([[x,y]])
    for ss in ([l,r], [r,l], [l,dot(24,28),r], [l,dot(25,27),r,dot(41,27)], [r,dot(43,28),l,dot(21,28)]): assert check_face([head, *ss, mouth])==''
    assert check_face([head, l, dot(24,28), mouth]) and check_face([head, l, dot(24,28), dot(25,28), mouth])=='there is no second eye'
    assert 'close' in check_face([head, l, dot(29,28), r, mouth])                   # a pupil outside its eye

def test_a_held_unit_of_a_cell_beside_counts():
    "The cell's head reads the held value, the next step starts from it, and the counts are mixed in after that"
    torch.manual_seed(0)
    dls  = CharDataLoaders.from_drawings(faces(20), 'steps', bs=2, seq_len=16, device='cpu')
    cell = CharRNN(len(dls.vocab), 'gru', n_hid=16).eval()
    m    = Counted(cell, Counts.from_codes(dls.train.codes, len(dls.vocab), 3), weight=0.6).eval()
    seen = []
    hook = cell.head.register_forward_hook(lambda head, args, out: seen.append(args[0][0,-1].detach().clone()))
    d = draw_with(m, dls.vocab, 1, 'Da', temperature=0, steer={3:.9}, max_len=30)[0]
    hook.remove()
    codes,h,text = dls.vocab.encode('\nDa').tolist(),None,'\nDa'
    with torch.no_grad():
        for i in range(30):
            out,h = cell.rnn(cell.emb(torch.tensor([codes])), h)
            last,h[-1,0,3] = out[0,-1].clone(),.9
            last[3] = .9
            assert torch.allclose(seen[i], last, atol=1e-5)
            q = count_rows(m.counts, dls.vocab.encode(text)[None,-2:].astype(np.int64))[0]
            codes = [int((.6*cell.head(last).softmax(-1).numpy()+.4*q).argmax())]
            text += dls.vocab.decode(codes)
            if text.endswith('\n'): break
    assert d==Drawing(text[1:], 'steps')

def test_what_has_no_units_to_hold_says_so():
    class Own(torch.nn.Module):
        config = dict(n_hid=4)
        def reset(self): pass
    with pytest.raises(ValueError, match='beside counts, and Own is none'): draw_with(Own(), CharVocab(letters(ALPHABETS['steps'])), 1, steer={0:1.})

def test_a_head_of_one_point_is_too_small():
    f = faces(1)[0]
    assert check_face([f.strokes[0][:1], *f.strokes[1:]])=='the head is only 0 x 0 pixels large'

@pytest.mark.parametrize('svg', ['<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0 L', '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g></svg>'], ids=['cut off','in a circle'])
def test_a_broken_svg_is_named(svg, tmp_path):
    (tmp_path/'broken.svg').write_text(svg)
    with pytest.raises(CorpusError, match='broken.svg could not be read as SVG'): get_drawings(tmp_path)

@pytest.mark.parametrize('head', ['','<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">'], ids=['plain','doctype'])
@pytest.mark.parametrize('tag', ['symbol','marker','pattern','mask','defs'])
def test_what_only_others_use_is_not_drawn_where_it_stands(tag, head, tmp_path):
    "A symbol is drawn once for each `use`, the others not at all"
    (tmp_path/'s.svg').write_text(head+f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><{tag} id="a"><path d="M0 0 L9 9"/><path d="M9 0 L0 9"/></{tag}>'
        '<rect width="40" height="40"/>'+('<use xlink:href="#a" x="20" y="0"/><use href="#a" x="0" y="20"/>' if tag=='symbol' else '')+'</svg>')
    d, = get_drawings(tmp_path/'s.svg', eps=0)
    assert len(d)==(5 if tag=='symbol' else 1)
    if tag=='symbol': assert sorted(tuple(o.mean(0)>31) for o in d.strokes[1:])==[(False,True)]*2+[(True,False)]*2


def test_a_deep_line_is_named(tmp_path):
    (tmp_path/'deep.ndjson').write_text('{"drawing":'+'['*100_000+']'*100_000+'}\n')
    with pytest.raises(CorpusError, match='Line 1 is not a QuickDraw drawing'): get_drawings(tmp_path/'deep.ndjson')

def test_one_character_is_no_drawing(): assert read_strokes('D', 'steps')[1]=='the text stops after 1 character with the pen down'

def test_half_a_character_is_printed_and_written(tmp_path, capsys):
    "A lone surrogate in a vocabulary, a title or the name of a corpus"
    dls = CharDataLoaders.from_text('she \ud800 sells '*200, bs=2, seq_len=16, device='cpu')
    dls.corpus_name = 'caf\udce9.txt'
    learn = char_learner(dls, 'rnn', n_hid=8, precision='fp32')
    learn.sample('she \ud800', 20, stream=True)
    char_learner(CharDataLoaders.from_text('he \udc00 tells '*200, bs=2, seq_len=16, device='cpu'), learn, precision='fp32')
    assert 'she ?' in capsys.readouterr().out and learn.to_html(tmp_path/'a.html').stat().st_size>1000
    assert learn.to_folder(tmp_path/'a').exists()
    draw_grid(['M0 0 L1 1'], titles=['\ud800']).save(tmp_path/'b.html')

@pytest.mark.parametrize('text', ['12/4=3\n7+8=15\n', '3.14159', 'SGVsbG8/\n', 'Пушкин.\n'], ids=['sums','digits','base64','names'])
def test_what_is_no_drawing(text, capsys):
    "Characters of an alphabet of drawings, without those that every drawing has: a sample is shown as text, and a page of the model writes"
    vocab = CharVocab.from_text(text)
    assert alphabet_of(text) is None and alphabet_of(vocab) is None
    Sample(text)._ipython_display_()
    assert capsys.readouterr().out.strip()==text.strip()
    tm = TrainedModel(CharRNN(len(vocab), 'rnn', n_hid=4, n_emb=4).eval(), vocab, dict(corpus='sums'))
    assert 'A small network writes Sums' in page_html(tm) and '"alphabet": null' in page_html(tm)
    with pytest.raises(ValueError, match='not trained on drawings'): tm.draw(1)

def test_what_lies_beyond_the_sheet():
    "Strokes that were not brought to the grid, such as QuickDraw's from 0 to 255: what is on the sheet is shown, and nothing on the other side"
    d = Drawing([np.array([[-3,-3],[255,255]]), np.array([[100,10]])])
    assert d.braille()==Drawing([np.array([[0,0],[63,63]])]).braille() and repr(draw_grid([d]))
    with pytest.raises(ValueError, match='use `snap` first'): d.text

def test_names_in_capitals(tmp_path):
    "As some programs write them"
    (tmp_path/'A.SVG').write_text('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0 L10 10"/></svg>')
    line = '{"drawing":[[[0,10],[0,10]]]}\n'
    (tmp_path/'B.NDJSON').write_text(line)
    (tmp_path/'C.NDJSON.GZ').write_bytes(gzip.compress(line.encode()))
    one = get_drawings(tmp_path/'A.SVG')
    assert len(one)==1 and get_drawings(tmp_path)==[*one]*3

def test_a_drawing_that_cannot_be_measured(knows_two):
    "It tells nothing about the unit that was held: an empty sheet has no width, say"
    learn,_ = knows_two
    drawn = []
    def _measure(d):
        drawn.append(d)
        return float('nan') if len(drawn)%50==0 else len(d)
    unit,more = learn.find_unit(_measure, max_len=60, temperature=1, value=3., tries=2)
    assert len(drawn)==4*128 and np.isfinite(more) and more!=0

line  = np.array([[0,0],[10,0],[10,10]])
odd = dict(rows=([[ [[0,10,20,30,40],[5,5,5,50,50]] ]], r'shape \(2, 5\).*\(n, 2\).*transpose it'), one=([line, line[:2]], r'shape \(2,\).*this is one drawing: pass a list of drawings'),
    stroke=(line, 'this is one stroke: pass a list of drawings'), wide=([[np.zeros((4,3))]], r'shape \(4, 3\), and must have \(n, 2\)'), square=([[np.eye(3)]], r'shape \(3, 3\)'),
    deep=([[[line]]], r'shape \(1, 3, 2\)'), ragged=([[[[0,1,2],[3]]]], 'not an array of numbers'), words=(['a.svg','b.svg'], "'a.svg' is not a drawing"),
    nothing=(None, 'x=None is neither'), number=(3, 'x=3 is neither'), numbers=([1,2], '1 is not a drawing'))

@pytest.mark.parametrize('name', odd)
@pytest.mark.parametrize('copies', [0,1])
def test_strokes_of_another_shape_are_refused(name, copies):
    "Points were mixed up, or numpy spoke; two points are a line as they stand"
    x,says = odd[name]
    with pytest.raises((TypeError,ValueError), match=says): get_drawings(x, copies=copies)

def test_strokes_that_are_taken():
    assert get_drawings([[[[0,5],[10,5]]]])[0].strokes[0].tolist()==[[3,32],[60,32]]
    want = get_drawings([[line]])
    for o in ([[line.T.T.tolist()]], np.array([[line]]), [[line, []]], (o for o in [[line]]), want): assert get_drawings(o, eps=0)==want

def test_a_unit_to_hold_goes_by_number_or_name(knows_two):
    learn,_ = knows_two
    top = f"h{learn.model.config['n_layers']}"
    assert learn.draw(2, seed=1, steer={f'{top}[3]':1.})==learn.draw(2, seed=1, steer={3:1.})==learn.draw(2, seed=1, steer={(top,3):torch.tensor(1.)})
    for steer,says in (({'c1[3]':1.}, r"'c1\[3\]'.*'"+top+r"\[0\]'"), ({f'{top}[9999]':1.}, 'names unit 9999'), ({'3':1.}, "unit='3' must be such as"), ({1.5:1.}, 'unit=1.5 must be a whole number'),
        ({3:'a'}, "value='a' must be a number")):
        with pytest.raises((TypeError,ValueError), match=says): learn.draw(1, steer=steer)

def test_what_an_svg_hides_is_not_drawn(tmp_path):
    (tmp_path/'h.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><polyline visibility="hidden" points="9,9 8,8"/><polyline visibility="collapse" points="0,9 8,8"/>'
        '<g style="visibility:hidden"><polyline points="1,2 3,4"/><polyline visibility="visible" points="5,5 5,9"/></g></svg>')
    assert [o.tolist() for o in get_drawings(tmp_path/'h.svg')[0].strokes]==[[[32,3],[32,60]]]

svg_head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><style>.n{fill:none} .o{opacity:0}</style>'
arrow = '<path d="M10 17l5-5-5-5z"/>'

@pytest.mark.parametrize('how', ['fill="none"','style="fill:none"','class="n"','opacity="0"','class="o"','style="opacity:0%"','fill="none" stroke="none"','fill=" transparent "','style="fill:none !important"'])
def test_what_an_svg_does_not_paint_is_not_drawn(how, tmp_path):
    "A frame around an icon, say, which sets the size of it"
    for nm,s in dict(a=f'<path d="M0 0h24v24H0z" {how}/>', b='').items(): (tmp_path/f'{nm}.svg').write_text(f'{svg_head}{s}{arrow}</svg>')
    a,b = get_drawings(tmp_path)
    assert a==b and len(a)==1

@pytest.mark.parametrize('how', ['fill="none" stroke="red"','fill="none" stroke="url(#a)"','fill="none" style="fill:red"','opacity=".1"','style="fill:none;stroke:currentColor"','fill="none" stroke="#000" stroke-opacity="0"'])
def test_what_an_svg_paints_is_drawn(how, tmp_path):
    "What is seen by its fill or by its line; one that is faded in, too"
    (tmp_path/'a.svg').write_text(f'{svg_head}<path d="M0 0h24v24H0z" {how}/>{arrow}</svg>')
    assert [len(o) for o in get_drawings(tmp_path)]==[2]

def test_an_svg_that_paints_nothing_is_drawn_as_it_is(tmp_path):
    "Its colours may be in a style sheet that lies elsewhere"
    (tmp_path/'a.svg').write_text(f'{svg_head}<g fill="none"><path d="M0 0h24v24H0z"/>{arrow}</g><path visibility="hidden" d="M0 0h4"/></svg>')
    assert [len(o) for o in get_drawings(tmp_path)]==[2]

@quick
@given(strokes.filter(len), st.sampled_from([None,1.,3.]), st.sampled_from([160,96,67,333]))
def test_its_own_svg_is_read_back(ss, seconds, size):
    "At rest and drawing itself; also where points lie half way between two pixels, or two are as far from the line"
    with tempfile.TemporaryDirectory() as d:
        (Path(d)/'a.svg').write_text(Drawing(ss, given=1).svg(size, seconds))
        assert get_drawings(d)==[Drawing(snap(ss))]

def test_an_empty_sheet_is_read_back(tmp_path):
    (tmp_path/'a.svg').write_text(Drawing([]).svg())
    assert get_drawings(tmp_path)==[]

def test_dots_and_lines_appear_in_turn(browser, tmp_path):
    "Nothing before its time, neither a dot nor the round end of a line; all at the end"
    from PIL import Image
    d = Drawing([[[5,5],[60,5]], [[10,30]], [[50,30]], [[5,60],[60,60]]])
    (tmp_path/'a.html').write_text(f'<body style="margin:0">{d.svg(670, seconds=100)}')
    page = browser.new_page(viewport=dict(width=670, height=670))
    page.goto(f'file://{tmp_path/"a.html"}')
    def _dark(at):
        page.evaluate(f"() => {{const s = document.querySelector('svg'); s.pauseAnimations(); s.setCurrentTime({at})}}")
        page.screenshot(path=tmp_path/'a.png')
        im = np.asarray(Image.open(tmp_path/'a.png').convert('L'))<128
        return [bool(im[10*(y+2)-3:10*(y+2)+4, 10*(x+2)-3:10*(x+2)+4].any()) for x,y in ((5,5),(59,5),(10,30),(50,30),(5,60),(59,60))]
    ts   = pen_times(d.strokes, 100.)
    seen = [_dark(begin+dur+.05) for begin,dur in ts]
    page.close()
    assert seen==[[i<n for i in range(6)] for n in (2,3,4,6)]

def test_both_ways_to_draw_check_the_same(knows_two):
    "Held units or none: the same seeds, and the same words for what is wrong"
    learn,_ = knows_two
    wrong = (dict(n='a'), "n='a' must be a whole"), (dict(n=1.5), 'n=1.5 must be a whole'), (dict(max_len=0), 'max_len=0 must be at least 1'), (dict(max_len=2.5), 'max_len=2.5 must be a whole'), \
        (dict(seed=1.5), 'seed=1.5 must be a whole number'), (dict(tempreature=.5), "Did you mean 'temperature'")
    for steer in (None, {0:1.}):
        for seed in (2**70, -1, np.int64(3)):
            a,b = (learn.draw(2, seed=o, steer=steer, max_len=20) for o in (seed, int(seed)%2**64))
            assert a==b
        for kw,says in wrong:
            with pytest.raises((TypeError,ValueError), match=says): draw_with(learn.model, learn.vocab, **{**dict(n=1, steer=steer, max_len=5), **kw})

def test_what_a_unit_cannot_be_held_at(knows_two):
    learn,_ = knows_two
    for steer,says in (([1,2], r'steer=\[1, 2\] must be a dictionary'), ('h1[3]', 'must be a dictionary'), (3, 'must be a dictionary'), ({0:np.inf}, 'value=inf must be'), ({0:float('nan')}, 'value=nan must be')):
        with pytest.raises((TypeError,ValueError), match=says): learn.draw(1, steer=steer, max_len=5)
    for kw,says in ((dict(value=float('nan')), 'value=nan must be'), (dict(value='a'), "value='a' must be"), (dict(tries=0), 'tries=0 must be at least 1'), (dict(seed=1.5), 'seed=1.5 must'),
        (dict(max_len=0), 'max_len=0 must be')):
        with pytest.raises((TypeError,ValueError), match=says): learn.find_unit(len, **{**dict(max_len=5, tries=1), **kw})
    assert learn.find_unit(len, max_len=5, tries=1, seed=2**70)==learn.find_unit(len, max_len=5, tries=1, seed=2**70%2**64)

def test_numbers_of_faces_and_files(tmp_path):
    assert faces(2.)==faces(2) and faces(1, seed=3., first=np.int64(4))==faces(1, 3, 4)
    for kw,says in ((dict(seed=-1), 'seed=-1 must be at least 0'), (dict(first=-5), 'first=-5 must be at least 0'), (dict(n=-1), 'n=-1 must be at least 0'), (dict(n=1.5), 'n=1.5 must be a whole')):
        with pytest.raises((TypeError,ValueError), match=says): faces(**kw)
    (tmp_path/'q.ndjson').write_text(quickline*3)
    for kw,says in ((dict(n=-1), 'n=-1 must be at least 0'), (dict(n='2'), "n='2' must be a whole"), (dict(copies=-1), 'copies=-1 must'), (dict(eps=-1), 'eps=-1 must'), (dict(eps='x'), "eps='x' must"),
        (dict(seed=-1), 'seed=-1 must'), (dict(copies=1, seed='x'), "seed='x' must")):
        for x in (tmp_path, [[line],[line]]):
            with pytest.raises((TypeError,ValueError), match=says): get_drawings(x, **kw)
    assert len(get_drawings(tmp_path, n=2.))==len(get_drawings([[line]]*3, n=2., copies=0))==2 and get_drawings(tmp_path, n=0)==[]

def test_a_text_is_added_as_a_drawing():
    a,b = faces(2)
    assert a+b.text==a+b==a+b.strokes and len(a+b)==len(a)+len(b)
    assert a+Drawing(b, 'steps').text==a+Drawing(b, 'steps').text.rstrip('\n') and (a+Drawing(b, 'steps').text).alphabet=='points'
    assert 'down already' in (Drawing('DaU', 'steps')+'DaD').wrong

@pytest.mark.parametrize('seconds', [None,2.])
def test_alphabets_that_are_none_and_empty_strokes(seconds):
    with pytest.raises(ValueError, match="no alphabet 'point'"): Drawing([[[1,2]]], 'point')
    d = Drawing([[[1,2],[3,4]]], ALPHABETS['runs'])
    assert d.alphabet=='runs' and d.svg(seconds=seconds)==Drawing(d, 'runs').svg(seconds=seconds) and d.braille()
    for ss in ([[]], [[],[[1,2]]], [np.zeros((0,2), int)]):
        assert 'd="M"' not in Drawing(ss).svg(seconds=seconds) and len(Drawing(ss))==len(Drawing(ss).text)//3

def test_a_long_title_wraps_below_its_drawing(browser, tmp_path):
    page = browser.new_page(viewport=dict(width=700, height=700))
    page.goto(f'file://{draw_grid(faces(4), titles=["a very long title that says all of it", "n"*60, "b"]).save(tmp_path/"x.html")}')
    boxes = page.eval_on_selector_all('svg', 'xs => xs.map(o => [o.parentElement.getBoundingClientRect().width, o.getBoundingClientRect().top, o.parentElement.scrollWidth])')
    page.screenshot(path=tmp_path/'x.png')
    page.close()
    assert {round(t) for _,t,_ in boxes}=={round(boxes[0][1])} and all(w<100 and s<100 for w,_,s in boxes)

def test_drawings_replace_nothing_but_drawings(tmp_path):
    at,fs = tmp_path/'mine.html',faces(2)
    for was in (None, ''):
        if was is not None: at.write_text(was)
        fs.save(at)
        fs[:1].save(at)
    for o in ('<!doctype html><html lang="en"><p>mine', View('<b>a view</b>').page()):
        at.write_text(o)
        with pytest.raises(ValueError, match='is there already'): fs.save(at)
        assert at.read_text()==o
    fs.save(tmp_path/'b.html')
    with pytest.raises(ValueError, match='is there already'): View('<b>a view</b>').save(tmp_path/'b.html')
    (tmp_path/'d.html').mkdir()
    with pytest.raises(ValueError, match='is a folder'): fs.save(tmp_path/'d.html')
    with pytest.raises(NotADirectoryError): fs.save(at/'c.html')
