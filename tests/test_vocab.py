"Any text there and back, and large files in little memory"
import io,os,subprocess,sys
import numpy as np, pytest
from hypothesis import given,settings,strategies as st
from charrnn_fa import *

anything = st.text(st.characters(exclude_categories=()))

@settings(max_examples=500, deadline=None)
@given(anything)
def test_round_trip(s):
    v = CharVocab.from_text(s+'.')
    assert v.decode(v.encode(s))==s
    assert CharVocab.from_json(v.to_json())==v

@settings(max_examples=200, deadline=None)
@given(anything, st.sampled_from(['utf-8','utf-8-sig','utf-16','utf-32']), st.integers(1,7))
def test_files_round_trip(s, enc, size):
    s = ''.join(c for c in s if not 0xD800<=ord(c)<0xE000).lstrip('\ufeff\0') or 'x'   # a byte order mark, and what makes UTF-16 look like UTF-32
    assert ''.join(decode_chunks(io.BytesIO(s.encode(enc)), 'f', size=size))==s
    raw = s.encode('utf-8')
    assert ''.join(decode_chunks(io.BytesIO(raw), 'f', encoding='bytes', size=size)).encode('latin-1')==raw

@pytest.mark.parametrize('n,dt', [(2,np.uint8),(256,np.uint8),(257,np.uint16),(65536,np.uint16),(65537,np.uint32)])
def test_smallest_type(n, dt):
    v = CharVocab([chr(i) for i in range(n)])
    assert v.dtype==dt and v.decode(v.encode(chr(n-1)))==chr(n-1)

def test_unknown_on_disk_names_the_place(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    (tmp_path/'f.txt').write_text('ab'*1_000_000+'c')
    with pytest.raises(UnknownCharError, match='2,000,000'): encode_corpus(get_corpus(tmp_path/'f.txt'), CharVocab('ab'), big=0)
    assert not [o for o in (tmp_path/'cache/encoded').iterdir() if o.suffix=='.codes']

code = '''
import resource,sys
from pathlib import Path
from charrnn_fa.corpus import get_corpus
from charrnn_fa.vocab import encode_corpus
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024
before = peak()
codes,vocab = encode_corpus(get_corpus(Path(sys.argv[1])))
assert vocab.decode(codes[-5:])=='end.\\n', vocab.decode(codes[-5:])
print(peak()-before)
'''

def test_large_file_in_little_memory(tmp_path):
    "300 MB are encoded in a fifth of that; what is taken does not grow with the file"
    fn = tmp_path/'big.txt'
    with open(fn, 'w') as f:
        for _ in range(300): f.write('the quick brown fox jumps over the lazy dog, again and again and ag'*14925+' end.\n')
    env = dict(os.environ, CHARRNN_CACHE=str(tmp_path/'cache'))
    res = subprocess.run([sys.executable,'-c',code,str(fn)], env=env, capture_output=True, text=True)
    assert res.returncode==0, res.stderr
    assert int(res.stdout)<60
