"Codes and the encoded cache: round trips, damage, edits, memory"
import gzip,json,os,subprocess,sys,threading
from collections import Counter
from pathlib import Path
import numpy as np, pytest
from hypothesis import example, given, settings, strategies as st
from charrnn_fa.text.corpus import get_corpus
from charrnn_fa.text.documents import Corpus, CorpusError
from charrnn_fa.text.stream import encode_corpus
from charrnn_fa.text.vocab import CharVocab, UnknownCharError, count_chars

root = Path(__file__).parent.parent
any_text = st.text(st.characters(exclude_categories=()), min_size=1, max_size=80)

@settings(max_examples=300, deadline=None)
@given(s=any_text)
@example('\udbff\udc00')
@example('\0e\u0301🎭\U0010ffff')
def test_round_trip(s):
    v = CharVocab.from_text(s)
    codes = v.encode(s)
    assert v.decode(codes)==v.decode(codes.tolist())==s and codes.dtype==np.uint8 and len(codes)==len(s)
    assert v.itos==sorted(set(s)) and all(c in v and v.stoi[c]==i for i,c in enumerate(v.itos))
    w = CharVocab.from_json(v.to_json())
    assert w==v and w.hash==v.hash and w.itos==v.itos and hash(w)==hash(v)

@settings(max_examples=100, deadline=None)
@given(s=any_text, t=any_text)
def test_unknown(s, t):
    v = CharVocab.from_text(s)
    known = ''.join(c for c in t if c in v)
    assert v.decode(v.encode(t, unknown='skip'))==known
    assert v.decode(v.encode(t, unknown=s[0]))==''.join(c if c in v else s[0] for c in t)
    if len(known)==len(t): return
    with pytest.raises(UnknownCharError) as e: v.encode(t, start=1000)
    i = next(i for i,c in enumerate(t) if c not in v)
    assert (e.value.char,e.value.pos)==(t[i],1000+i) and f'U+{ord(t[i]):04X}' in str(e.value) and f'position {1000+i:,}' in str(e.value)

@given(st.lists(any_text, max_size=5))
def test_counts(ss): assert count_chars(ss)==Counter(''.join(ss))

@pytest.mark.parametrize('n,dtype', [(1,'u1'),(255,'u1'),(256,'u1'),(257,'u2'),(65536,'u2'),(65537,'u4')])
def test_smallest_type(n, dtype):
    s = ''.join(map(chr, range(n)))
    v = CharVocab(s)
    assert v.encode(s).dtype==np.dtype(dtype) and v.decode(v.encode(s))==s and v.encode('').dtype==np.dtype(dtype)
    with pytest.raises(UnknownCharError): v.encode(chr(n))

def test_codes_can_be_written():
    v = CharVocab('abé')
    for s in ('ab','aé'): assert v.encode(s).flags.writeable

def test_rare():
    v = CharVocab.from_text('aaaa bbbb cdé??', min_count=3, unk='?')
    assert v.dropped=={c:n for c,n in zip(' cdé', (2,1,1,1))} and v.itos==['?','a','b']
    assert v.decode(v.encode('añb', unknown='unk'))=='a?b' and '5 of 15' in v.report() and '33.3' in v.report()
    assert CharVocab.from_json(v.to_json()).report()==v.report() and v.hash==CharVocab('?ab', unk='?').hash!=CharVocab('?ab').hash
    with pytest.raises(ValueError, match='leaves out 1'): CharVocab.from_text('aab', min_count=2)
    with pytest.raises(ValueError, match="'unk' if it has one"): CharVocab('ab').encode('c', unknown='unk')
    with pytest.raises(ValueError, match='single character'): CharVocab('ab', unk='<unk>')

def test_decode_takes_tensors():
    torch = pytest.importorskip('torch')
    v = CharVocab('abc')
    for t in (torch.uint8, torch.int32, torch.int64): assert v.decode(torch.tensor([[0,1],[2,0]], dtype=t))=='abca'
    assert v.decode(torch.tensor([], dtype=torch.int64))==v.decode([])==''
    for o in ([3],[-1]):
        with pytest.raises(ValueError, match='between 0 and 2'): v.decode(o)
    with pytest.raises(ValueError, match='integers'): v.decode(torch.tensor([.5]))

def test_json():
    "What is kept of a vocabulary is ASCII, whatever its characters"
    v = CharVocab('aé🎭\ud800')
    assert CharVocab.from_json(v.to_json())==v and v.to_json().isascii()

@pytest.fixture
def src(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    p = tmp_path/'a.txt'
    p.write_text('one line, and naïve 🎭\n'*2000, encoding='utf-8')
    return p

def enc(p, **kw): return encode_corpus(get_corpus(p), big=1000, **kw)
def files(p): return sorted(o.name for o in (p.parent/'cache').rglob('*') if o.is_file())
def written(p): return [o.stat().st_mtime_ns for o in sorted((p.parent/'cache'/'encoded').iterdir())]

def test_cached(src):
    codes,v = enc(src)
    assert isinstance(codes, np.memmap) and v.decode(codes)==src.read_text(encoding='utf-8') and len(files(src))==2
    was = written(src)
    with pytest.raises(ValueError, match='read-only'): codes[0] = 0
    codes2,v2 = enc(src)
    assert written(src)==was and v2==v and v2.decode(codes2)==src.read_text(encoding='utf-8')
    assert np.array_equal(codes2, enc(src, cache=False)[0]) and not isinstance(enc(src, cache=False)[0], np.memmap)

def test_small_ones_stay_in_memory(src):
    codes,v = encode_corpus(get_corpus(src))
    assert not isinstance(codes, np.memmap) and files(src)==[]
    assert encode_corpus(get_corpus('some text'*1000), big=10)[1].decode(encode_corpus(get_corpus('some text'))[0])=='some text'
    codes,v = encode_corpus(Corpus('text', text='in memory'), cache=src.parent/'mine')
    assert isinstance(codes, np.memmap) and v.decode(codes)=='in memory'

@pytest.mark.parametrize('edit', ['longer','same size','touch'])
def test_stale(src, edit):
    enc(src)
    was,s = written(src),src.read_text(encoding='utf-8')
    if edit=='longer': s += 'more'
    if edit=='same size': s = s.replace('one', 'eno')
    if edit=='touch': os.utime(src, ns=(1, 10**18))
    else: src.write_text(s, encoding='utf-8')
    codes,v = enc(src)
    assert v.decode(codes)==s and written(src)!=was and len(files(src))==2

@pytest.mark.parametrize('harm', ['cut','no codes','no json','bad json','half json','wrong n','old format'])
def test_damaged(src, harm):
    enc(src)
    d = src.parent/'cache'/'encoded'
    j,a = next(d.glob('*.json')),next(d.glob('*.npy'))
    o = json.loads(j.read_text())
    if harm=='cut': os.truncate(a, a.stat().st_size//2)
    if harm=='no codes': a.unlink()
    if harm=='no json': j.unlink()
    if harm=='bad json': j.write_bytes(b'\xff{')
    if harm=='half json': j.write_text('{}')
    if harm=='wrong n': j.write_text(json.dumps({**o, 'n':3}))
    if harm=='old format': j.write_text(json.dumps({**o, 'stamp':[0, *o['stamp'][1:]]}))
    codes,v = enc(src)
    assert v.decode(codes)==src.read_text(encoding='utf-8') and len(files(src))==2

def test_each_way_to_read_has_its_own(src):
    src.write_bytes(src.read_bytes().replace(b'\n', b'\r\n'))
    s = src.read_bytes().decode()
    other = CharVocab(s+'xyz')
    for _ in range(2):
        assert enc(src)[1].decode(enc(src)[0])==s
        codes,v = enc(src, vocab=other)
        assert v is other and other.decode(codes)==s
        codes,v = encode_corpus(get_corpus(src, newline='lf'), big=1000)
        assert v.decode(codes)==s.replace('\r\n', '\n')
        codes,v = enc(src, min_count=2001, unk='?')
        assert '?' in v and v.decode(codes).startswith('?ne ??ne? an? na??e')
    assert len(files(src))==8

def test_unknown_leaves_nothing(src):
    with pytest.raises(UnknownCharError, match="'ï' .* at position 16 "): enc(src, vocab=CharVocab('one line, and v🎭\n'))
    assert files(src)==[]

def test_edited_meanwhile(src):
    c = get_corpus(src)
    src.write_text('another text '*2000)
    with pytest.raises(CorpusError, match='call get_corpus again'): encode_corpus(c, big=1000)
    assert files(src)==[]

def test_edited_while_reading(src, monkeypatch):
    c,read = get_corpus(src),Corpus.chunks
    def chunks(self, *args):
        yield from read(self, *args)
        with src.open('a') as f: f.write('more')
    monkeypatch.setattr(Corpus, 'chunks', chunks)
    with pytest.raises(CorpusError, match='call get_corpus again'): encode_corpus(c, CharVocab(c.text+'more'), cache=src.parent/'cache')
    assert files(src)==[]

def test_packed_files_are_judged_by_their_text(src):
    p = src.parent/'big.gz'
    p.write_bytes(gzip.compress(b'abc'*1_000_000))
    assert p.stat().st_size<100_000
    codes,v = encode_corpus(get_corpus(p), big=100_000)
    assert isinstance(codes, np.memmap) and len(codes)==3_000_000

def test_two_at_once(src):
    res = []
    ts = [threading.Thread(target=lambda: res.append(enc(src))) for _ in range(4)]
    for t in ts: t.start()
    for t in ts: t.join()
    assert len(res)==4 and all(v.decode(c)==src.read_text(encoding='utf-8') for c,v in res) and len(files(src))==2

def test_unwritable(src, monkeypatch):
    (src.parent/'file').write_text('in the way')
    monkeypatch.setenv('CHARRNN_CACHE', str(src.parent/'file'))
    with pytest.raises(CorpusError, match='set CHARRNN_CACHE'): enc(src)

def test_memory(src):
    "100 MB encode in a small part of that; bench/encode.py does it for 2 GB"
    pytest.importorskip('resource')
    res = subprocess.run([sys.executable, root/'bench'/'encode.py', '--mb', '100', '--dir', src.parent, '--json'], capture_output=True, text=True, check=True)
    d = json.loads(res.stdout.splitlines()[-1])
    assert d['n']>=100_000_000 and d['grown_mb']<40, d
