"Nothing is lost, and nothing is mistaken for something else: a test for each fault that was found; test_histories.py looks for more"
import contextlib,io,json,os,random,re,subprocess,sys,time,tracemalloc
from functools import partial
from types import SimpleNamespace
import pytest, torch
import numpy as np
from fastai.basics import Callback,load_learner,nn,set_seed
from fastai.callback.all import CSVLogger,GradientAccumulation
from charrnn_fa.everything import *
from charrnn_fa.keep import claim as claim_module,runs as runs_module
from charrnn_fa.shell.words import ShellResume
from resume_child import Break, fit, make

text = 'she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*40

def quiet(f, *args, **kw):
    "What `f` returns, and what it printed"
    out = io.StringIO()
    with contextlib.redirect_stdout(out): res = f(*args, **kw)
    return res,out.getvalue()

def elsewhere(store):
    "A claim of a process that lives: the one that started this one"
    p = this_process()
    p.update(pid=os.getppid(), began=claim_module._proc_start(os.getppid()), at='noon')
    store.put('live-000005-00000000.json', json.dumps(p).encode())

# Point 1
def test_anew_looks_before_it_moves(tmp_path):
    "Starting over where a living process trains is refused, and nothing has moved; the number of a claim is above all others"
    fit(make(), Resume(tmp_path), n=1)
    before = sorted(o.name for o in tmp_path.iterdir())
    elsewhere(DirStore(tmp_path))
    with pytest.raises(RunInUse): fit(make(), Resume(tmp_path, anew=True), n=1)
    assert sorted(o.name for o in tmp_path.iterdir())==sorted([*before,'live-000005-00000000.json'])
    cb = Resume(tmp_path, anew=True, force='session')
    with cb:
        fit(make(), cb, n=1)
        assert cb.claim.number==6
    assert sorted(o.name for o in (tmp_path/'older.1').iterdir())==before

# Point 2
def test_only_the_holder_writes_the_model(tmp_path):
    learn = make()
    with Resume(tmp_path) as a:
        fit(learn, a, n=1)
        with Resume(tmp_path, force='plan') as b:
            fit(make(), b, n=1)
            b.save_model(learn, by='b')
        with pytest.raises(RunInUse, match='has taken over'): a.save_model(learn, by='a')
    assert load_run(tmp_path).info['by']=='b'
    with pytest.raises(ValueError, match='inside `with'): a.save_model(learn)

def test_a_lost_process_writes_nothing_after_the_winner_is_through(tmp_path):
    store,late = DirStore(tmp_path),Claim(DirStore(tmp_path))
    late.take()
    with Resume(tmp_path) as b: fit(make(), b, n=1)
    with pytest.raises(RunInUse): late.put(checkpoint_name(10**6,0,late.session), b'')
    assert not [o for o in store.list() if late.session in o.name]

@pytest.mark.parametrize('noticed', [True,False])
def test_of_two_that_start_at_once_the_loser_stays_lost(noticed, tmp_path):
    "Two claims with the same number: the later name wins, and its model stays when it is through, whether the loser noticed in time or only now"
    win,lose = Claim(DirStore(tmp_path)),Claim(DirStore(tmp_path))
    win.session,lose.session = 'ffffffff','00000000'
    real = lose.store.put
    def put(*args):
        "The winner claims the run while the loser's claim is on its way"
        lose.store.put = real
        win.take()
        return real(*args)
    lose.store.put = put
    lose.take()
    assert sorted(o.name for o in tmp_path.iterdir())==['live-000001-00000000.json','live-000001-ffffffff.json']
    win.put(MODEL_FILE, b'theirs')
    if noticed:
        with pytest.raises(RunInUse): lose.put(checkpoint_name(1,0,lose.session), b'')
    win.give_back()
    with pytest.raises(RunInUse): lose.put(MODEL_FILE, b'ours')
    lose.give_back()
    assert [o.name for o in tmp_path.iterdir()]==[MODEL_FILE] and (tmp_path/MODEL_FILE).read_bytes()==b'theirs'

def test_a_claim_is_given_back_in_its_own_folder_only(tmp_path):
    "The folder was moved and another run is trained in its place: giving back the claim leaves the claim of that run alone"
    a,b = Claim(DirStore(tmp_path/'run')),Claim(DirStore(tmp_path/'run'))
    a.store.put('live-000007-00000000.json', b'')
    a.take()
    (tmp_path/'run').rename(tmp_path/'away')
    b.take()
    assert b.number<a.number
    b.put(MODEL_FILE, b'b')
    a.give_back()
    assert b.lost_to() is None

def test_a_process_that_loses_its_run_while_it_writes(tmp_path, monkeypatch):
    "The run is taken over while the bytes are on their way to the disk: they never get the name"
    a,b = Claim(DirStore(tmp_path)),Claim(DirStore(tmp_path))
    a.take()
    real = os.fsync
    def fsync(fd):
        monkeypatch.setattr(os, 'fsync', real)
        b.take(force=True)
        b.put(MODEL_FILE, b'theirs')
    monkeypatch.setattr(os, 'fsync', fsync)
    with pytest.raises(RunInUse): a.put(MODEL_FILE, b'ours')
    assert (tmp_path/MODEL_FILE).read_bytes()==b'theirs' and not list(tmp_path.glob('.*'))

def test_a_process_that_loses_its_run_while_it_uploads_to_a_bucket():
    "The same in a bucket: what was on its way leaves nothing there"
    a,b = Claim(open_store('memory://lost')),Claim(open_store('memory://lost'))
    a.take()
    a.put(MODEL_FILE, b'old')
    real = a.store.fs.pipe_file
    def slow(*args):
        real(*args)
        b.take(force=True)
        b.put(MODEL_FILE, b'theirs')
    with pytest.MonkeyPatch.context() as m:
        m.setattr(a.store, 'fs', SimpleNamespace(**{o:getattr(a.store.fs, o) for o in ('ls','invalidate_cache','mv','rm_file','cat_file')}, pipe_file=slow))
        with pytest.raises(RunInUse): a.put(MODEL_FILE, b'ours')
    assert b.store.get(MODEL_FILE)==b'theirs' and [o.name for o in b.store.list()]==[b.name,MODEL_FILE]
    b.put(MODEL_FILE, b'again')
    b.give_back()
    assert b.store.get(MODEL_FILE)==b'again' and [o.name for o in b.store.list()]==[MODEL_FILE]

class Refused(Exception):
    "What `s3fs` lets through when there is no network: none of Python's own errors"

def test_a_bucket_that_is_away(tmp_path, capsys):
    "It is a `StoreError` whatever the file system raises; training goes on without it, and ends"
    store,learn = open_store('memory://away'),make()
    def away(*args, **kwargs): raise Refused('Could not connect')
    class Off(Callback):
        def after_step(self):
            if self.train_iter!=20: return
            store.fs = SimpleNamespace(**{o:away for o in ('ls','mv','rm_file','cat_file','pipe_file','makedirs')}, invalidate_cache=lambda: None)
    fit(learn, [Resume(store, every=10), Off()], n=1)
    out = capsys.readouterr().out
    assert learn.train_iter==len(learn.dls.train) and 'could not be stored' in out and 'could not be removed' in out and 'Could not connect' in out
    for f in (store.list, lambda: store.get('ck-1'), lambda: store.put('ck-1', b''), lambda: store.delete('ck-1')):
        with pytest.raises(StoreError, match='memory://away: Could not connect'): f()

@pytest.mark.parametrize('same', [True,False])
def test_trained_between_looking_and_claiming(same, tmp_path):
    "Another process trains, and ends, after this one has looked for a checkpoint and before it claims the run: what it has kept is resumed, or refused"
    class Slow(DirStore):
        then = True
        def put(self, name, data):
            if self.then:
                self.then = False
                fit(make(n_hid=24 if same else 16), Resume(tmp_path, every=10), n=1)
            return super().put(name, data)
    cb = Resume(Slow(tmp_path))
    if same:
        fit(make(), cb, n=1)
        assert cb.began_at==len(make().dls.train)
    else:
        with pytest.raises(ValueError, match='is another run'): fit(make(), cb, n=1)
        assert not list(tmp_path.glob('live*'))

class Away(DirStore):
    "A store far away that can be switched off, and notes what is written and removed"
    off = False
    def __init__(self, path):
        super().__init__(path)
        self.did = []
    def _on(self):
        if self.off: raise StoreError('away')
    def put(self, name, data):
        self._on()
        self.did.append(name)
        return super().put(name, data)
    def list(self):
        self._on()
        return super().list()
    def delete(self, entry):
        self._on()
        self.did.append(getattr(entry, 'name', entry))
        super().delete(entry)

@pytest.mark.parametrize('end', ['put','delete','close','give_back','small'])
@pytest.mark.filterwarnings('ignore:away')
def test_what_waits_is_not_sent_by_a_process_that_lost_its_run(end, tmp_path):
    "Drive is away, another machine takes the run over, Drive comes back: nothing is sent or removed there by the first"
    far = Away(tmp_path/'far')
    store = BackedStore(far, DirStore(tmp_path/'near'))
    a = Claim(store)
    a.take()
    for i in (2,4): a.put(checkpoint_name(i,0,a.session), b'ours')
    far.off = True
    a.put(checkpoint_name(6,0,a.session), b'ours')
    store.put(MODEL_FILE, b'ours')
    store.delete(checkpoint_name(2,0,a.session))                     # pruned, here
    b = Claim(DirStore(tmp_path/'far'))
    b.take(force=True)                                               # on another machine
    b.put(MODEL_FILE, b'theirs')
    b.put(checkpoint_name(8,0,b.session), b'theirs')
    b.give_back()
    far.off,store._next,far.did = False,0.,[]
    before = {o.name:o.read_bytes() for o in (tmp_path/'far').iterdir()}
    if end=='small': store.near.put = lambda *a: (_ for _ in ()).throw(StoreError('no room', full=True))
    with pytest.raises(RunInUse, match='has taken over'):
        if end in ('put','small'): a.put(checkpoint_name(10,0,a.session), b'ours')
        elif end=='delete': store.delete(checkpoint_name(4,0,a.session))
        elif end=='close': store.close()
        else: a.give_back()
    assert not far.did and {o.name:o.read_bytes() for o in (tmp_path/'far').iterdir()}==before
    assert MODEL_FILE in store.waiting                               # and nothing is thrown away

@pytest.mark.filterwarnings('ignore:away')
def test_what_waits_is_sent_by_the_holder(tmp_path):
    "The same without another machine: all of it arrives, and the claim is gone"
    far = Away(tmp_path/'far')
    store = BackedStore(far, DirStore(tmp_path/'near'))
    a = Claim(store)
    a.take()
    far.off = True
    a.put(checkpoint_name(6,0,a.session), b'ours')
    far.off = False
    a.give_back()
    assert [o.name for o in far.list()]==[checkpoint_name(6,0,a.session)] and not store.waiting

# Point 3
def test_only_what_a_run_owns_moves(tmp_path, monkeypatch):
    "A thesis, a repository, notes with a name like a checkpoint's and the corpus itself stay where they are"
    (tmp_path/'.git').mkdir()
    foreign = dict(thesis='years', **{'.git/HEAD':'ref', 'ck-notes.txt':'n', 'live-music.json':'m', 'model.safetensors.bak':'x', 't.txt':text})
    for k,v in foreign.items(): (tmp_path/k).write_text(v)
    monkeypatch.chdir(tmp_path)
    def run(**kw):
        set_seed(1)
        learn = char_learner(CharDataLoaders.from_corpus('t.txt', bs=4, seq_len=16, device='cpu'), 'gru', n_hid=8, n_emb=8, precision='fp32')
        fit(learn, Resume('.', **kw), n=1)
    for kw in ({},dict(anew=True)): run(**kw)
    assert all((tmp_path/k).read_text()==v for k,v in foreign.items())
    assert sorted(o.name for o in tmp_path.iterdir() if not runs_module._name.fullmatch(o.name))==sorted({k.split('/')[0] for k in foreign}|{'older.1'})
    for bad in ('',' '):
        with pytest.raises(ValueError, match='is empty'): fit(make(), Resume(bad), n=1)

def test_only_what_was_left_half_written_is_swept(tmp_path):
    "What a killed process leaves goes after a while; a file, or a folder, of somebody else's with a name of that kind stays, and is no obstacle"
    killed = f'import os\nfrom charrnn_fa.core import whole_file\nwith whole_file({str(tmp_path/"ck-1")!r}) as f: os._exit(9)'
    assert subprocess.run([sys.executable,'-c',killed]).returncode==9 and len(list(tmp_path.glob('.ck-1.*.tmp')))==1
    (tmp_path/'.thesis.tmp').write_text('years')
    (tmp_path/'.cache.tmp').mkdir()
    for o in tmp_path.iterdir(): os.utime(o, (0,0))
    DirStore(tmp_path).put('ck-2', b'x')
    assert sorted(os.listdir(tmp_path))==['.cache.tmp','.thesis.tmp','ck-2'] and (tmp_path/'.thesis.tmp').read_text()=='years'

# Point 4
def test_export(tmp_path):
    "After a fit with Resume, with it as a lasting callback, and where something cannot be pickled"
    learn = make()
    learn.path = tmp_path
    fit(learn, Resume(tmp_path/'r'), n=1)
    learn.add_cb(Resume(tmp_path/'r', more=1))
    dls,opt = learn.dls,learn.opt
    learn.export()
    assert learn.dls is dls and learn.opt is opt
    with pytest.warns(UserWarning): got = load_learner(tmp_path/'export.pkl')
    assert got.sample('she', 20, seed=1)==learn.sample('she', 20, seed=1) and got.resume.more==1
    for f in (lambda: got.fit(1), lambda: got.fit_steps(3), lambda: got.fit_minutes(.1), got.evaluate, got.doctor, got.lr_find, got.validate):
        with pytest.raises(ValueError, match='holds no text'): f()
    fn = got.save_trained(tmp_path/'m.safetensors')                      # a page, a folder and a file need the model alone
    assert load_trained(fn).sample('she', 20, seed=1)==learn.sample('she', 20, seed=1) and load_trained(fn).info['split']==dls.split
    assert '"Loss"' not in got.to_html(tmp_path/'m.html').read_text()
    assert load_trained(got.to_folder(tmp_path/'m')/MODEL_FILE).info['corpus']==dls.corpus_name
    got.remove_cb(got.resume)
    got.dls = CharDataLoaders.from_text(text, vocab=got.vocab, bs=4, seq_len=16, device='cpu')
    fit(got, n=1)
    class Bad(Callback):
        def __init__(self): self.f = (i for i in ())
    learn.add_cb(Bad())
    before = (tmp_path/'export.pkl').read_bytes()
    with pytest.raises(TypeError, match='pickle'): learn.export()
    assert learn.dls is dls and learn.opt is opt and (tmp_path/'export.pkl').read_bytes()==before and not list(tmp_path.glob('.*tmp'))

# Point 5
class Small(DirStore):
    "A folder on a disk with room for so many checkpoints"
    room = 2
    def put(self, name, data):
        if name.startswith('ck') and len(checkpoints(self))>=self.room: raise StoreError(f'Cannot write {name}: No space left on device', full=True)
        return super().put(name, data)
    def quota(self): return None

@pytest.mark.parametrize('room', [2,3])
def test_a_small_disk_keeps_the_newest(room, tmp_path):
    store = Small(tmp_path)
    store.room = room
    steps = []
    class Watch(Callback):
        def after_step(self): steps.append([o['step'] for o in run_table(tmp_path)])
    fit(make(), [Resume(store, every=5), Watch()], n=2)
    rows = run_table(tmp_path)
    assert len(rows)==room and rows[-1]['phase']=='finished' and all(o['sound'] for o in rows)
    last = [o[-1] for o in steps if o]
    assert last==sorted(last)                                     # the newest safe one never went before a newer one was safe

def test_the_model_of_a_small_disk(tmp_path):
    "Where there is no room for the model that training has made, the oldest checkpoint goes"
    class Disk(DirStore):
        room = 0
        def put(self, name, data):
            if self.room and sum(o.size for o in self.list())+len(data)>self.room: raise StoreError('No space left on device', full=True)
            return super().put(name, data)
        def quota(self): return self.room-sum(o.size for o in self.list())
    learn,store = make(),Disk(tmp_path)
    with Resume(store, every=20) as run:
        fit(learn, run, n=1)
        before = [o.name for o in checkpoints(store)]
        store.room = sum(o.size for o in store.list())
        run.save_model(learn)
    assert [o.name for o in checkpoints(store)]==before[1:] and load_run(tmp_path).sample('she', 20, seed=1)==learn.sample('she', 20, seed=1)
    with Resume(store, every=20) as run:
        fit(make(), run, n=1)
        store.room = 1                                               # nothing that may go would make room: nothing goes
        with pytest.raises(StoreError): run.save_model(learn)
    assert [o.name for o in checkpoints(store)]==before[1:]

def test_a_full_disk_is_named(tmp_path):
    "An error while a file is written says which one"
    with pytest.raises(OSError, match='a.html'):
        with whole_file(tmp_path/'a.html') as f: raise OSError(28, 'No space left on device')

def test_a_file_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    "Not the temporary one beside it"
    def no_open(p, *args): raise OSError(30, 'Read-only file system', p)
    monkeypatch.setattr(os, 'open', no_open)
    with pytest.raises(OSError) as e: write_bytes(tmp_path/'a.html', b'page')
    assert e.value.filename==str(tmp_path/'a.html')

def test_a_name_of_many_bytes(tmp_path):
    "As long as the system allows, in characters of three bytes; where it does not, the error names the file, not the one beside it"
    fn = tmp_path/f"{'語'*83}.html"
    write_bytes(fn, b'page')
    assert fn.read_bytes()==b'page'
    with pytest.raises(OSError) as e: write_bytes(tmp_path/f"{'語'*90}.html", b'page')
    assert e.value.filename==str(tmp_path/f"{'語'*90}.html")

def test_the_warning_comes_back(tmp_path, monkeypatch, capsys):
    class Full(DirStore):
        def put(self, name, data):
            if name.startswith('ck'): raise StoreError('No space left on device', full=True)
            return super().put(name, data)
    real,off = time.monotonic,[0]
    monkeypatch.setattr(time, 'monotonic', lambda: real()+off[0])
    class Minute(Callback):
        def after_step(self): off[0] += 60
    fit(make(), [Resume(Full(tmp_path), every=1), Minute()], n=1)
    n = capsys.readouterr().out.count('could not be stored')
    steps = len(make().dls.train)
    assert steps/6<n<=steps/3+2

# Point 6
def test_a_damaged_model_is_named_and_not_used(tmp_path):
    learn = make()
    with Resume(tmp_path) as run:
        fit(learn, run, n=1)
        run.save_model(learn)
    p = tmp_path/'model.safetensors'
    p.write_bytes(p.read_bytes()[:-9])
    tm,out = quiet(load_run, tmp_path)
    assert 'model.safetensors' in out and 'damaged' in out and tm.sample('she', 20, seed=1)==learn.sample('she', 20, seed=1)
    for o in learn.model.parameters(): o.data.fill_(float('nan'))
    write_bytes(p, model_bytes(learn))
    tm,out = quiet(load_run, tmp_path)
    assert 'NaN' in out and all(o.isfinite().all() for o in tm.model.parameters())

@pytest.mark.parametrize('how', ['save_trained','to_folder'])
def test_a_model_that_was_put_into_a_run_that_goes_on(how, tmp_path):
    "By hand, beside the checkpoints: it is the model of the run until the run is made longer"
    run,learn = tmp_path/'run',make()
    fit(learn, Resume(run, every=20), fit='steps', steps=40)
    if how=='to_folder': learn.to_folder(run)
    else: learn.save_trained(run/MODEL_FILE)
    old = load_run(run)
    assert 'step' not in old.info and old.sample('she', 30, seed=1)==learn.sample('she', 30, seed=1)
    longer = make()
    fit(longer, Resume(run, every=20, more=1), fit='steps', steps=40)
    assert load_run(run).sample('she', 30, seed=1)==longer.sample('she', 30, seed=1)!=old.sample('she', 30, seed=1)

def test_a_run_that_diverged_keeps_its_best(tmp_path):
    class Spoil(Callback):
        def after_step(self):
            if self.train_iter==100: next(self.model.parameters()).data.fill_(float('nan'))
    learn = make()
    with Resume(tmp_path, every=10) as run:
        fit(learn, [run,Spoil()])
        assert run.diverged
        what = run.save_model(learn)
    best = [o for o in run_table(tmp_path) if o['best']]
    assert len(best)==1 and what==best[0]['name'] and load_run(tmp_path).info['diverged']

noise = ''.join(random.Random(0).choices('abcd', k=1500))

def by_heart(run, cbs=()):
    "A fit on noise, which can only be learnt by heart; the learner, what `take_best` returns, and what was printed"
    set_seed(1)
    dls = CharDataLoaders.from_text(noise, bs=4, seq_len=16, device='cpu')
    learn = char_learner(dls, 'gru', n_hid=64, n_emb=8, precision='fp32')
    with Resume(run, every=5) as cb, learn.no_bar(), learn.no_logging():
        _,out = quiet(learn.fit, 12, 1e-2, cbs=[cb,*cbs])
        best = cb.take_best(learn)
        cb.save_model(learn)
    assert cb.take_best(learn) is None                                   # outside, where another may train the run
    return learn,best,out

def test_a_run_that_overfits_keeps_its_best(tmp_path):
    "The weights with the lowest validation loss, which is said; the checkpoints stay as they are, and a run that was broken off has the same"
    learn,best,out = by_heart(tmp_path/'whole')
    table,vs = run_table(tmp_path/'whole'),[float(o[1]) for o in learn.recorder.values]
    assert [o['name'] for o in table if o['best']]==[best] and table[-1]['name']!=best and vs[-1]>1.1*min(vs)
    n = step_and_phase(best)[0]
    assert f'lowest at step {n:,}, {min(vs):.3f}, and {vs[-1]:.3f} at the end' in out and f"load_run('{tmp_path/'whole'}', best=True)" in out
    kept,last = load_run(tmp_path/'whole'),newest_checkpoint(tmp_path/'whole')[1]
    best_of = load_run(tmp_path/'whole', best=True)
    for k,w in kept.model.state_dict().items(): assert torch.equal(w, best_of.model.state_dict()[k])
    assert evaluate_codes(kept.model, learn.dls.valid.codes).nats<1.05*min(vs)<evaluate_codes(trained_model(last).model, learn.dls.valid.codes).nats
    with pytest.raises(RuntimeError): by_heart(tmp_path/'run', [Break(12*len(learn.dls.train)-3)])
    again,name,_ = by_heart(tmp_path/'run')
    assert step_and_phase(name)[0]==n
    for k,w in last['model'].items(): assert torch.equal(w, newest_checkpoint(tmp_path/'run')[1]['model'][k])
    for k,w in learn.model.state_dict().items(): assert torch.equal(w, again.model.state_dict()[k])

def test_a_run_that_does_not_overfit_keeps_its_last(tmp_path):
    learn = make()
    with Resume(tmp_path, every=10) as run:
        _,out = quiet(fit, learn, run)
        assert run.take_best(learn) is None and 'lowest' not in out

# Point 7
def test_the_text_scored_is_the_text_named(tmp_path, monkeypatch):
    "Another folder's file of that name is not taken; an edited file is refused, with both hashes"
    a,b = tmp_path/'a',tmp_path/'b'
    for d,t in ((a,text),(b,text[::-1])):
        d.mkdir()
        (d/'t.txt').write_text(t)
    monkeypatch.chdir(a)
    learn = char_learner(CharDataLoaders.from_corpus('t.txt', bs=4, seq_len=16, device='cpu'), 'gru', n_hid=8, n_emb=8, precision='fp32')
    with Resume('r') as run:
        fit(learn, run, n=1)
        run.save_model(learn)
    for info in (load_run('r').info, newest_checkpoint('r')[1]):
        monkeypatch.chdir(b)
        assert info['source']['x']==str(a/'t.txt') and text_of_run(info, learn.vocab).text==text
        (a/'t.txt').write_text(text[:1500]+text[3000:])
        with pytest.raises(TextChanged, match=f'(?s){re.escape(info["hashes"]["train"][:12])}'): text_of_run(info, learn.vocab)
        assert text_of_run(info, learn.vocab, force_text=True).text==text[:1500]+text[3000:]
        (a/'t.txt').write_text(text[:-1]+'§')
        with pytest.raises(TextChanged): text_of_run(info, learn.vocab)
        (a/'t.txt').write_text(text)
    with pytest.raises(ValueError, match='given as a str'): text_of_run(dict(source=None), learn.vocab)

# Point 11
@pytest.mark.parametrize('change,says', [(dict(cold=.5),': cold 0.01 in the run and 0.5 here'), (dict(clip=.1),': clip 1.0 in the run and 0.1 here'), (dict(loss_func=nn.CrossEntropyLoss(label_smoothing=.1)),'loss'),
    (dict(precision='bf16'),': precision fp32 in the run and bf16 here')])
def test_what_changes_the_training_is_compared(change, says, tmp_path):
    def new(**kw):
        set_seed(1)
        return char_learner(CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu'), 'gru', n_hid=8, n_emb=8, **{**dict(precision='fp32'), **kw})
    fit(new(), Resume(tmp_path), n=1)
    before = sorted(o.name for o in tmp_path.iterdir())
    with pytest.raises(ValueError, match=re.escape(says)): fit(new(**change), Resume(tmp_path), n=1)
    assert sorted(o.name for o in tmp_path.iterdir())==before
    _,out = quiet(fit, new(), Resume(tmp_path), n=1)
    assert 'nothing was trained' in out

def test_more_that_is_compared(tmp_path):
    "A frozen layer, accumulation, the structure of a model without a config, and what the user names"
    class Net(nn.Module):
        def __init__(self, v, p):
            super().__init__()
            self.e,self.d,self.l = nn.Embedding(v,8),nn.Dropout(p),nn.Linear(8,v)
        def forward(self, x): return self.l(self.d(self.e(x)))
    def go(name, p=.1, freeze=False, cbs=(), **kw):
        dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
        set_seed(1)
        net = Net(len(dls.vocab), p)
        net.e.weight.requires_grad_(not freeze)
        fit(char_learner(dls, net, precision='fp32'), [Resume(tmp_path/name, **kw), *cbs], n=1)
    for name,change,says in (('a',dict(p=.5),'structure'), ('b',dict(freeze=True),'weights that are trained'), ('c',dict(cbs=[GradientAccumulation(8)]),'n_acc'), ('d',dict(same=dict(seed=1)),'seed 0 in the run and 1 here')):
        go(name, same=dict(seed=0))
        with pytest.raises(ValueError, match=says): go(name, **{'same':dict(seed=0), **change})

# Point 14
def test_a_failed_fit_gives_the_claim_back(tmp_path):
    def bad(pred, y): raise ArithmeticError('no loss today')
    for how,n in (('fit_minutes',.01), ('fit_steps',3), ('fit_steps','three'), ('fit_minutes','x')):
        learn = make()
        learn.loss_func = bad
        with pytest.raises(Exception): getattr(learn, how)(n, cbs=Resume(tmp_path))
        assert not list(tmp_path.glob('live*'))

# Point 15
def test_file_urls(tmp_path):
    fit(make(), Resume(f'file://{tmp_path}/new/folder'), n=1)
    assert checkpoints(tmp_path/'new/folder')
    for o in ('a b','50%','é'): assert open_store((tmp_path/o).as_uri()).path==tmp_path/o
    assert open_store(f'file://localhost{tmp_path}').path==open_store(f'file:{tmp_path}').path==tmp_path
    for bad,why in (('file://','is empty'), ('file://server/share','this machine'), ('file://a','this machine'), ('file:a','this machine')):
        with pytest.raises(ValueError, match=why): open_store(bad)

# Point 16
def test_char_rnn_split_is_small():
    "At most twice the text beside the text itself, and the parts are those of char-rnn"
    n,vocab = 20_000_000,CharVocab('abcdefgh')
    codes = np.random.default_rng(0).integers(0, 8, n).astype(vocab.dtype)
    tracemalloc.start()
    dls = CharDataLoaders.from_corpus(CharStream(codes, vocab), split='char-rnn', bs=50, seq_len=50, device='cpu')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak<2*n*codes.itemsize, f'{peak:,}'
    n_win = n//2500
    rows,cut = codes[:n_win*2500].reshape(50, -1),(n_win-round(n_win*.05))*50
    assert np.array_equal(dls.train.codes, rows[:,:cut].ravel()) and np.array_equal(dls.valid.codes, rows[:,cut:].ravel())

# Point 17
def test_crafted_checkpoints(tmp_path):
    "A good seal over a tree with a key missing, or something else in its place: the documented error, or a sound resume"
    fit(make(), Resume(tmp_path, every=40), n=1)
    e,tree = newest_checkpoint(tmp_path)
    junk = [None,7,'x',[],{},[[]],{'a':1},torch.zeros(2),-1,float('nan')]
    rnd,kinds = random.Random(3),set()
    (tmp_path/'r').mkdir()
    for k in [*tree, *(f'{g}/{o}' for g in ('recorder','loader','rng','plan','identity','optim') for o in tree[g])]:
        for v in ('gone', *rnd.sample(junk, 2)):
            g,_,sub = k.partition('/')
            new = dict(tree)
            if sub: new[g] = dict(new[g])
            at,key = (new[g],sub) if sub else (new,g)
            at.pop(key)
            if not isinstance(v,str) or v!='gone': at[key] = v
            ts = {}
            (tmp_path/'r'/e.name).write_bytes(to_bytes(pack(new, ts), ts))
            for f in (lambda: load_run(tmp_path/'r'), lambda: run_table(tmp_path/'r'), lambda: fit(make(), Resume(tmp_path/'r'), n=1)):
                try: quiet(f)
                except (CheckpointError,ValueError) as ex: kinds.add(type(ex).__name__)
            for o in (tmp_path/'r').glob('*'): o.unlink()
    assert 'CheckpointError' in kinds

def test_other_metrics_on_resume(tmp_path):
    "All rows of table, recorder and CSV have the width of the metrics that are measured now"
    def go(metrics, *cbs):
        learn = make()
        learn.path,learn.metrics = tmp_path,metrics
        with learn.no_bar(): quiet(learn.fit_one_cycle, 3, 1e-2, cbs=[Resume(tmp_path/'r', every=10), CSVLogger(append=True), *cbs])
        return learn
    with pytest.raises(RuntimeError): go([char_accuracy], Break(70))
    learn = go([BitsPerChar(), char_accuracy])
    rows = [o.split(',') for o in (tmp_path/'history.csv').read_text().splitlines()]
    assert {len(o) for o in rows}=={6} and len(rows)==4 and rows[0][3]=='bits_per_char'
    assert {len(o) for o in learn.recorder.values}=={4} and np.isnan(learn.recorder.values[0][2]) and learn.recorder.values[0][3]>0

def test_the_table_of_another_run_stays(tmp_path):
    "Two runs write into one `history.csv` in turn: the one that is resumed takes its own rows out, and leaves the other's"
    def go(name, lr, *cbs):
        learn = make()
        learn.path = tmp_path
        with learn.no_bar(): quiet(learn.fit_one_cycle, 3, lr, cbs=[Resume(tmp_path/name, every=10), CSVLogger(append=True), *cbs])
        return (tmp_path/'history.csv').read_text()
    with pytest.raises(RuntimeError): go('a', 1e-2, Break(70))
    begun = (tmp_path/'history.csv').read_text()
    other = go('b', 2e-2).removeprefix(begun)
    rows  = go('a', 1e-2).removeprefix(other).splitlines()
    assert begun.count('\n')==2 and other.count('\n')==4 and len(rows)==4 and rows[:2]==begun.splitlines()

# A longer run
def test_longer(tmp_path):
    "A new segment from the best weights; killed, it is resumed bit for bit; the same cell again finds it finished; a model of the new segment replaces the old one"
    def go(path, *cbs, steps=40, **kw):
        learn,cb = make(),Resume(path, every=10, **kw)
        with learn.no_bar(), learn.no_logging(), cb:
            _,out = quiet(learn.fit_steps, steps, cbs=[cb,*cbs])
            if not cbs: cb.save_model(learn)
        return learn,cb,out
    for o in 'ab': go(tmp_path/o, steps=60)
    with pytest.raises(ValueError, match=r'more=1\)? makes a run longer'): go(tmp_path/'a')
    a,cb,out = go(tmp_path/'a', more=1)
    assert 'is made longer' in out and a.train_iter==40 and cb.segment==1
    for at in (5,25):
        with pytest.raises(RuntimeError): go(tmp_path/'b', Break(at), more=1)
    b,cb,_ = go(tmp_path/'b', more=1)
    assert cb.began_at==20 and all(torch.equal(x,y) for x,y in zip(a.model.parameters(), b.model.parameters())) and a.recorder.losses==b.recorder.losses
    assert 'nothing was trained' in go(tmp_path/'a', more=1)[2]
    rows = run_table(tmp_path/'a')
    assert rows[-1]['step']==100 and rows[-1]['phase']=='finished' and rows[-1]['segment']==1
    assert load_run(tmp_path/'a').sample('she', 30, seed=1)==a.sample('she', 30, seed=1)
    c,cb,_ = go(tmp_path/'a', more='next')
    assert cb.segment==2 and newest_checkpoint(tmp_path/'a')[1]['steps_before']==100

@pytest.mark.parametrize('end,kept', [(2.01,True),(2.0001,True),(1.99,False)])
def test_a_longer_run_that_is_no_better(end, kept, tmp_path):
    "By however little its end is worse than the best before, that is said, with both losses; the best weights are what `take_best` gives, and `charrnn train --more` keeps"
    class Scored(Callback):
        order = 49
        def __init__(self, loss): self.loss_is = loss
        def after_validate(self): self.recorder.loss.total = self.loss_is*self.recorder.loss.count
    def go(loss, kind=Resume, **kw):
        learn = make()
        with kind(tmp_path/'r', every=10, **kw) as cb, learn.no_bar(), learn.no_logging():
            _,out = quiet(learn.fit_steps, 30, cbs=[Scored(loss), cb])
            return learn,cb.take_best(learn),out
    first,_,_ = go(2.)
    for kind,how in ((Resume,f"load_run('{tmp_path/'r'}', best=True) loads the model of step 30"), (ShellResume,'The run keeps the model of step 30')):
        learn,best,out = go(end, kind, more=1)                           # the second finds it finished, and says the same
        said = re.search(r'lowest at step 30, ([\d.]+), and ([\d.]+) at the end\. (.*)', out)
        assert (best is not None)==bool(said)==kept, out
        if not kept: continue
        assert said[3]==how and float(said[1])==2. and float(said[2])==pytest.approx(end) and said[1]!=said[2]
        assert all(torch.equal(a, b) for a,b in zip(learn.model.parameters(), first.model.parameters()))

# Point 12, in a notebook
@pytest.mark.parametrize('n', [float('nan'),float('inf'),-1,'2',1.5,None])
@pytest.mark.parametrize('fit', ['fit','fit_one_cycle','fit_flat_cos','fit_steps'])
def test_a_length_that_is_none(fit, n, monkeypatch):
    "A fit of nan epochs trains nothing, one of infinitely many never ends: both are refused, like -1 and text"
    class Once(Callback):
        def after_batch(self): raise AssertionError('it trains')
    learn = make()
    with learn.no_bar(), learn.no_logging(), pytest.raises((ValueError,TypeError), match='whole number|at least|positional'): getattr(learn, fit)(n, cbs=Once())

nan,inf = float('nan'),float('inf')
@pytest.mark.parametrize('name,bad', [*[(k,v) for k in ('dropout','emb_drop','weight_drop','cold') for v in (nan,inf,-.1,1.5,'x')],
    *[(k,v) for k in ('clip','lr') for v in (nan,-1,'x')], ('n_emb',-1), ('n_emb',1.5), ('counts',nan), ('counts',inf), ('counts',-1), ('counts',2.5)])
def test_a_number_that_is_none(name, bad):
    "What a learner or a model is made with is refused there, by name, not at the first step or never"
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    with pytest.raises((ValueError,TypeError), match=name): char_learner(dls, 'lstm', **{**dict(n_hid=8), name:bad})

# Point 9
def test_a_model_that_returns_its_state_beside_the_logits():
    "Refused before the first step, with what to return in place of it"
    class Net(nn.Module):
        def __init__(self, v):
            super().__init__()
            self.e,self.l = nn.Embedding(v,8),nn.Linear(8,v)
        def forward(self, x): return self.l(self.e(x)),None
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    with pytest.raises(ValueError, match='returns a tuple of 2.*logits alone'): char_learner(dls, Net(len(dls.vocab))).fit(1)

@pytest.mark.parametrize('then', ['nothing','newer'])
def test_a_checkpoint_that_is_moved_while_it_is_looked_at(tmp_path, then):
    "Another process starts over, or removes what is older, between the list and the reading: what is there now counts, and nothing is called unreadable"
    learn = char_learner(CharDataLoaders.from_text('abcd '*80, bs=2, seq_len=8, device='cpu'), 'gru', n_hid=4, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(8, cbs=Resume(tmp_path/'run', every=2, keep=9))
    cks = sorted((tmp_path/'run').glob('ck-*'))
    for o in cks[1:]: o.rename(tmp_path/o.name)
    class Moving(DirStore):
        def get(self, entry):
            if cks[0].exists():
                cks[0].unlink()
                if then=='newer': (tmp_path/cks[1].name).rename(cks[1])
            return super().get(entry)
    said = []
    e,tree = newest_checkpoint(Moving(tmp_path/'run'), said.append)
    assert (e and e.name)==(cks[1].name if then=='newer' else None) and not said

def test_a_damaged_checkpoint_is_told_of_once(tmp_path):
    "However often the run is listed while others move in it"
    learn = char_learner(CharDataLoaders.from_text('abcd '*80, bs=2, seq_len=8, device='cpu'), 'gru', n_hid=4, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(8, cbs=Resume(tmp_path/'run', every=2, keep=9))
    *older,last = sorted((tmp_path/'run').glob('ck-*'))
    last.write_bytes(last.read_bytes()[:-9])
    class Moving(DirStore):
        def get(self, entry):
            if entry.name==older[-1].name: older[-1].unlink(missing_ok=True)
            return super().get(entry)
    said,bad = [],set()
    e,tree = newest_checkpoint(Moving(tmp_path/'run'), said.append, bad)
    assert e.name==older[-2].name and bad=={last.name} and len(said)==1 and last.name in said[0]

def test_a_file_in_the_home_folder(tmp_path, monkeypatch):
    "`~` is the home folder for what is written and read as it is for a run, not the name of a folder here"
    (tmp_path/'here').mkdir()
    monkeypatch.chdir(tmp_path/'here')
    monkeypatch.setenv('HOME', str(tmp_path))
    learn = make()
    fn = learn.save_trained('~/m.safetensors')
    made = [fn, quiet(learn.to_html, '~/m.html')[0], quiet(learn.to_folder, '~/m')[0]/MODEL_FILE, draw_grid([faces(1)[0]]).save('~/d.html'), learn.surprise('she').save('~/s.html')]
    learn.export('~/e.pkl')
    assert (tmp_path/'e.pkl').exists()
    assert all(o.is_relative_to(tmp_path) and o.exists() for o in made) and not os.listdir('.')
    assert load_trained('~/m.safetensors').sample('she', 20, seed=1)==learn.sample('she', 20, seed=1)
    with pytest.raises(ValueError, match='is a folder'): learn.to_html('~/m')
    (tmp_path/'texts').mkdir()
    (tmp_path/'texts'/'a.txt').write_text('she sells sea shells. '*40)
    for dls in (CharDataLoaders.from_file('~/texts/a.txt', device='cpu'),CharDataLoaders.from_folder('~/texts', device='cpu')): assert len(dls.vocab)==7
    with pytest.raises(ValueError, match='is the name of a file'): CharDataLoaders.from_text('~/texts/a.txt')

def test_a_fit_of_no_epochs_keeps_nothing(tmp_path):
    "The right fit comes afterwards; a run that is there stays as it is"
    quiet(fit, make(), Resume(tmp_path), fit='plain', n=0)
    assert not os.listdir(tmp_path)
    quiet(fit, make(), Resume(tmp_path), fit='plain', n=1)
    had = {p.name:p.read_bytes() for p in tmp_path.iterdir()}
    quiet(fit, make(), Resume(tmp_path), fit='plain', n=0)
    assert had and {p.name:p.read_bytes() for p in tmp_path.iterdir()}==had

def test_another_folder_amid_a_fit(tmp_path, monkeypatch):
    "`os.chdir` by a callback, or in another thread, does not split a run: all of it stays where it began"
    for o in 'ab': (tmp_path/o).mkdir()
    monkeypatch.chdir(tmp_path/'a')
    class Leave(Callback):
        def after_batch(self):
            if self.train_iter==7: os.chdir(tmp_path/'b')
    learn,cb = make(),Resume('runs/r', every=5)
    with cb:
        _,out = quiet(fit, learn, [cb,Leave()], n=1)
        cb.save_model(learn)
    assert not os.listdir(tmp_path/'b') and 'runs/r' in out and str(tmp_path) not in out
    names = os.listdir(tmp_path/'a'/'runs'/'r')
    assert MODEL_FILE in names and not [o for o in names if o.startswith('live-')]
    assert newest_checkpoint(tmp_path/'a'/'runs'/'r')[1]['step']==learn.train_iter

def test_a_claim_that_somebody_removed(tmp_path):
    "Nothing more is written, as after a loss of the run, and it is said what may have happened"
    learn,cb = make(),Resume(tmp_path, every=5)
    class Remove(Callback):
        def after_batch(self):
            if self.train_iter==12: [o.unlink() for o in tmp_path.glob('live-*')]
    _,out = quiet(fit, learn, [cb,Remove()])
    assert 'somebody has removed live-000001' in out and 'goes on training' in out

def test_a_copy_of_a_run_that_is_trained(tmp_path):
    "It is refused, since it may be the run itself; the message names the file that says so, and without it the copy is resumed"
    fit(make(), Resume(tmp_path/'r'), n=1)
    elsewhere(DirStore(tmp_path/'r'))
    with pytest.raises(RunInUse, match='in a copy, remove live-000005') as e: fit(make(), Resume(tmp_path/'r'), n=1)
    (tmp_path/'r'/re.search(r'remove (\S+)', str(e.value))[1]).unlink()
    assert 'nothing was trained' in quiet(fit, make(), Resume(tmp_path/'r'), n=1)[1]

def test_another_optimiser_of_fastai(tmp_path):
    "All of them are an `Optimizer`: they are told apart by their steps; a run of an earlier version, which does not name these, is resumed"
    from fastai.optimizer import Adam,QHAdam,RAdam,ranger
    def go(opt, name='r', n=2, at=20):
        learn = make()
        learn.opt_func = opt
        with pytest.raises(RuntimeError): fit(learn, [Resume(tmp_path/name, every=5),Break(at)], n=n)
    go(Adam)
    for opt in (RAdam,QHAdam,partial(Adam, decouple_wd=False),ranger):
        with pytest.raises(ValueError, match='steps of the optimiser|optimiser') as e: go(opt)
        assert 'other settings' in str(e.value)
    go(Adam, at=40)
    go(ranger, 'ranger')
    with pytest.raises(ValueError, match='steps of the optimiser'): go(RAdam, 'ranger')
    was,now = dict(optim=dict(name='Optimizer')),dict(optim=dict(name='Optimizer', steps='weight_decay'))
    assert not differences(was, now) and differences(now, was)

def test_the_next_part_before_the_end(tmp_path):
    "A run that is made longer before its end says so"
    with pytest.raises(RuntimeError): quiet(fit, make(), [Resume(tmp_path, every=5),Break(20)], n=2)
    out = quiet(fit, make(), Resume(tmp_path, every=5, more='next'), n=1)[1]
    assert 'is made longer, before its end, from the best weights of its first 20 steps' in out
    assert 'before its end' not in quiet(fit, make(), Resume(tmp_path, every=5, more='next'), n=1)[1]

def rated(tmp_path, lr, n=2, at=20):
    with pytest.raises(RuntimeError): make_fit(tmp_path, lr, n, at)

def make_fit(path, lr, n=2, at=None):
    learn = make()
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr, cbs=[Resume(path, every=5), *([Break(at)] if at else [])])
    return learn

@pytest.mark.parametrize('was,now', [(slice(1e-5,1e-2),slice(1e-4,1e-2)), (1e-2,slice(1e-5,1e-2)), (slice(1e-5,1e-2),1e-2)], ids=str)
def test_rates_of_groups(was, now, tmp_path):
    "A run with other rates for the groups of weights is another one, and says both; with the same ones it is resumed"
    rated(tmp_path, was)
    with pytest.raises(ValueError, match='lr by group') as e: make_fit(tmp_path, now)
    assert str(e.value).count('0.01')>1 and '0.010000000000000002' not in str(e.value)
    learn = make_fit(tmp_path, was)
    assert learn.train_iter==2*len(learn.dls.train)

def test_a_rate_alone_is_told_once(tmp_path):
    rated(tmp_path, 1e-2)
    with pytest.raises(ValueError, match='lr 0.01 in the run and 0.02 here') as e: make_fit(tmp_path, 2e-2)
    assert 'by group' not in str(e.value)

def test_a_learner_with_rates_for_groups():
    "`lr=slice(...)` of the learner is that of its fits"
    set_seed(0)
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    learn = CharLearner(dls, CharRNN(len(dls.vocab), n_hid=8), lr=slice(1e-3,1e-2), precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    rates = [o['lr'] for o in learn.opt.hypers]
    assert learn.lr==slice(1e-3,1e-2) and len(rates)>1 and rates[0]==pytest.approx(1e-3) and rates[-1]==pytest.approx(1e-2)

def focal(gamma):
    def loss(out, y):
        nats = nn.functional.cross_entropy(out.flatten(0,1), y.flatten(), reduction='none')
        return ((1-(-nats).exp())**gamma*nats).mean()
    return loss

def test_a_loss_made_with_another_number(tmp_path):
    "A function that was made with a number is told from one that was made with another"
    def go(gamma, *cbs):
        learn = make()
        learn.loss_func = focal(gamma)
        fit(learn, [Resume(tmp_path, every=5), *cbs], n=2)
        return learn
    with pytest.raises(RuntimeError): go(2., Break(20))
    with pytest.raises(ValueError, match=r'gamma=2.0.*gamma=0.0'): go(0.)
    assert go(2.).train_iter>20

def test_nothing_to_train():
    "Frozen through and through, or without gradients: told before the first step, in words"
    learn = make()
    learn.model.requires_grad_(False)
    with pytest.raises(ValueError, match='weights have requires_grad=False'): fit(learn, n=1)
    learn = make()
    with pytest.raises(ValueError, match='Gradients are switched off'), torch.no_grad(): fit(learn, n=1)
    fit(make(), n=1)
