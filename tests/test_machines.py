"What this project does on machines that are not at hand: float16 and its scale, a device without float64; what it asks of the C library"
import hashlib,os,platform,re,resource,subprocess,sys
import numpy as np
from types import SimpleNamespace
import pytest, torch, warm
from fastai.basics import Callback,set_seed
from fastai.callback.all import AMPMode,GradientClip,MixedPrecision
from charrnn_fa.everything import *
import charrnn_fa.text.stream as stream
from conftest import root
from kills import wild
from test_resume_kill import killed

text = 'she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*40

def make(arch='gru', **kwargs):
    set_seed(1)
    return char_learner(CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu'), arch, n_hid=24, n_emb=8, **kwargs)

def fit(learn, n=40, cbs=None):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(n, cbs=cbs)
    return learn

class Scales(Callback):
    "What the scale is after each batch, and how many steps were left out"
    order = 60
    def before_fit(self): self.seen,self.skipped = [],[]
    def after_batch(self):
        if not self.training: return
        self.seen.append(self.learn.scaler.get_scale())
        self.skipped.append(self.learn.loss_scale.skipped)

@pytest.mark.parametrize('cell', ['rnn','gru','lstm','mingru'])
def test_float16_trains(cell):
    learn,cb = make(cell).to_fp16(**wild),Scales()
    fit(learn, 80, cb)
    first,last = (learn.recorder.losses[i].item() for i in (0,-1))
    assert last<first-0.3 and learn.precision=='fp16'
    assert cb.skipped[-1]>2 and min(cb.seen)<2.**40         # it has overflowed and come down
    assert any(b==2*a for a,b in zip(cb.seen, cb.seen[1:])) # and up

def test_a_skipped_step_leaves_the_weights():
    learn = make().to_fp16(init_scale=2.**120)
    class Same(Callback):
        def before_batch(self): self.was = [o.clone() for o in self.model.parameters()]
        def after_batch(self): 
            if self.training: self.kept = all(torch.equal(a,b) for a,b in zip(self.was, self.model.parameters()))
    cb = Same()
    fit(learn, 1, cb)
    assert cb.kept
    fit(make().to_fp16(init_scale=2.**10), 1, cb)
    assert not cb.kept

def test_the_scale_is_off_before_clipping():
    "Gradients that are clipped, and that the doctor looks at, are those of the loss"
    norms = {}
    for p in ('fp32','fp16'):
        learn = make(precision=p, clip=0)
        class Norm(Callback):
            order = GradientClip.order
            def before_step(self): norms[p] = torch.stack([o.grad.norm() for o in self.model.parameters()]).norm().item()
        fit(learn, 1, Norm())
    assert norms['fp16']==pytest.approx(norms['fp32'], rel=0.02)

def test_doctor_takes_the_scale_off():
    doc = Doctor()
    fit(make(precision='fp16', cbs=doc), 150)
    assert 0<max(o for o in doc.norms if o is not None)<100 and not doc.findings.names

@pytest.mark.parametrize('ask', [lambda l: l.to_fp16(), lambda l: l.add_cb(MixedPrecision()), lambda l: MixedPrecision()])
def test_fastais_way_is_respected(ask):
    "Once, and not nested"
    learn,inside = make(precision='fp32'),[]
    res = ask(learn)
    class Look(Callback):
        def before_fit(self): self.hook = self.model.head.register_forward_hook(lambda m,i,o: inside.append(o.dtype))
        def after_fit(self): self.hook.remove()
    fit(learn, 3, [Look()]+([res] if isinstance(res,MixedPrecision) else []))
    assert set(inside)=={torch.float16} and learn.precision=='fp16'
    assert not [o for o in learn.cbs if isinstance(o,MixedPrecision)]
    assert learn.to_bf16().precision=='bf16' and learn.to_fp32().precision=='fp32'
    inside.clear()
    fit(learn, 3, [Look()])
    assert set(inside)=={torch.float32}

@pytest.mark.parametrize('cell', ['lstm','gru'])
def test_bf16_where_it_is_emulated(cell, tmp_path):
    "A processor without AVX-512, to which oneDNN is told to keep here: bf16 is computed, which is said, and a run that was begun in it elsewhere goes on"
    code = f"""
import warnings,torch
from charrnn_fa import *
assert not torch.ops.mkldnn._is_mkldnn_bf16_supported()
warnings.filterwarnings('error', 'TF32')
told = CharRNN.forward
def forward(self, x):
    warnings.warn('once only')
    return told(self, x)
CharRNN.forward = forward
for n in (3,3):
    learn = char_learner(CharDataLoaders.from_text({text!r}, bs=4, seq_len=16, device='cpu'), {cell!r}, n_hid=24, n_emb=8, dropout=0.1, precision='bf16')
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, cbs=[Resume({str(tmp_path)!r}, every=20)])
    print(learn.precision, learn.model.rnn.weight_hh_l0.dtype, learn.evaluate().nats)
"""
    p = subprocess.run([sys.executable,'-c',code], capture_output=True, text=True, env={**os.environ, 'ONEDNN_MAX_CPU_ISA':'AVX2', 'OMP_NUM_THREADS':'1'})
    assert p.returncode==0, p.stderr[-2000:]
    assert p.stdout.count('Computing in bf16, which is emulated here: fp32 is faster')==2 and 'is finished' in p.stdout
    assert p.stderr.count('UserWarning: once only')==1                  # each step would say it again if it touched the filters
    a,b = re.findall(r'bf16 torch.float32 ([\d.]+)', p.stdout)
    assert a==b and float(a)<3.2                                        # uniform guessing: 3.0 for 20 characters

def test_bf16_of_fastais():
    learn = fit(make(cbs=MixedPrecision(amp_mode=AMPMode.BF16)), 2)
    assert learn.precision=='bf16'

def test_float16_killed_and_resumed():
    "The scale, how far it is from growing, and the steps left out: all of it comes back, equal to the bit"
    assert len(killed('fp16')['fp16'])>=1

def test_what_a_checkpoint_holds_of_the_scale(tmp_path):
    fit(make(precision='fp16'), 20, Resume(tmp_path/'run', every=5))
    _,tree = newest_checkpoint(tmp_path/'run')
    s = tree['callbacks']['loss_scale.0']
    assert tree['precision']=='fp16' and s['scaler']['scale']==2.**16 and s['scaler']['_growth_tracker']==20 and s['skipped']==0

def test_a_hash_is_computed_once(tmp_path, monkeypatch):
    "Of each part of a file in the cache, until the file is made again"
    fn,seen = tmp_path/f'{"a"*32}-{"b"*16}.npy',[]
    def save(first, ns):
        np.save(fn, np.arange(first, first+5000, dtype=np.uint16))
        os.utime(fn, ns=(ns,ns))
        return np.load(fn, mmap_mode='r')
    def hashed(codes):
        res = stream_hash(codes)
        assert res==hashlib.sha256(np.array(codes).astype(np.uint32).tobytes()).hexdigest()
        return res
    codes = save(0, 10**18)
    parts = [codes[:3000],codes[3000:],codes[1000:4000]]
    was = [hashed(o) for o in parts]
    monkeypatch.setattr(stream, 'release_pages', seen.append)                         # called for every piece that is hashed
    assert [hashed(o) for o in parts]==was and not seen
    assert hashed(save(1, 2*10**18)[:3000])!=was[0] and seen
    (tmp_path/f'{"a"*32}-{"b"*16}.hashes.json').write_text('[not json')
    assert hashed(codes[:3000])

def test_a_hash_of_an_array_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save('mine.npy', np.arange(9, dtype=np.uint8))
    stream_hash(np.load('mine.npy', mmap_mode='r'))
    assert [o.name for o in tmp_path.iterdir()]==['mine.npy']

@pytest.mark.parametrize('name,n,bs', [('T4',40,64), ('L4',58,64), ('A100',108,128), ('H100',132,128)])
def test_rows_on_a_gpu(name, n, bs, monkeypatch, capsys):
    "Said, and halved for a short text as on a CPU"
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda dev: SimpleNamespace(multi_processor_count=n))
    assert default_shape('cuda')==(bs,64) and suited_shape(10**7, device='cuda:0')==(bs,64)
    assert f'{bs} rows of 64 characters' in capsys.readouterr().out
    assert suited_shape(4000, device='cuda')[0]<bs and suited_shape(10**7, bs=8, seq_len=16, device='cuda')==(8,16)
    assert default_shape('mps')==(64,64) and default_shape('cpu')==(16,32)

def test_bench_of_the_gpu_in_small(tmp_path):
    "Every line of the table, and a resumed run with all of its weights"
    (tmp_path/'shells.txt').write_text(text)
    env = dict(os.environ, PYTHONPATH=str(root), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    cmd = [sys.executable,str(root/'bench/gpu.py'),'--small','--corpus','shells.txt','--out','table.md']
    r = warm.run(cmd, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200)
    assert r.returncode==0, r.stderr
    table = (tmp_path/'table.md').read_text()
    assert f'torch {torch.__version__}' in table and set(table.splitlines())<=set(r.stdout.splitlines())
    for o in ('nn.LSTM in a bare loop, fp32','the library, fp32','sampling, 64 at a time'): assert re.search(rf'\| {o} \| [\d,]*[1-9][\d,]* characters/s', table), o
    nats = {o:float(re.search(rf'\| {o}.*? \| ([\d.]+) nats', table)[1]) for o in ('nanoGPT','the library after')}
    assert all(0<o<4 for o in nats.values())
    assert ('**below' in re.search('the library after.*', table)[0])==(nats['the library after']>nats['nanoGPT'])
    at,same,n = map(int, re.search(r'resumed at step (\d+) of 40 \| (\d+) of (\d+) tensors', table).groups())
    assert 0<at<40 and same==n>=5

def page_faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

glibc = pytest.mark.skipif(platform.libc_ver()[0]!='glibc' or 'LD_PRELOAD' in os.environ, reason='another C library hands out the memory')

@glibc
def test_a_step_gets_the_memory_of_the_last_one():
    "Windows so large that each step asks for more than 32 MB at once"
    class Count(Callback):
        def before_fit(self): self.seen = []
        def after_batch(self): self.seen.append(page_faults())
    dls = CharDataLoaders.from_text('she sells sea shells by the sea shore. '*3000, bs=64, seq_len=64, device='cpu')
    learn,count = char_learner(dls, 'lstm', n_hid=448, precision='fp32'),Count()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(12, cbs=count)
    steps = sorted(b-a for a,b in zip(count.seen[4:], count.seen[5:]))
    assert steps[len(steps)//2]<=100, steps

@glibc
def test_what_was_kept_is_given_back():
    "In a process of its own, since what was freed before decides where a block comes from. Also where one fit is within another, and where it ends with an error"
    code = """
import contextlib,resource,torch
from charrnn_fa.device import kept_memory
def resident(): return int(open('/proc/self/statm').read().split()[1])*resource.getpagesize()/1e6
def block(mb=200): torch.empty(mb*250_000).fill_(1.)
def faults(n=8):
    res = []
    for _ in range(n):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block()
        res.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt-before)
    return sorted(res[n//2:])[n//4]                       # the median of the later ones
assert faults()>=50
with kept_memory('cuda'): assert faults()>=50
with kept_memory('cpu'):
    with kept_memory('cpu'): pass
    assert faults()<=20
    with contextlib.suppress(KeyError), kept_memory('cpu'): raise KeyError
    assert faults()<=20
    block(400)
    most = resident()
assert resident()<most-300
"""
    p = subprocess.run([sys.executable,'-c',code], capture_output=True, text=True)
    assert p.returncode==0, p.stderr
