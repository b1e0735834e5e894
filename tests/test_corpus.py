"Corpora from files, archives, folders and a local server; nothing here leaves the machine"
import functools,gzip,hashlib,http.server,os,socket,threading,zipfile
from pathlib import Path
import pytest
from hypothesis import given, settings, strategies as st
from charrnn_fa.text import corpus as cm
from charrnn_fa.text.corpus import download, get_corpus
from charrnn_fa.core import cache_dir
from charrnn_fa.text.documents import CorpusError, Corpus

any_text = st.text(st.characters(exclude_categories=()), max_size=60)

@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        if not self.path.endswith('short.txt'): return super().do_GET()
        self.send_response(200)
        self.send_header('Content-Length', '1000')
        self.end_headers()
        self.wfile.write(b'only this')

@pytest.fixture
def served(tmp_path):
    "A folder and the address under which it is served"
    d = tmp_path/'served'
    d.mkdir()
    srv = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(d)))
    threading.Thread(target=srv.serve_forever, daemon=True).start()
    yield d,f'http://127.0.0.1:{srv.server_port}'
    srv.shutdown()
    srv.server_close()

@pytest.fixture
def dead():
    "An address on this machine where nobody listens"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        yield f'http://127.0.0.1:{s.getsockname()[1]}'

def left(d): return sorted(o.name for o in Path(d).rglob('*') if o.is_file())

@settings(max_examples=60, deadline=None)
@given(s=st.text(max_size=60), enc=st.sampled_from(['utf-8','utf-8-sig','utf-16','utf-32']), size=st.integers(1, 9))
def test_pieces_change_nothing(tmp_path_factory, s, enc, size):
    if enc=='utf-8' and s.startswith('\ufeff'): s = s.lstrip('\ufeff')
    p = tmp_path_factory.mktemp('d')/'a.txt'
    p.write_bytes(('x'+s).encode(enc))
    c = get_corpus(p)
    assert ''.join(c.chunks(size))==c.text=='x'+s
    assert c.sha256==hashlib.sha256(('x'+s).encode()).hexdigest() and len(c)==c.n==len(s)+1

@settings(max_examples=60, deadline=None)
@given(s=st.text('a\r\n', min_size=1, max_size=20), size=st.integers(1, 5))
def test_newlines_across_pieces(tmp_path_factory, s, size):
    p = tmp_path_factory.mktemp('d')/'a.txt'
    p.write_bytes(s.encode())
    assert ''.join(get_corpus(p).chunks(size))==s
    want = s.replace('\r\n', '\n').replace('\r', '\n')
    assert ''.join(get_corpus(p, newline='lf').chunks(size))==want==Corpus('text', text=s, newline='lf').text

@given(s=any_text)
def test_text_in_memory(s):
    c = Corpus('text', text=s)
    assert ''.join(c.chunks(7))==c.text==s and len(c.sha256)==64 and c.n==len(s)

@pytest.mark.parametrize('enc', ['latin-1','cp1252','shift_jis','gb18030','utf-16-le','utf-16-be'])
def test_told_encodings(tmp_path, enc):
    s = {'shift_jis':'日本語\r\n', 'gb18030':'汉字🎭'}.get(enc, 'naïve café')*500
    (tmp_path/'a.txt').write_bytes(s.encode(enc))
    assert ''.join(get_corpus(tmp_path/'a.txt', encoding=enc).chunks(3))==s

@pytest.mark.parametrize('at', [0,1,4095,70_000,1<<20])
@pytest.mark.parametrize('bom', [b'',b'\xef\xbb\xbf'])
def test_undecodable(tmp_path, at, bom):
    p = tmp_path/'odd.txt'
    p.write_bytes(bom+b'a'*at+b'\xe9 caf\xe9 tr\xe8s na\xefve'+b'b'*50)
    with pytest.raises(CorpusError) as e: get_corpus(p).text
    for o in (str(p), f'offset {at+len(bom):,}', '0xe9', "encoding='latin-1'", "encoding='bytes'", 'it may be '): assert o in str(e.value)
    assert get_corpus(p, encoding='bytes').text.encode('latin-1')==p.read_bytes()

def test_cut_character(tmp_path):
    (tmp_path/'a.txt').write_bytes('ab🎭'.encode()[:-1])
    with pytest.raises(CorpusError, match='offset 2 '): get_corpus(tmp_path/'a.txt').text
    (tmp_path/'b.txt').write_bytes('ab'.encode('utf-16')+b'x')
    with pytest.raises(CorpusError, match='offset 6 '): get_corpus(tmp_path/'b.txt').text

def test_utf8_told_drops_the_mark(tmp_path):
    (tmp_path/'a.txt').write_bytes('é'.encode('utf-8-sig'))
    assert get_corpus(tmp_path/'a.txt', encoding='utf8').text=='é'

@pytest.mark.parametrize('enc', ['nope','base64','rot13'])
def test_no_such_encoding(tmp_path, enc):
    (tmp_path/'a.txt').write_text('a')
    with pytest.raises(CorpusError, match='no text encoding'): get_corpus(tmp_path/'a.txt', encoding=enc)

def test_folder(tmp_path):
    d = tmp_path/'d'
    (d/'sub').mkdir(parents=True)
    (d/'b.txt').write_text('two')
    (d/'sub'/'a.txt').write_text('three')
    (d/'a.txt').write_text('one')
    (d/'a.md').write_text('no')
    assert get_corpus(d, sep='|').text=='one|two|three'
    assert get_corpus(str(d), glob='*.md').text=='no'
    assert get_corpus(d).name=='d' and '3 documents' in repr(get_corpus(d))
    with pytest.raises(CorpusError, match=r'0 of 4 files.*\*\.rst'): get_corpus(d, glob='*.rst')

def test_zip(tmp_path):
    p = tmp_path/'a.zip'
    with zipfile.ZipFile(p, 'w', zipfile.ZIP_DEFLATED) as z:
        for n,s in dict(b='two', a='one').items(): z.writestr(f'd/{n}.txt', s)
        z.writestr('d/p.png', b'\xff\xd8')
        z.writestr('__MACOSX/d/._a.txt', b'\xff')
    assert get_corpus(p, sep='|').text=='one|two'
    assert get_corpus(p, glob='**/*.png', encoding='bytes').text=='ÿØ'
    with pytest.raises(CorpusError, match='0 of 3 files'): get_corpus(p, glob='*.txt')
    assert left(tmp_path)==['a.zip']

def test_hidden_copies_are_no_part_of_a_text(tmp_path):
    "What Jupyter and macOS put beside a file would be read twice, or as a text; asked for by name, it is there"
    d = tmp_path/'d'
    for nm,b in {'a.txt':b'one', 'sub/b.txt':b'two', '.ipynb_checkpoints/a-checkpoint.txt':b'one', 'sub/._b.txt':b'\0\5\x16\7', '.old/c.txt':b'three'}.items():
        (d/nm).parent.mkdir(parents=True, exist_ok=True)
        (d/nm).write_bytes(b)
    with zipfile.ZipFile(tmp_path/'d.zip', 'w') as z:
        for o in d.rglob('*.txt'): z.write(o, o.relative_to(d))
    for o in (d,tmp_path/'d.zip'): assert get_corpus(o, sep='|').text=='one|two' and get_corpus(o, glob='.old/*.txt').text=='three'
    (tmp_path/'.config').mkdir()
    (tmp_path/'.config'/'a.txt').write_text('mine')
    assert get_corpus(tmp_path/'.config').text=='mine'

def test_what_the_usual_glob_leaves_out_is_said_once(tmp_path, monkeypatch, capsys):
    "Of a folder and of an archive; hidden files don't count, and whoever chooses a glob knows"
    monkeypatch.chdir(tmp_path)
    names = ['a.txt','sub/b.txt','c.csv','sub/d.md','E.TXT','README','.ipynb_checkpoints/a-checkpoint.txt','.git/x.cfg']
    for nm in names:
        (tmp_path/'d'/nm).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/'d'/nm).write_text('some text\n'*300)
    with zipfile.ZipFile('z.zip', 'w') as z:
        for nm in [*names,'__MACOSX/._a.txt']: z.writestr(nm, 'some text')
    for o in ('d','z.zip'):
        get_corpus(o)
        out = capsys.readouterr().out
        assert out.count('\n')==1 and f'2 of 6 files in {o} ' in out and all(k in out for k in ('1 .csv','1 .md','1 .TXT','1 no ending')), out
        get_corpus(o, glob='**/*.txt')
        get_corpus(Path('d')/'a.txt')
        assert capsys.readouterr().out==''

def test_what_is_left_out_is_said_once_by_loaders_and_commands(tmp_path, monkeypatch, capsys):
    "And not again where a run reads its own text"
    from charrnn_fa.data import CharDataLoaders
    from test_cli import in_process
    (tmp_path/'d').mkdir()
    (tmp_path/'d'/'a.txt').write_text('she sells sea shells\n'*300)
    (tmp_path/'d'/'b.csv').write_text('she,sells\n')
    for f in (CharDataLoaders.from_corpus,CharDataLoaders.from_folder):
        f(tmp_path/'d', device='cpu')
        assert capsys.readouterr().out.count('left out: 1 .csv')==1
    CharDataLoaders.from_folder(tmp_path/'d', glob='**/*.txt', device='cpu')
    assert 'left out' not in capsys.readouterr().out
    said = {'train d --run r --minutes 0.01 --arch rnn --n-hid 8':1, 'train d --run s --minutes 0.01 --n-hid 8 --glob *.txt':0, 'evaluate r --json':0, 'look r':0, 'doctor r --json':0,
        'evaluate r d --json':1, 'look r d --json':1}
    for cmd,n in said.items():
        rc,out,err = in_process(cmd, capsys, monkeypatch, tmp_path)
        assert 'left out' not in out and err.count('left out: 1 .csv')==n, (cmd,out[-300:],err)

def test_broken_archives(tmp_path):
    (tmp_path/'a.zip').write_bytes(b'PK no')
    (tmp_path/'a.gz').write_bytes(b'plain')
    (tmp_path/'cut.gz').write_bytes(gzip.compress(os.urandom(50_000))[:-20])
    with pytest.raises(CorpusError, match='not a zip'): get_corpus(tmp_path/'a.zip')
    with pytest.raises(CorpusError, match='damaged'): get_corpus(tmp_path/'a.gz')
    with pytest.raises(CorpusError, match='damaged'): get_corpus(tmp_path/'cut.gz', encoding='bytes').text

def test_gz_is_streamed(tmp_path):
    p = tmp_path/'a.txt.gz'
    p.write_bytes(gzip.compress('é\r\n'.encode()*500_000))
    assert get_corpus(p, newline='lf').text=='é\n'*500_000
    assert get_corpus(p).head(1000) is None and max(map(len, get_corpus(p).chunks(1000)))<=1000

@pytest.mark.parametrize('fn,b', [('a.txt',b''),('a.txt',b'\xef\xbb\xbf'),('a.gz',gzip.compress(b'', mtime=0))])
def test_empty(tmp_path, fn, b):
    (tmp_path/fn).write_bytes(b)
    with pytest.raises(CorpusError, match='0 characters in 1 file;'): get_corpus(tmp_path/fn)
    with pytest.raises(CorpusError, match='0 characters'): get_corpus('')

@pytest.mark.parametrize('x', ['my text.txt','data/none','./none','none.GZ',Path('none'),'~/none-at-all.txt'])
def test_missing_file(x):
    with pytest.raises(CorpusError, match='There is no file or folder'): get_corpus(x)

@pytest.mark.parametrize('x', ['to be, or not to be','a','see http://x.org for more','a b '*100,'x'*300,'x'*5000,'line\nfile.txt','\ud800','nul\0.txt','/ or \\ ?'])
def test_texts(x): assert get_corpus(x).text==x

@pytest.mark.parametrize('x', [None,3,b'bytes',['a']])
def test_no_corpus(x):
    with pytest.raises(CorpusError, match='is not a corpus'): get_corpus(x)

def test_url(served, cache):
    d,url = served
    (d/'a b.txt').write_text('from the web')
    with zipfile.ZipFile(d/'z.zip', 'w') as z: z.writestr('x.txt', 'zipped')
    assert get_corpus(f'{url}/a%20b.txt?x=1').text=='from the web' and get_corpus(f'{url}/z.zip').text=='zipped'
    (d/'a b.txt').write_text('later')
    assert get_corpus(f'{url}/a%20b.txt?x=1').text=='from the web'
    had = left(cache)
    with pytest.raises(CorpusError, match='404.*by hand'): get_corpus(f'{url}/none.txt')
    with pytest.raises(CorpusError, match='broke after 9 of 1,000 bytes'): get_corpus(f'{url}/short.txt')
    with pytest.raises(CorpusError, match='only http'): get_corpus('s3://bucket/x.txt')
    assert left(cache)==had and len(had)==2

def test_dead_network(dead, cache):
    with pytest.raises(CorpusError) as e: get_corpus('shakespeare', url=f'{dead}/input.txt')
    assert str(cache/'shakespeare.txt') in str(e.value) and dead in str(e.value) and left(cache)==[]
    with pytest.raises(CorpusError, match='goes with a name'): get_corpus('some text', url=dead)

def test_wrong_hash(served, cache):
    d,url = served
    (d/'input.txt').write_text('To be, or not to bee')
    with pytest.raises(CorpusError, match='another file than expected'): get_corpus('shakespeare', url=f'{url}/input.txt')
    assert left(cache)==[]
    (cache/'shakespeare.txt').write_text('my own notes')
    with pytest.raises(CorpusError, match='was not used'): get_corpus('shakespeare', url=f'{url}/input.txt')
    assert (cache/'shakespeare.txt').read_text()=='my own notes'

def test_download_checks_and_keeps(served, tmp_path):
    d,url = served
    (d/'a.txt').write_text('good')
    h = hashlib.sha256(b'good').hexdigest()
    assert download(f'{url}/a.txt', tmp_path/'new'/'a.txt', h).read_text()=='good'
    (d/'a.txt').unlink()
    assert download(f'{url}/a.txt', tmp_path/'new'/'a.txt', h).read_text()=='good'

def test_unwritable_cache(tmp_path, served, monkeypatch):
    (served[0]/'a.txt').write_text('a')
    (tmp_path/'file').write_text('in the way')
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'file'))
    with pytest.raises(CorpusError, match='set CHARRNN_CACHE'): get_corpus(f'{served[1]}/a.txt')

def test_python():
    a,b = get_corpus('python'),get_corpus('python')
    assert a.sha256==b.sha256 and 1_000_000<a.n_bytes<=2_000_000 and 'def ' in a.text

def test_shakespeare_by_hand(cache, monkeypatch):
    "A file with the right hash in the cache is used without a network"
    cache.mkdir()
    (cache/'shakespeare.txt').write_text('stand-in')
    monkeypatch.setitem(cm.NAMED, 'shakespeare', ('http://127.0.0.1:9/x', hashlib.sha256(b'stand-in').hexdigest()))
    assert get_corpus('shakespeare').text=='stand-in'

def test_check_notices_edits(tmp_path):
    (tmp_path/'a.txt').write_text('one')
    c = get_corpus(tmp_path/'a.txt')
    c.check()
    (tmp_path/'a.txt').write_text('other')
    with pytest.raises(CorpusError, match='1 of 1 files changed'): c.check()

def test_cache_dir(monkeypatch):
    monkeypatch.delenv('CHARRNN_CACHE')
    assert cache_dir()==Path.home()/'.cache'/'charrnn_fa'
    monkeypatch.setenv('CHARRNN_CACHE', '~/elsewhere')
    assert cache_dir()==Path.home()/'elsewhere'

def test_shakespeare(shakespeare, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(shakespeare.parent))
    c = get_corpus('shakespeare')
    assert c.sha256==cm.NAMED['shakespeare'][1] and len(c)==1_115_394 and len(set(c.text))==65

@pytest.mark.parametrize('glob', ['/tmp/*.txt','','**.txt/x**'])
def test_a_glob_that_is_no_pattern(tmp_path, glob):
    "An absolute one, say; which of them pathlib refuses depends on the Python"
    (tmp_path/'a.txt').write_text('she sells sea shells')
    with pytest.raises(CorpusError, match='glob='): get_corpus(tmp_path, glob=glob)

def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path/'p')
    with pytest.raises(CorpusError, match='pipe'): get_corpus(tmp_path/'p')
