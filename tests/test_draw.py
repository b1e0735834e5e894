"Drawings: nothing is lost between strokes and text, nonsense is drawn as far as it goes, files are read, a network draws"
import json, re, warnings
import xml.etree.ElementTree as ET
import numpy as np, pytest
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
        warnings.simplefilter('always')
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
