"The Drive store against a Drive on loopback that breaks down: one fault at a time, and all of them at random"
import contextlib, hashlib, os, random, re, signal, subprocess, sys, threading, time, warnings
import pytest, warm
from charrnn_fa.gdrive.backed import *
from charrnn_fa.gdrive.store import *
from charrnn_fa.gdrive.signin import *
from charrnn_fa.keep.store import *
from charrnn_fa.keep.runs import *
from charrnn_fa.keep.claim import *
from conftest import root
from fakedrive import FOLDER, PLAIN, Fault, error, serve

K = 1024

@pytest.fixture
def srv():
    s = serve()
    s.drive.grant('the-refresh-token')
    yield s
    s.shutdown()
    assert not s.drive.bad, s.drive.bad # Every request fits Google's description

def opened(srv, path='charrnn/run1', **kw):
    "A store with short pauses, small parts and a short deadline"
    kw = dict(dict(chunk=256*K, pause=(0.002,0.05), timeout=1, deadline=5, slowest=1e6), **kw)
    return DriveStore(path, token=DriveToken('the-id','the-secret','the-refresh-token'), root=srv.base, token_uri=f'{srv.base}/token', **kw)

def intact(srv, name, data):
    "There is one file of that name, with these bytes"
    fs = srv.drive.titled(name)
    return len(fs)==1 and srv.drive.blobs[fs[0]['id']]==data

faults = dict(html=Fault('status',(503,PLAIN)), empty=Fault('status',(500,b'')), json=Fault('status',error(503,'backendError')), late=Fault('status',(408,b'')),
    many=Fault('status',(429,b''),times=3), rate=Fault('status',error(403,'userRateLimitExceeded')), nonsense=Fault('status',(200,PLAIN)),
    reset=Fault('reset',0), half=Fault('reset',300*K), fin=Fault('lost'), rst=Fault('lost','reset'), slow=Fault('delay',1.5), garble=Fault('garble'))
requests = dict(token=('POST','/token'), ids=('GET','generateIds'), folder=('POST','/drive/v2/files$'), begin=('POST','/upload/'), part=('PUT','/upload/'),
    last=('PUT','/upload/',2), search=('GET','/files$'), about=('GET','/about'), get=('GET','/files/[^/]+$'), delete=('DELETE','/files/'))

@pytest.mark.parametrize('where', requests)
@pytest.mark.parametrize('what', faults)
def test_one_fault(srv, what, where):
    "Whatever fails once, wherever: the store does its work, once"
    method,path,*skip = requests[where]
    srv.drive.faults = [Fault(faults[what].what, faults[what].arg, method, f'{path}', faults[what].times, *skip)]
    store,data = opened(srv),random.Random(what).randbytes(600*K)
    store.put('ck-1', data)
    store.put('ck-2', b'two')
    assert intact(srv, 'ck-1', data) and intact(srv, 'ck-2', b'two')
    assert [o.name for o in store.list()]==['ck-1','ck-2'] and store.get('ck-1')==data
    for o in store.list(): store.delete(o)
    assert not srv.drive.blobs and len(srv.drive.titled('run1'))==1 and store.quota()>0
    assert not srv.drive.faults[0].times

def test_token_expires_in_the_middle(srv):
    store,data = opened(srv),os.urandom(1200*K)
    expire = lambda method, path: srv.drive.expire() if random.random()<0.3 else None
    srv.drive.storm = expire
    for i in range(10): store.put(f'ck-{i}', data)
    srv.drive.storm = None
    assert all(intact(srv, f'ck-{i}', data) for i in range(10))

def test_session_lost(srv):
    store,data = opened(srv),os.urandom(700*K)
    srv.drive.faults = [Fault('status',error(404,'notFound'),'PUT',skip=1), Fault('status',(410,b''),'PUT',skip=3)]
    store.put('ck-1', data)
    assert intact(srv, 'ck-1', data)

def test_deleted_meanwhile(srv):
    "Someone has deleted the folder, or the file that is to be replaced"
    store = opened(srv)
    store.put('ck-1', b'one')
    for title in ('ck-1','run1'): srv.drive.delete(srv.drive.titled(title)[0]['id'])
    store.put('ck-1', b'two')
    assert [o.name for o in store.list()]==['ck-1'] and store.get('ck-1')==b'two'
    srv.drive.delete(srv.drive.titled('ck-1')[0]['id'])
    assert store.list()==[]

def test_revoked(srv):
    store = opened(srv)
    store.put('ck-1', b'one')
    srv.drive.revoke()
    store.link.pause = 1e6,1e6                              # a second try would wait beyond the deadline, and be given up as a passing failure
    with pytest.raises(StoreError, match=r'setup_drive\(\) again') as e: store.put('ck-2', b'two')
    assert e.value.permanent
    with pytest.raises(StoreError, match=r'setup_drive\(\) again'): opened(srv).list()

def test_quota(srv):
    "A full Drive says so before a byte travels, at whatever moment it was filled; it costs no question beforehand"
    store = opened(srv)
    store.put('ck-1', b'x'*1000)
    srv.drive.quota = 1500
    assert store.quota()==500
    n,asked = len(srv.drive.sessions),len(srv.drive.log)
    with pytest.raises(StoreError, match='Google Drive is full') as e: store.put('ck-2', b'x'*1000)
    assert e.value.permanent and e.value.full and len(srv.drive.sessions)==n and [o.name for o in store.list()]==['ck-1']
    assert not [o for o in srv.drive.log[asked:] if '/about' in o[1]]
    store.delete('ck-1')
    assert store.put('ck-2', b'x'*1000).size==1000

def test_lists_lag(srv):
    srv.drive.lag = 1.
    store = opened(srv)
    for i in range(4): store.put(f'ck-{i}', b'x')
    store.put('live', b'old')
    store.put('live', b'newer')
    store.delete('ck-0')
    assert [(o.name,o.size) for o in store.list()]==[('ck-1',1),('ck-2',1),('ck-3',1),('live',5)]
    time.sleep(1.1)
    assert [(o.name,o.size) for o in opened(srv).list()]==[('ck-1',1),('ck-2',1),('ck-3',1),('live',5)]

def test_double_folders(srv):
    "Two sessions have made the same folders: the oldest is used, and what is in either is seen"
    one,two = opened(srv),opened(srv)
    one.put('ck-1', b'one')
    two.put('live', b'old')
    old = srv.drive.titled('charrnn')[0]
    twin = srv.drive.insert(dict(title='charrnn', mimeType=FOLDER))[1]
    sub = srv.drive.insert(dict(title='run1', mimeType=FOLDER, parents=[dict(id=twin['id'])]))[1]
    md5 = hashlib.md5(b'three').hexdigest()
    time.sleep(0.01)
    for name in ('ck-3','live'): srv.drive.insert(dict(title=name, parents=[dict(id=sub['id'])], properties=[dict(key='charrnn_fa', value=md5)]), b'three')
    store = opened(srv)
    assert [(o.name,o.size) for o in store.list()]==[('ck-1',3),('ck-3',5),('live',5)]
    store.delete(next(o for o in store.list() if o.name=='live'))
    assert not srv.drive.titled('live')
    store.put('live', b'newest')
    store.put('ck-4', b'four')
    assert intact(srv, 'live', b'newest')
    assert srv.drive.titled('ck-4')[0]['parents'][0]['id'] in [f['id'] for f in srv.drive.titled('run1') if f['parents'][0]['id']==old['id']]

def test_foreign_files_are_left_alone(srv):
    store = opened(srv)
    store.put('ck-1', b'one')
    other = srv.drive.insert(dict(title='thesis', parents=srv.drive.titled('ck-1')[0]['parents']), b'years')[1]
    assert [o.name for o in store.list()]==['ck-1']
    store.delete('thesis')
    store.delete(Entry('thesis', 5, 0., other['id'], other['md5Checksum']))
    assert srv.drive.blobs[other['id']]==b'years'
    with pytest.raises(StoreError, match='There is no thesis'): store.get('thesis')

def test_many_pages(srv):
    store = opened(srv)
    store.put('ck-0000', b'x')
    like = srv.drive.titled('ck-0000')[0]
    for i in range(1, 2100): srv.drive.insert(dict(title=f'ck-{i:04}', parents=like['parents'], properties=like['properties']), b'x')
    assert len(store.list())==2100

def test_a_file_without_bytes(srv):
    store = opened(srv)
    assert store.get(store.put('empty', b''))==b''

@pytest.mark.parametrize('what', [Fault('drip',0.05,times=99), Fault('delay',30.,times=99), Fault('status',(503,b''),times=10**6), Fault('reset',0,times=10**6)], ids=lambda o: o.what)
def test_no_call_waits_beyond_its_deadline(srv, what):
    store = opened(srv, deadline=1, slowest=1e9)
    entry = store.put('ck-1', b'x'*200*K)
    srv.drive.faults = [what]
    for f in (store.list, lambda: store.put('ck-2', b'x'*200*K), lambda: store.get(entry), lambda: store.delete(entry), store.quota):
        start = time.monotonic()
        with pytest.raises(StoreError) as e: f()
        assert time.monotonic()-start<20 and not e.value.permanent           # the deadline is 1 s; without it, half a minute or for ever

def test_interrupted(srv):
    "After an interrupt in the middle of a question, its late answer is not taken for the answer to the next one"
    store = opened(srv)
    entry = store.put('ck-1', b'one')
    srv.drive.faults = [Fault('delay',0.3)]
    main = threading.get_ident()
    was  = signal.signal(signal.SIGINT, signal.default_int_handler) # a job in the background of a shell ignores interrupts
    threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt): store.quota()
    finally: signal.signal(signal.SIGINT, was)
    time.sleep(0.4)
    assert store.get(entry)==b'one' and [o.name for o in store.list()]==['ck-1']

def test_only_one_module_names_each_service():
    "Imports of Google's packages are in link.py, those of Colab in colab.py, and neither is made by importing the package"
    found = lambda pat: {o.name for o in (root/'charrnn_fa').rglob('*.py') if re.search(rf'(from|import) ({pat})\b', o.read_text())}
    assert found('pydrive2|oauth2client|googleapiclient|httplib2')=={'link.py'} and found(r'google\.colab')=={'colab.py'}
    code = 'import sys\nfrom charrnn_fa import *\nprint([o for o in sys.modules if o.split(".")[0] in ("pydrive2","oauth2client","googleapiclient","httplib2")])'
    assert subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True, check=True).stdout.strip()=='[]'

def test_threads_take_turns(srv):
    store = opened(srv)
    ts = [threading.Thread(target=lambda i=i: [store.put(f'ck-{i}-{j}', bytes([i])*1000) for j in range(5)]) for i in range(4)]
    for t in ts: t.start()
    for t in ts: t.join()
    assert len(store.list())==20

class Storm:
    "Random faults, seeded: about one request in six fails"
    kinds = [('status',(503,PLAIN)), ('status',(500,b'')), ('status',(429,b'')), ('status',(408,b'')), ('status',error(403,'rateLimitExceeded')), ('status',(200,PLAIN)),
        ('status',error(401,'authError')), ('reset',0), ('reset',100*K), ('reset',300*K), ('lost',None), ('lost','reset'), ('delay',0.01), ('delay',0.4), ('garble',None)]
    weights = [3]*12+[2,0.2,1]

    def __init__(self, drive, seed, rate=0.16): self.drive,self.rng,self.rate,self.seen = drive,random.Random(seed),rate,{}
    def __call__(self, method, path):
        r = self.rng.random()
        if r<0.004: self.drive.expire()
        if r<0.001: self.drive.sessions.clear()
        if r>self.rate: return None
        what,arg = self.rng.choices(self.kinds, self.weights)[0]
        self.seen[what] = self.seen.get(what,0)+1
        return Fault(what, arg)

def check(srv, safe):
    "Everything that was called safe is there once, whole"
    named = srv.drive.named()
    for name,md5 in safe.items(): assert hashlib.md5(named[name]).hexdigest()==md5, name
    titles = [f['title'] for k,f in srv.drive.files.items() if k in srv.drive.blobs and hashlib.md5(srv.drive.blobs[k]).hexdigest()==f['properties'][0]['value']]
    assert len(titles)==len(set(titles))

def watch(srv, done, seen):
    "Another session that reads the newest checkpoint again and again: it never sees half of one"
    store = opened(srv)
    while not done.is_set():
        try: last = max((o for o in store.list() if o.name.startswith('ck-')), key=lambda o: o.name, default=None)
        except StoreError: continue
        try: data = store.get(last) if last else None
        except StoreError as e: data = seen.append(str(e)) if 'damaged' in str(e) else None
        if data: seen.append((last.name, data[:32].decode(), hashlib.md5(data[32:]).hexdigest()))

@pytest.mark.parametrize('seed', [1])
def test_storm(srv, seed, n=500, keep=5):
    "Five hundred checkpoints in bad weather, old ones pruned, a note rewritten each time, another session reading"
    storm,rng,safe,fails,longest = Storm(srv.drive, seed),random.Random(seed),{},0,0.
    store,done,seen = opened(srv, timeout=0.3, deadline=4),threading.Event(),[]
    srv.drive.storm,srv.drive.lag = storm,0.05
    reader = threading.Thread(target=watch, args=(srv,done,seen))
    reader.start()
    try:
        for i in range(n):
            body = rng.randbytes(rng.choice([200,3*K,40*K,600*K]))
            data = hashlib.md5(body).hexdigest().encode()+body
            for name,o in ((f'ck-{i:05}',data), ('live',b'step %d'%i)):
                start = time.monotonic()
                try: store.put(name, o)
                except StoreError as e: fails += not e.permanent or pytest.fail(str(e))
                else: safe[name] = hashlib.md5(o).hexdigest()
                longest = max(longest, time.monotonic()-start)
            if i%10==9: prune(store, safe, keep)
    finally:                                                                  # or the reader would outlive a failure, and pytest wait for it
        done.set()
        reader.join()
    srv.drive.storm,srv.drive.lag = None,0.
    check(srv, safe)
    fresh = opened(srv)
    assert {o.name for o in fresh.list()}>=set(safe) and all(hashlib.md5(fresh.get(k)).hexdigest()==v for k,v in safe.items())
    assert longest<60 and fails<n*0.01 and set(storm.seen)=={'status','reset','lost','delay','garble'}
    assert len(seen)>50 and all(isinstance(o, tuple) and o[1]==o[2] for o in seen)
    print(f'{sum(storm.seen.values())} faults in {len(srv.drive.log)} requests, {fails} saves given up, longest {longest:.2f} s, {len(seen)} read meanwhile')

def prune(store, safe, keep):
    "Delete all but the newest, as a run does"
    try: old = [o for o in store.list() if o.name.startswith('ck-')][:-keep]
    except StoreError: return
    for o in old:
        try: store.delete(o)
        except StoreError: continue
        safe.pop(o.name, None)

writer = '''
import sys
sys.path.insert(0, 'tests')
from test_drive import *
class At: base = sys.argv[1]
store,rng = opened(At),random.Random(sys.argv[2])
first = 1+max([int(o.name[3:]) for o in store.list()], default=-1)
for i in range(first, first+1000):
    data = rng.randbytes(rng.choice([3*K,600*K]))
    store.put(f'ck-{i:05}', data)
    print(f'ck-{i:05}', hashlib.md5(data).hexdigest(), flush=True)
'''

def test_killed_while_writing(srv, n=5):
    "A process that is killed at any moment leaves what it called safe, and no part of anything"
    srv.drive.storm,rng,safe = Storm(srv.drive, 3, 0.1),random.Random(3),{}
    for i in range(n):
        p = warm.Popen([sys.executable, '-c', writer, srv.base, str(i)], cwd=root, stdout=subprocess.PIPE, text=True)
        lines = [p.stdout.readline() for _ in range(3)]
        time.sleep(rng.random()*0.2)
        p.kill()
        lines += p.stdout.read().splitlines()
        safe.update(o.split() for o in lines if o.strip() and len(o.split())==2 and len(o.split()[1])==32)
    srv.drive.storm = None
    check(srv, safe)
    store = opened(srv)
    assert len(safe)>=3*n and {o.name for o in store.list()}>=set(safe)
    assert all(hashlib.md5(store.get(o)).hexdigest()==o.digest for o in store.list())

def test_away_and_back(srv, tmp_path):
    "With a folder nearby nothing is lost while Drive is away, and each kind of trouble is told once"
    store = BackedStore(opened(srv), DirStore(tmp_path), again=0.)
    store.put('ck-0', b'0')
    store.list()
    srv.drive.revoke()
    with pytest.warns(UserWarning, match='setup_drive') as said:
        for i in range(1,6): store.put(f'ck-{i}', str(i).encode())
        store.delete('ck-0')
        store.delete('ck-1')
    told = [o for o in said if o.category is UserWarning] # A socket of an earlier test that is collected now warns, too
    assert len(told)==1 and [o.name for o in store.list()]==[f'ck-{i}' for i in range(2,6)] and store.get('ck-3')==b'3'
    srv.drive.grant('the-refresh-token')
    with pytest.warns(UserWarning, match='can be reached again: 5 sent'): store.put('ck-6', b'6')
    assert srv.drive.named()=={f'ck-{i}':str(i).encode() for i in range(2,7)} and not store.waiting
    assert [o.name for o in store.list()]==[f'ck-{i}' for i in range(2,7)]

def test_what_waits_outlives_the_process(srv, tmp_path):
    srv.drive.faults = [Fault('status',(503,b''),path='/upload/',times=10**6)]
    store = BackedStore(opened(srv, deadline=0.3), DirStore(tmp_path))
    with pytest.warns(UserWarning, match='did not answer in time'): store.put('ck-1', b'one')
    srv.drive.faults = []
    store = BackedStore(opened(srv), DirStore(tmp_path))
    assert [o.name for o in store.list()]==['ck-1'] and store.get('ck-1')==b'one'
    store.close()
    assert intact(srv, 'ck-1', b'one') and not store.waiting

def test_a_run_in_the_folder_of_another(srv, tmp_path, monkeypatch):
    "gdrive:charrnn and gdrive:charrnn/run1, on one machine: what is put into either is sent, and what is deleted goes"
    monkeypatch.setenv('CHARRNN_CACHE', str(tmp_path))
    kw = dict(token=DriveToken('the-id','the-secret','the-refresh-token'), root=srv.base, token_uri=f'{srv.base}/token', pause=(0.002,0.05))
    inner,outer = open_drive('charrnn/run1', **kw),open_drive('charrnn', **kw)
    inner.put('ck-1', b'in')
    with warnings.catch_warnings():
        warnings.filterwarnings('error', 'Cannot')
        for i in (1,2,3): outer.put(f'ck-{i}', b'out')
        outer.delete('ck-1')
    assert not outer.waiting and [o.name for o in outer.list()]==['ck-2','ck-3'] and intact(srv, 'ck-1', b'in') and intact(srv, 'ck-3', b'out')

@contextlib.contextmanager
def uploading(srv, f, secs=2.):
    "`f` runs in a thread, and its upload arrives `secs` after its last byte was sent; yields once it is on its way, with a list that takes its error"
    err,slow = [],Fault('delay', secs, 'PUT', '/upload/')
    def run():
        try: f()
        except Exception as e: err.append(e)
    srv.drive.faults = [slow]
    t = threading.Thread(target=run)
    t.start()
    while slow.times and t.is_alive(): time.sleep(.01)
    yield err
    t.join()

@pytest.mark.parametrize('near', [False,True])
@pytest.mark.parametrize('when', ['first','again','through','dies'])
@pytest.mark.filterwarnings('ignore:dead')
def test_a_model_on_its_way_when_the_run_is_taken_over(srv, tmp_path, near, when):
    "It arrives after the winner's, and the winner's stays: the first of a run, where there was one, where the winner is through already, where the loser ends before it can clean up"
    def claimed(name, **kw):
        store = opened(srv, timeout=10, deadline=20)
        c = Claim(BackedStore(store, DirStore(tmp_path/name)) if near else store)
        c.take(**kw)
        return c
    a = claimed('a')
    if when!='first': a.put(MODEL_FILE, b'old')
    if when=='dies': a.store.delete = (a.store.far if near else a.store)._remove = lambda *args: (_ for _ in ()).throw(StoreError('dead'))
    with uploading(srv, lambda: a.put(MODEL_FILE, b'the loser')) as err:
        b = claimed('b', force=True)
        b.put(MODEL_FILE, b'the winner')
        if when=='through': b.give_back()
    assert isinstance(err[0], (StoreError,RunInUse))
    for store in (b.store, opened(srv)):
        assert store.get(MODEL_FILE)==b'the winner'
        assert [o.size for o in store.list() if o.name==MODEL_FILE]==[10]
    if when!='dies': assert intact(srv, MODEL_FILE, b'the winner')
    if when!='through': b.give_back()
    c = claimed('c')
    c.put(MODEL_FILE, b'the next')
    assert intact(srv, MODEL_FILE, b'the next') and opened(srv).get(MODEL_FILE)==b'the next'

def test_a_store_never_reached_is_no_empty_store(srv, tmp_path):
    srv.drive.faults = [Fault('status',(503,b''),times=10**6)]
    with pytest.raises(StoreError, match='did not answer in time'): BackedStore(opened(srv, deadline=0.3), DirStore(tmp_path)).list()
