"Corpora from a server, from archives, and from nowhere"
import functools,hashlib,http.server,threading
import pytest
from charrnn_fa import *
from charrnn_fa.corpus import NAMED

@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'

@pytest.fixture
def site(tmp_path):
    "URL of a server over a folder, and the folder"
    d = tmp_path/'www'
    d.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=d)
    srv = http.server.ThreadingHTTPServer(('127.0.0.1',0), handler)
    threading.Thread(target=srv.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{srv.server_port}',d
    srv.shutdown()
    srv.server_close()

def test_url_is_fetched_once(site, cache):
    url,d = site
    (d/'a.txt').write_text('from afar')
    assert get_corpus(f'{url}/a.txt').text=='from afar'
    (d/'a.txt').unlink()
    assert get_corpus(f'{url}/a.txt').text=='from afar'
    with pytest.raises(CorpusError, match='404'): get_corpus(f'{url}/b.txt')

def test_wrong_hash_is_not_kept(site, tmp_path):
    url,d = site
    (d/'a.txt').write_text('not what it should be')
    with pytest.raises(CorpusError, match='another file'): download(f'{url}/a.txt', tmp_path/'x'/'a.txt', '0'*64)
    assert not list((tmp_path/'x').iterdir())
    good = hashlib.sha256(b'not what it should be').hexdigest()
    assert download(f'{url}/a.txt', tmp_path/'x'/'a.txt', good).read_text()=='not what it should be'

def test_a_file_that_was_there_is_left_alone(cache):
    cache.mkdir()
    (cache/'shakespeare.txt').write_text('my own')
    with pytest.raises(CorpusError, match='remove it'): get_corpus('shakespeare')
    assert (cache/'shakespeare.txt').read_text()=='my own'

def test_dead_network_names_the_path(cache, monkeypatch):
    monkeypatch.setitem(NAMED, 'shakespeare', ('http://127.0.0.1:9/x.txt', NAMED['shakespeare'][1]))
    with pytest.raises(CorpusError) as e: get_corpus('shakespeare')
    assert str(cache/'shakespeare.txt') in str(e.value)

def test_shakespeare(shakespeare):
    c = get_corpus('shakespeare')
    assert c.sha256==NAMED['shakespeare'][1] and len(c.text)==1_115_394 and len(CharVocab.from_text(c.text))==65

def test_python(): assert len(get_corpus('python').text)>500_000
