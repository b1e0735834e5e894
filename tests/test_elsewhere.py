"A device that refuses float64 and names itself another way than it is asked for: training, resuming, evaluation, sampling, views and the doctor"
import contextlib,copy,io
import numpy as np, pytest, torch, torch.nn as nn
from fastai.basics import Callback,set_seed
from charrnn_fa.everything import *
from torch.utils._python_dispatch import TorchDispatchMode
from elsewhere import Elsewhere,tensors
from resume_child import Break

text = 'she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*40

@pytest.fixture
def dev():
    with Elsewhere('mps') as d: yield d

def make(kw, device='mps', **more):
    set_seed(1)
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device=device)
    if device=='cpu': more['precision'] = 'fp32'                         # as 'auto' is on the other, where there is nothing to measure
    return char_learner(dls, **{**dict(n_hid=24, n_emb=8), **kw}, **more)

def fit(learn, n=30, cbs=None):
    with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(io.StringIO()): learn.fit_steps(n, cbs=cbs)
    return learn

def weights(learn): return {k:o.cpu() for k,o in bare_model(learn.model).state_dict().items()}

# The device itself
refused = dict(double=lambda x: x.double(), to=lambda x: x.to(torch.float64), sum=lambda x: x.sum(dtype=torch.float64),
    made=lambda x: x.new_zeros(2).double(), zeros=lambda x: torch.zeros(2, dtype=torch.float64, device='mps'),
    tensor=lambda x: torch.tensor(np.ones(2), device='mps'), as_tensor=lambda x: torch.as_tensor(np.ones(2), device='mps'),
    brought=lambda x: torch.ones(2).double().to('mps'), numpy=lambda x: x.numpy(), asarray=lambda x: np.asarray(x),
    module=lambda x: nn.Linear(2, 2).to('mps').double(), backward=lambda x: Doubled.apply(x.requires_grad_()).sum().backward())

class Doubled(torch.autograd.Function):
    "In float64 in its backward pass alone"
    @staticmethod
    def forward(ctx, x): return x*2
    @staticmethod
    def backward(ctx, g): return (g.double()*2).float()

@pytest.mark.parametrize('what', refused)
def test_it_refuses(dev, what):
    with pytest.raises(TypeError, match='float64|to numpy'): refused[what](torch.ones(2, device='mps'))

def test_it_is_a_place_apart(dev):
    x,m = torch.ones(3).to('mps'),nn.LSTM(4, 5, 2).to('mps')
    out,h = m(torch.randn(3, 2, 4, device='mps'))
    out.sum().backward()
    for o in (x, x*2, x[1:], torch.zeros(2, device='mps'), *m.parameters(), h[0], next(m.parameters()).grad, copy.deepcopy(x), *copy.deepcopy(m).parameters()):
        assert str(o.device)=='mps:0'
    for o in (x.cpu(), torch.ones(2), x.to('cpu', torch.float64), x.new_zeros(2, device='cpu')): assert str(o.device)=='cpu'
    with pytest.raises(RuntimeError, match='same device'): x+torch.ones(3)
    with pytest.raises(RuntimeError, match='same device'): m(torch.randn(3, 2, 4))
    assert x.cpu().double().numpy().sum()==3 and float(x.sum())==3

def test_its_random_numbers_are_its_own(dev):
    torch.manual_seed(0)
    a,b = torch.rand(2, device='mps'),torch.rand(2)
    assert torch.equal(a.cpu(), b)                                       # each from the seed, and not one after the other
    was = torch.mps.get_rng_state()
    c   = torch.rand(2, device='mps')
    torch.mps.set_rng_state(was)
    assert torch.equal(torch.rand(2, device='mps').cpu(), c.cpu()) and not torch.equal(c.cpu(), a.cpu())

# The library on it
MODELS = dict(lstm=dict(arch='lstm', dropout=0.2, n_layers=2), counted=dict(arch='mingru', counts=3, cold=0.2), rnn=dict(arch='rnn', learn_init=True))

@pytest.mark.parametrize('nm', MODELS)
def test_resumes_bit_for_bit(dev, tmp_path, nm):
    "Dropout and cold starts draw on the device, whose random numbers are in the checkpoint"
    whole = fit(make(MODELS[nm]))
    with pytest.raises(RuntimeError, match='broken off'): fit(make(MODELS[nm]), cbs=[Resume(tmp_path, every=5), Break(17)])
    torch.manual_seed(99)
    again = fit(make(MODELS[nm]), cbs=[Resume(tmp_path, every=5)])
    for (k,a),b in zip(weights(whole).items(), weights(again).values()): assert torch.equal(a, b), k
    assert {str(o.device) for o in bare_model(again.model).parameters()}=={'mps:0'}
    assert dev.waits                                                     # where time is measured

@pytest.mark.parametrize('nm', ['counted','rnn'])
def test_learns_what_a_cpu_learns(dev, nm):
    "And says the same of it: losses, samples, surprises"
    here,there = (fit(make({**MODELS[nm], 'cold':0}, d)) for d in ('cpu','mps'))
    for (k,a),b in zip(weights(here).items(), weights(there).values()): assert torch.allclose(a, b, atol=1e-5), k
    assert here.evaluate().nats==pytest.approx(there.evaluate().nats, abs=1e-5)
    assert here.sample('she', 40, seed=1)==there.sample('she', 40, seed=1)
    assert np.allclose(here.validate(), there.validate(), atol=1e-5)
    a,b = (read_text(o.model, o.vocab.encode('she sells sea shells')) for o in (here,there))
    assert np.allclose(a.nats, b.nats, atol=1e-4) and (a.top==b.top).all()
    a,b = (evaluate_codes(o.model, o.dls.valid.codes[:200], adapt=True) for o in (here,there))
    assert a.nats==pytest.approx(b.nats, abs=1e-4)

class Fetched(TorchDispatchMode):
    "Counts what a device is asked for: numbers, and copies on the CPU"
    def __init__(self, dev): 
        super().__init__()
        self.dev,self.n = dev,0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        nm,res = func.overloadpacket.__name__,func(*args, **(kwargs or {}))
        if any(map(self.dev.holds, tensors(args))) and (nm=='_local_scalar_dense' or nm=='_to_copy' and not any(map(self.dev.holds, tensors(res)))): self.n += 1
        return res

def test_no_step_waits_for_the_device(dev):
    "A fit of 46 steps fetches no more than one of 24; afterwards the losses are there, on the CPU, as they are on a CPU"
    ns,learn = [],make(dict(arch='gru', cold=0), precision='fp32', clip=0)      # clipping asks torch's C++ where the gradients lie, which this device cannot change
    for n in (24,46):
        with Fetched(dev) as f: fit(learn, n, cbs=Once())
        ns.append(f.n)
    assert len(learn.dls.train)>46 and ns[0]==ns[1]                      # within one pass over the text
    here,there = (fit(make(dict(arch='gru', cold=0), d), 40).recorder for d in ('cpu','mps'))
    assert [str(o.device) for o in there.losses]==['cpu']*40 and np.allclose(here.losses, there.losses, atol=1e-5)
    assert {str(o.device) for o in there.fetched}=={'cpu'} and not there.new

class Once(Callback):
    "Reads the losses in the middle, as a plot does"
    order = 300
    def after_batch(self):
        if self.training and self.train_iter==20: assert len(self.recorder.losses)==20

def test_the_stream_is_brought_once(dev):
    "'mps' is 'mps:0': the text is not brought to the device again in every epoch"
    learn = make(dict(arch='gru'))
    fit(learn, len(learn.dls.train)+2)
    n = learn.dls.train.n_chars
    assert [o for o in dev.moved if o[1]==torch.uint8 and o[0]>n/2]==[(n+1,torch.uint8)]

@pytest.mark.parametrize('nm', ['lstm','counted'])
def test_the_doctor(dev, nm):
    learn = fit(make(MODELS[nm], cbs=Doctor(share=1.)), 40)
    assert not learn.doctor_watch.failed and not learn.doctor_watch.findings
    for d in (make(MODELS[nm]).doctor(), learn.doctor()): assert not d.failed and not [o for o in d if o.name!='leak']      # 40 times the same line

class Own(nn.Module):
    "A network of one's own, whose gradient is cut between characters"
    def __init__(self, v, n=24):
        super().__init__()
        self.emb,self.hh,self.head = nn.Embedding(v, n),nn.Linear(n, n),nn.Linear(n, v)
    def forward(self, x):
        h,outs = torch.zeros(len(x), 24, device=x.device),[]
        for e in self.emb(x).unbind(1):
            h = torch.tanh(e+self.hh(h.detach()))
            outs.append(self.head(h))
        return torch.stack(outs, 1)

def test_the_doctor_without_double_precision(dev):
    "The gradient is compared with what the loss does in 32 bits there"
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='mps')
    set_seed(1)
    d = CharLearner(dls, Own(len(dls.vocab)), precision='fp32').doctor()
    assert 'detached' in d.names and not d.failed

@pytest.mark.parametrize('nm', ['counted'])
def test_views_and_files(dev, tmp_path, nm):
    "What is looked at, kept and read again, and trained on"
    learn = fit(make(MODELS[nm]), cbs=[ShowSamples(), ShowLoss()])
    with learn.no_bar(), contextlib.redirect_stdout(io.StringIO()):
        learn.show_results()
        make(MODELS[nm]).lr_find(num_it=20, show_plot=False)
        assert [str(o.device) for o in learn.get_preds()[:2]]==['cpu']*2
        make(MODELS[nm]).fit_minutes(0.01)
        learn.to_html(tmp_path/'me.html')
    for o in (learn.surprise('she sells'), learn.memory(places=20), learn.compare(n=20), learn.find_neurons(text[:1200], n_untrained=1)): assert o._repr_html_()
    learn.save_trained(tmp_path/'m.safetensors')
    for device in ('cpu','mps'):
        tm = load_trained(tmp_path/'m.safetensors', device=device)
        assert tm.sample('she', 30, seed=1)==learn.sample('she', 30, seed=1)
        set_seed(1)
        fit(char_learner(learn.dls, tm), 5)
