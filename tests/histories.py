"""Random histories of processes on one run, and what must be true after each event: `python histories.py FIRST LAST` (seeds).
Each process is forked from this warm one, so that it starts in a tenth of a second, and what kills it kills a real process."""
import contextlib,errno,hashlib,io,json,os,random,re,shutil,signal,sys,tempfile,time
from collections import Counter
from pathlib import Path
import torch
import torch._dynamo                                               # every optimiser imports it: here once, for all processes
from fastai.basics import Callback
from charrnn_fa.everything import *
from charrnn_fa.keep import file as file_module, runs as runs_module, store as store_module, trained as trained_module

own_files = [*RUN_FILES]
events = dict(start=4, anew=2, force=2, race=2, go_on=4, kill=1, rename=2, full=2, room=1, edit=2, back=1, foreign=1, damage=1)
phases = 'step','step','claim','put','write','written','prune','pruned','model'
def sha(data): return hashlib.sha256(data).hexdigest()[:16]
def inode(folder): return folder.stat().st_ino if folder.exists() else 0      # stays with a folder that is renamed
def ignored(*a): "What a process says is of no interest here"

def used(folder):
    "Bytes in a folder in which files come and go"
    n = 0
    for o in folder.rglob('*'):
        with contextlib.suppress(FileNotFoundError): n += o.stat().st_size
    return n

class Noted(DirStore):
    "A folder on a small disk; what is written and removed is noted, and the process may be stopped or killed at each of `phases`"
    def __init__(self, path, root, note, moment):
        super().__init__(path)
        self.root,self.note,self.moment,self.session = root,note,moment,'-'
    def quota(self): return int((self.root/'room').read_text())-used(self.root/'run')
    def put(self, name, data):
        self.note('try', name, sha(data), self.session)
        self.moment('claim' if name.startswith('live') else 'model' if name==MODEL_FILE else 'put')
        res = super().put(name, data)
        self.moment('written')
        return res
    def delete(self, entry):
        name = getattr(entry, 'name', entry)
        if name.startswith('ck'): self.moment('prune')
        super().delete(entry)
        if name.startswith('ck'):
            self.note('gone', name)
            self.moment('pruned')

def small_disk(root, moment):
    "From now on what a store writes stops halfway where there is no room"
    real = store_module.whole_file
    class Half:
        def __init__(self, f): self.f = f
        def __getattr__(self, k): return getattr(self.f, k)
        def write(self, data):
            n = len(data)//2
            self.f.write(data[:n])
            self.f.flush()
            moment('write')
            if used(root/'run')+len(data)-n>int((root/'room').read_text()): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.f.write(data[n:])
    @contextlib.contextmanager
    def whole_file(path, **kw):
        with real(path, **kw) as f: yield Half(f)
    store_module.whole_file = whole_file

class Moments:
    "Calls `at` when a phase is reached for the nth time"
    def __init__(self, phase, n, at): self.phase,self.n,self.at = phase,n,at
    def __call__(self, phase):
        if phase!=self.phase: return
        self.n -= 1
        if self.n==0: self.at()

def train(root, plan, note):
    "What a process does, in the child of a fork: train to the end unless something happens; returns its exit status"
    at = dict(kill=lambda: os.kill(os.getpid(), signal.SIGKILL), stop=lambda: os.kill(os.getpid(), signal.SIGSTOP)).get(plan['what'], ignored)
    moment,real_time,began = Moments(plan['phase'], plan['n'], at),time.time,[False]
    time.time = lambda: real_time()+plan['clock']*(plan['clock_from'] is None or moment_no[0]>=plan['clock_from'])
    moment_no = [0]
    small_disk(root, moment)
    torch.manual_seed(plan['seed'])
    os.chdir(root)
    text = Path('t.txt').read_bytes()
    real_put,real_take = Claim.put,Claim.take
    def take(self, *args):
        self.store.session = self.session
        real_take(self, *args)
        note('began', self.session, sha(text))
    def put(self, name, data):
        res = real_put(self, name, data)
        note('safe', name, sha(data), self.session, inode(root/'run'))
        return res
    Claim.put,Claim.take = put,take
    class Steps(Callback):
        order = 250
        def before_fit(self): note('from', cb.claim.session, cb.entry.name if cb.entry else '-')
        def after_batch(self):
            if not self.training: return
            moment_no[0] += 1
            moment('step')
            if plan['wait']: cb.writer.drain(1)
    cb = Resume(Noted('run', root, note, moment), every=2, keep=2, anew=plan['anew'], force=plan['force'])
    try:
        dls = CharDataLoaders.from_corpus('t.txt', bs=2, seq_len=8, split=.2, device='cpu')
        learn = char_learner(dls, 'gru', n_hid=4, n_emb=4, precision='fp32')
        with learn.no_bar(), learn.no_logging(), cb:
            learn.fit_steps(12, cbs=[cb,Steps()])
            cb.save_model(learn)
    except RunInUse: return 3
    except StoreError as e: return 4 if e.full or e.missing else 9
    except ValueError as e: return 5 if 'vocab' in str(e) or 'corpus' in str(e) else 9
    return 0

class History:
    "One run, the processes on it, and what must be true of it"
    def __init__(self, root, seed):
        self.rnd,self.root,self.run,self.pids,self.moves,self.did,self.damaged = random.Random(seed),root,root/'run',[],0,Counter(),set()
        self.texts = [''.join(self.rnd.choice('abcd ') for _ in range(400)).encode()]
        for o in ('run/.git','decoy'): (root/o).mkdir(parents=True)
        self.foreign = {o:o.encode() for o in ('run/notes.md','run/ck-list.txt','run/older.txt','run/.git/HEAD','run/model.safetensors.bak','thesis.tex')}
        self.foreign['decoy/t.txt'] = self.texts[0][::-1]             # another text at the same relative path
        for k,v in {**self.foreign, 't.txt':self.texts[0], 'room':b'1000000000'}.items(): (root/k).write_bytes(v)
        self.log = os.open(root/'log', os.O_RDWR|os.O_CREAT|os.O_APPEND)

    def note(self, *words): os.write(self.log, (' '.join(map(str, words))+'\n').encode())

    def fork(self, **how):
        "A process that trains; its id"
        plan = dict(what=self.rnd.choice(['kill','kill','stop','stop','end']), phase=self.rnd.choice(phases), n=self.rnd.randint(1,3), wait=self.rnd.random()<.5,
            clock=self.rnd.choice([0,0,-3600,-86400*400,86400]), clock_from=self.rnd.choice([None,5]), seed=self.rnd.randrange(5), anew=False, force=())
        plan.update(how)
        if plan['phase']=='step': plan['n'] = self.rnd.randint(1,12)
        if plan['clock']: self.did['clock'] += 1
        pid = os.fork()
        if pid: return pid
        code = 99
        try:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            err = os.open(self.root/f'err.{os.getpid()}', os.O_RDWR|os.O_CREAT)
            os.dup2(nowhere, 1)
            os.dup2(err, 2)
            code = train(self.root, plan, self.note)
        except BaseException:
            import traceback
            os.write(2, traceback.format_exc().encode())
        finally: os._exit(code)

    def wait(self, pid):
        "Until it has ended or stands still"
        _,st = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(st):
            self.did['stopped'] += 1
            return self.pids.append(pid)
        self.did['killed' if os.WIFSIGNALED(st) else f'ended {os.WEXITSTATUS(st)}'] += 1
        said = (self.root/f'err.{pid}').read_text()[-2000:]
        assert os.WIFSIGNALED(st) and os.WTERMSIG(st)==signal.SIGKILL or os.WIFEXITED(st) and os.WEXITSTATUS(st) in (0,3,4,5), f'status {st}: {said}'

    def start(self, **how):
        if len(self.pids)<2: self.wait(self.fork(**how))

    def do_start(self): self.start()
    def do_force(self): self.start(force=['session'])
    def do_anew(self):  self.start(anew=True, force=self.rnd.choice([[],['session']]))
    def do_race(self):
        "Two or three at once"
        hows = [dict(force=self.rnd.choice([[],['session']]), anew=self.rnd.random()<.3) for _ in range(self.rnd.randint(2,3))]
        for pid in [self.fork(**o) for o in hows]: self.wait(pid)
    def do_go_on(self): self.signal(signal.SIGCONT)
    def do_kill(self):  self.signal(signal.SIGKILL)
    def signal(self, sig):
        "A process that stands still is woken, or killed"
        if not self.pids: return self.start(what='stop')
        pid = self.pids.pop(self.rnd.randrange(len(self.pids)))
        os.kill(pid, sig)
        self.wait(pid)

    def do_rename(self):
        "The run's folder is away for a while; meanwhile something else may be trained, or go on, in its place"
        self.run.rename(self.root/'away')
        self.rnd.choice([self.do_start,self.do_go_on,self.do_race])()
        if self.run.exists():
            self.moves += 1
            self.run.rename(self.root/f'other{self.moves}')
        (self.root/'away').rename(self.run)
    def do_full(self): (self.root/'room').write_text(str(used(self.run)+self.rnd.choice([0,100,8_000,20_000,30_000])))
    def do_room(self): (self.root/'room').write_text('1000000000')
    def do_edit(self):
        text = self.texts[-1]
        self.texts.append(self.rnd.choice([text[:300]+text[300:][::-1], text[::-1], text+b'e', text[:-40]]))
        (self.root/'t.txt').write_bytes(self.texts[-1])
    def do_back(self):
        self.texts.append(self.texts[0])
        (self.root/'t.txt').write_bytes(self.texts[0])
    def do_foreign(self):
        name = f'run/ck-{self.rnd.randrange(9)}.md'
        self.foreign[name] = b'mine'
        (self.root/name).write_bytes(b'mine')
    def do_damage(self):
        "A bit of the newest checkpoint flips, or its end is lost"
        cks = sorted(self.run.glob('ck-*.safetensors'))
        if not cks: return
        b = bytearray(cks[-1].read_bytes())
        b[self.rnd.randrange(len(b))] ^= 1<<self.rnd.randrange(8)
        cks[-1].write_bytes(b if self.rnd.random()<.7 else b[:len(b)//2])
        self.damaged.add(cks[-1].name)

    def act(self):
        what = self.rnd.choices([*events], [*events.values()])[0]
        self.did[what] += 1
        self.note('event', what)
        getattr(self, f'do_{what}')()

    def check(self):
        "What must be true; only hashes that were noted here are believed, not what the library says of its files"
        lines = [o.split() for o in (self.root/'log').read_text().splitlines()]
        tried = {(o[1],o[2]) for o in lines if o[0]=='try'}
        there = {o.name:o for o in self.root.rglob('ck-*.safetensors') if o.name not in self.damaged}
        for k,o in there.items(): assert (k,sha(o.read_bytes())) in tried, f'{k} is not what was written'
        self.check_lineages(lines, there)
        self.check_model(lines)
        for k,v in self.foreign.items(): assert (self.root/k).read_bytes()==v, f'{k} has moved or changed'
        for o in self.root.glob('*/older.*/*'): assert any(re.fullmatch(p, o.name) for p in own_files), f'{o} was moved'
        for d in {o.parent for o in there.values()}: self.check_newest(lines, d)

    def check_lineages(self, lines, there):
        "Of each training, through all its processes, the furthest checkpoint that was called safe and not damaged is there"
        parent = {o[1]:o[2] for o in lines if o[0]=='from'}
        def root(session):
            while parent[session]!='-': session = parent[session].rsplit('-',1)[1][:8]
            return session
        self.roots,best = {o:root(o) for o in parent},{}
        for o in lines:
            if o[0]!='safe' or not o[1].startswith('ck') or o[1] in self.damaged: continue
            r = self.roots[o[3]]
            best[r] = max(best.get(r,''), o[1])
        for r,name in best.items(): assert any(self.roots[o[-20:-12]]==r and o[:15]>=name[:15] for o in there), f'lost: {name}, there are {sorted(there)}'

    def check_model(self, lines):
        "The model of a run is whole, and of the last process that had the run, not of one that had lost it"
        began = {o[1]:i for i,o in enumerate(lines) if o[0]=='began'}
        for p in self.root.glob('*/'+MODEL_FILE):
            models = [o for o in lines if o[0] in ('try','safe') and o[1]==MODEL_FILE]
            last = max((began[o[3]] for o in models if o[0]=='safe' and int(o[4])==inode(p.parent)), default=0)
            assert sha(p.read_bytes()) in {o[2] for o in models if began[o[3]]>=last}, f'the model in {p.parent} is not that of its last process'

    def check_newest(self, lines, folder):
        "The newest sound checkpoint is the one that is resumed, and the text scored is its own, or refused"
        names = sorted(o.name for o in folder.glob('ck-*.safetensors') if o.name not in self.damaged)
        with contextlib.redirect_stdout(io.StringIO()): e,tree = newest_checkpoint(folder)
        assert e.name==names[-1], f'{e.name} is taken for the newest of {names}'
        named = next(o[2] for o in lines if o[0]=='began' and o[1]==self.roots[e.name[-20:-12]])
        is_it = sha((self.root/'t.txt').read_bytes())==named
        os.chdir(self.root/'decoy')
        try: text_of_run(tree, CharVocab.from_json(tree['vocab']))
        except TextChanged: assert not is_it, 'the text of the run is refused'
        else: assert is_it, 'another text would be scored'

    def close(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(self.log)

def history(seed, folder, did):
    "One history, checked after each event; what happened is added to `did`"
    root = Path(tempfile.mkdtemp(dir=folder))
    h = History(root, seed)
    try:
        for _ in range(h.rnd.randint(3,6)):
            h.act()
            h.check()
    except Exception as e: raise AssertionError(f'history {seed} in {root}: {type(e).__name__}: {e}\n'+(root/'log').read_text()[-3000:]) from e
    finally:
        h.close()
        did.update(h.did)
    shutil.rmtree(root)

def prune_all_but_the_oldest(self, name):
    for o in checkpoints(self.store)[1:]: self.store.delete(o)
@contextlib.contextmanager
def write_in_place(path, **kw):
    with open(path, 'wb') as f: yield f

# Ways to break the library, each of which the histories have to find: where, what, and what is there instead
faults = dict(prune=(Writer,'_prune',prune_all_but_the_oldest), loser=(Claim,'_check',ignored), start_over=(Resume,'_read',ignored), look_once=(Resume,'_grown',ignored),
    other_text=(trained_module,'recorded_hashes',lambda info: {}), move_all=(runs_module,'RUN_FILES',['.*']), in_place=(store_module,'whole_file',write_in_place),
    no_seal=(file_module,'_header',lambda data: bytes(data[8:8+int.from_bytes(data[:8],'little')])))

def found_after(fault, folder, most=200):
    "How many histories it takes to find a fault; None if they do not"
    where,name,new = faults[fault]
    old = getattr(where, name)
    setattr(where, name, new)
    try:
        for seed in range(most):
            try: history(seed, folder, Counter())
            except AssertionError: return seed+1
    finally: setattr(where, name, old)

def place():
    "A folder in memory, where there is such a place: a disk would wait for each of thousands of files"
    return tempfile.mkdtemp(prefix='histories', dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)

def main(first, last, *which):
    "Run the histories with these seeds, and then see how many it takes to find each of some faults; what happened goes out as JSON"
    torch.set_num_threads(1)
    folder,did,bad = place(),Counter(),[]
    os.environ['CHARRNN_CACHE'] = f'{folder}/cache'
    for seed in range(int(first), int(last)):
        try: history(seed, folder, did)
        except AssertionError as e: bad.append(str(e))
    found = {o:found_after(o, folder) for o in which}
    os.chdir('/')
    shutil.rmtree(folder)
    print(*bad, sep='\n\n', file=sys.stderr)
    print(json.dumps(dict(failed=len(bad), found=found, did=dict(sorted(did.items())))))

if __name__=='__main__': main(*sys.argv[1:])
