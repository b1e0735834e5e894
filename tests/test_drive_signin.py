"Sign in once: silent sessions afterwards, and secrets that are nowhere to be found"
import json, os, pickle, re, subprocess, sys, traceback
import nbformat, pytest, warm
from charrnn_fa.gdrive.store import *
from charrnn_fa.gdrive.signin import *
from charrnn_fa.keep.store import *
from conftest import root
from fakedrive import Fault, error, serve

client,secret = 'marker-client-id','marker-client-secret'

@pytest.fixture
def srv():
    s = serve()
    yield s
    s.shutdown()

@pytest.fixture
def home(tmp_path, monkeypatch):
    "A user without any secrets"
    for o in ('GDRIVE_TOKEN','GDRIVE_CLIENT_ID','GDRIVE_CLIENT_SECRET','GDRIVE_NON_INTERACTIVE'): monkeypatch.delenv(o, raising=False)
    monkeypatch.setenv('CHARRNN_CONFIG', str(tmp_path/'config'))
    return tmp_path

def uris(srv): return dict(device_uri=f'{srv.base}/device/code', token_uri=f'{srv.base}/token')
def where(srv): return dict(root=srv.base, token_uri=f'{srv.base}/token', pause=(0.01,0.1), timeout=2, deadline=3)

session = '''
import json,os,sys
from charrnn_fa.gdrive.store import *
from charrnn_fa.gdrive.signin import *
from charrnn_fa.keep.store import *
base,config,say = sys.argv[1],sys.argv[2],print
if config=='new':
    os.environ['CHARRNN_CONFIG'] = sys.argv[3]
    setup_drive('marker-client-id', 'marker-client-secret', device_uri=base+'/device/code', token_uri=base+'/token')
store = open_store('gdrive:charrnn/run', local=None, root=base, token_uri=base+'/token')
n = len(store.list())
store.put(f'ck-{n:03}', b'x'*1000)
sys.stderr.write(json.dumps([o.name for o in store.list()]))
'''

def run(srv, *args, **env):
    "A fresh process that cannot be asked anything"
    keep = {k:v for k,v in os.environ.items() if not k.startswith(('GDRIVE','CHARRNN_CONFIG','XDG'))}
    how = dict(cwd=root, env=dict(keep, **env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    p = warm.run([sys.executable, '-c', session, srv.base, *args], **how)
    assert p.returncode==0, p.stderr
    return p

def test_once_and_never_again(srv, home):
    "The first session asks for the code; nine later ones, which share only the secret, ask nothing"
    first = run(srv, 'new', str(home/'config'))
    assert first.stdout.count('ABCD-EFGH')==1
    token = (home/'config/gdrive_token').read_text()
    asked = srv.drive.count('POST', '/device/code')
    for i in range(1, 10):
        how = dict(GDRIVE_TOKEN=token, HOME=str(home/f'other{i}')) if i%2 else dict(CHARRNN_CONFIG=str(home/'config'))
        p = run(srv, 'later', **how)
        assert p.stdout=='' and p.stderr.endswith(json.dumps([f'ck-{j:03}' for j in range(i+1)]))
    assert (srv.drive.count('POST', '/device/code'),asked)==(1,1)

def test_nothing_found(home):
    with pytest.raises(StoreError, match=r'There is no GDRIVE_TOKEN; looked in .*environment variable.*Sign in once, with setup_drive\(client_id, client_secret\)') as e: open_store('gdrive:a/b')
    assert e.value.permanent
    with pytest.raises(StoreError, match=r'There is no GDRIVE_CLIENT_ID.*or pass it: setup_drive\(client_id, client_secret\)'): setup_drive()
    with pytest.raises(StoreError) as e: find_secret('MINE')
    assert 'setup_drive' not in str(e.value)

def test_order_of_sources(home, monkeypatch):
    keep_secret('GDRIVE_TOKEN', 'from the file')
    assert find_secret('GDRIVE_TOKEN')=='from the file'
    monkeypatch.setenv('GDRIVE_TOKEN', 'from the environment')
    assert find_secret('GDRIVE_TOKEN')=='from the environment'

@pytest.mark.skipif(os.name=='nt', reason='Windows has other permissions')
def test_file_is_private(home):
    p = keep_secret('GDRIVE_TOKEN', 'x')
    assert (p.stat().st_mode&0o777,p.parent.stat().st_mode&0o777)==(0o600,0o700)
    keep_secret('GDRIVE_TOKEN', 'y')
    assert p.read_text()=='y' and p.stat().st_mode&0o777==0o600 and os.listdir(p.parent)==['gdrive_token']

@pytest.mark.parametrize('bad', ['', 'x', '[]', '{}', '{"client_id":"a","client_secret":"b"}', 'null', '"marker"'])
def test_token_that_was_pasted_badly(bad):
    with pytest.raises(StoreError, match='Paste it again') as e: DriveToken.loads(bad)
    assert e.value.permanent and 'marker' not in str(e.value)

def test_setup_through_weather(srv, home):
    "Polling goes on through a bad network, and stops at a refusal"
    srv.drive.allow_after = 6
    srv.drive.faults = [Fault('reset',0,path='/token'), Fault('status',(503,'<html>'),path='/token'), Fault('lost',None,path='/token'), Fault('status',(200,b''),path='/token')]
    setup_drive(client, secret, show=lambda o: None, **uris(srv))
    assert DriveToken.loads(find_secret('GDRIVE_TOKEN')).refresh_token in srv.drive.refresh

@pytest.mark.parametrize('word', ['access_denied','expired_token','invalid_client'])
def test_setup_refused(srv, home, word):
    srv.drive.faults = [Fault('status',(400,dict(error=word)),path='/token')]
    with pytest.raises(StoreError, match=word): setup_drive(client, secret, show=lambda o: None, **uris(srv))
    assert not (home/'config').exists()

def test_setup_without_a_network(home):
    with pytest.raises(StoreError, match='did not send a code'): setup_drive(client, secret, device_uri='http://127.0.0.1:9/device/code')

def test_setup_is_for_persons(srv, home, monkeypatch):
    monkeypatch.setenv('GDRIVE_NON_INTERACTIVE', '1')
    with pytest.raises(StoreError, match='somebody at the keyboard'): setup_drive(client, secret, **uris(srv))
    assert not srv.drive.log

def test_client_from_the_settings(srv, home, monkeypatch):
    monkeypatch.setenv('GDRIVE_CLIENT_ID', client)
    keep_secret('GDRIVE_CLIENT_SECRET', secret)
    kept = []
    monkeypatch.setattr('charrnn_fa.gdrive.signin._keepers', [])
    def keeper(p): kept.append(p)
    register_secret_keeper(keeper)
    p = setup_drive(show=lambda o: None, **uris(srv))
    assert kept==[p] and json.loads(p.read_text())['client_secret']==secret

@pytest.mark.parametrize('word,say', [('invalid_grant','no longer valid'), ('invalid_client','check both'), ('unauthorized_client','check both')])
def test_dead_token_is_found_at_the_door(srv, home, word, say):
    srv.drive.faults = [Fault('status',(400,dict(error=word)),path='/token',times=9)]
    with pytest.raises(StoreError, match=say) as e: open_store('gdrive:a/b', local=None, token=DriveToken(client,secret,'marker-refresh'), **where(srv))
    assert e.value.permanent

def test_api_is_switched_off(srv, home):
    srv.drive.grant('marker-refresh')
    srv.drive.faults = [Fault('status',error(403,'accessNotConfigured'),path='/files')]
    with pytest.raises(StoreError, match='not switched on'): open_store('gdrive:a/b', local=None, token=DriveToken(client,secret,'marker-refresh'), **where(srv))

nb_cells = ['''
import logging,os,sys,warnings
logging.basicConfig(level=logging.DEBUG, filename='debug.log')
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
from charrnn_fa.everything import *
''', '''
base = os.environ['BASE']
store = open_store('gdrive:charrnn/run', local='near', root=base, token_uri=base+'/token', pause=(0.01,0.1), timeout=2, deadline=3)
store
''', '''
store.put('ck-1', b'x'*1000)
print(store, store.far, store.far.link, store.far.link.token, store.list(), store.quota(), vars(store), vars(store.far))
''', '''
learn = char_learner(CharDataLoaders.from_corpus('abcdefghij'*2000, bs=4, seq_len=8), 'lstm', n_hid=8)
learn.fit_steps(20, cbs=Resume(store, every=5))
''', '''
%xmode Verbose
store.get('absent')
''', '''
import urllib.request
urllib.request.urlopen(base+'/revoke').read()
store.put('ck-2', b'y'*1000)
''', '''
store.far.list()
''', '''
import pickle
open('store.pkl','wb').write(pickle.dumps(store))
learn.store = store
learn.fit(1)
learn.save('weights')
learn.save_trained('model.safetensors')
''', '''
DriveToken.loads(os.getenv('GDRIVE_TOKEN')[:-20])
''', '''
pickle.dumps(store.far.link.token)
''']

def test_secrets_are_nowhere(home):
    "A notebook that prints, logs, fails, warns and exports all that it can: none of the secrets is in its outputs or its files"
    from nbclient import NotebookClient
    srv = serve()
    d = srv.drive
    d.grant('marker-refresh')
    d.storm = lambda method, path: (d.revoke(), Fault('status',(200,b'ok')))[1] if path=='/revoke' else None
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(o.strip()) for o in nb_cells])
    work = home/'work'
    work.mkdir()
    env = dict(os.environ, BASE=srv.base, GDRIVE_TOKEN=DriveToken(client,secret,'marker-refresh').dumps(), PYTHONPATH=str(root))
    NotebookClient(nb, timeout=120, allow_errors=True, resources=dict(metadata=dict(path=str(work)))).execute(env=env)
    nbformat.write(nb, work/'run.ipynb')
    srv.shutdown()
    errors = [o['ename'] for c in nb.cells for o in c.outputs if o.output_type=='error']
    assert errors==['StoreError','DriveRefused','StoreError','TypeError'], nb
    assert 'setup_drive() again' in str(nb) and {'debug.log','models','store.pkl','model.safetensors','near'}<={o.name for o in work.iterdir()}
    hidden = re.compile('|'.join(['marker-',*d.issued]).encode())
    assert d.issued and all((work/'near').iterdir())
    for p in [o for o in work.rglob('*') if o.is_file()]: assert not hidden.search(p.read_bytes()), p
    assert any(k.startswith('ck-0') for k in d.named()) and not any(hidden.search(o) for o in d.blobs.values())

def test_no_marker_in_any_exception(srv, home):
    "Not even with the variables of every frame, and of every exception behind it"
    srv.drive.grant('marker-refresh')
    store = open_store('gdrive:a/b', local=None, token=DriveToken(client,secret,'marker-refresh'), **dict(where(srv), deadline=0.5))
    faults = [Fault('status',(503,b''),times=10**6), Fault('status',error(403,'dailyLimitExceeded'),times=9), Fault('reset',0,times=10**6)]
    for f in faults:
        srv.drive.faults = [f]
        for do in (store.list, lambda: store.put('ck', b'x'), lambda: store.get('ck'), store.quota):
            with pytest.raises(StoreError) as e: do()
            text = ''.join(traceback.TracebackException.from_exception(e.value, capture_locals=True).format())
            assert 'marker-' not in text and 'Bearer' not in text and e.value.__context__ is None
            assert not any(o in text for o in srv.drive.issued)

def test_pickled_store_opens_with_the_secret_of_the_place(srv, home, monkeypatch):
    srv.drive.grant('marker-refresh')
    store = open_store('gdrive:a/b', local=None, token=DriveToken(client,secret,'marker-refresh'), **where(srv))
    store.put('ck-1', b'one')
    s = pickle.dumps(store)
    with pytest.raises(StoreError, match='There is no GDRIVE_TOKEN'): pickle.loads(s).list()
    monkeypatch.setenv('GDRIVE_TOKEN', DriveToken(client,secret,'marker-refresh').dumps())
    assert pickle.loads(s).get('ck-1')==b'one'
