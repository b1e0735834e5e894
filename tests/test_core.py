"The main road, end to end; also run against the fastai that Colab ships"
import json,math,random,subprocess,sys
import numpy as np, pytest, torch
import torch.nn as nn, torch.nn.functional as F
from fastai.data.all import DataBlock,IndexSplitter
from fastai.basics import set_seed
from charrnn_fa.everything import *
from charrnn_fa.use.copies import memorised

words = 'to be or not that is the question whether tis nobler in mind suffer slings and arrows of outrageous fortune'.split()
text  = ' '.join(random.Random(0).choices(words, k=4000))

@pytest.fixture
def dls(): return CharDataLoaders.from_text(text, bs=8, seq_len=16, device='cpu')

def quiet(learn, n=60, **kw):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(n, **kw)
    return learn

@pytest.mark.parametrize('arch', ['rnn','gru','lstm','mingru'])
def test_learns(dls, arch):
    set_seed(0)
    learn = quiet(char_learner(dls, arch, n_hid=64, precision='fp32'), 200, lr=1e-2)
    assert learn.evaluate().nats<1.6<math.log(len(dls.vocab))

@pytest.mark.parametrize('kw', [dict(n_layers=2, dropout=0.1), dict(weight_drop=0.2), dict(tie=True, n_emb=32),
    dict(n_emb=0), dict(learn_init=True), dict(emb_drop=0.1), dict(n_cells=2), dict(n_cells=4, n_layers=2, learn_init=True, dropout=0.1)])
@pytest.mark.parametrize('arch', ['lstm','gru'])
def test_options_train(dls, arch, kw):
    learn = char_learner(dls, arch, n_hid=32, precision='fp32', **kw)
    first = learn.evaluate().nats
    assert quiet(learn, 40, lr=1e-2).evaluate().nats<first

def test_bf16_trains(dls):
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported(): pytest.skip('this processor has no bf16')
    learn = char_learner(dls, 'lstm', n_hid=32, precision='bf16')
    first = learn.evaluate().nats
    assert quiet(learn, 40, lr=1e-2).evaluate().nats<first-0.3

def test_sizes_of_another_kind_of_whole_number(dls):
    "numpy's and torch's: the model is as with Python's, and its sizes can be written down"
    model = CharRNN(np.int64(len(dls.vocab)), n_hid=np.int32(8), n_layers=torch.tensor(2), n_cells=np.int64(2), n_emb=np.int64(4))
    assert json.loads(json.dumps(model.config))==CharRNN(len(dls.vocab), n_hid=8, n_layers=2, n_cells=2, n_emb=4).config

def test_fewer_rows_than_cells(capsys):
    text = 'she sells sea shells by the sea shore. '*40
    for bs,n in ((4,4),(3,4),(1,2)):
        char_learner(CharDataLoaders.from_text(text, bs=bs, seq_len=8, device='cpu'), 'gru', n_hid=8, n_cells=n, precision='fp32')
        assert (f'{n} cells are to learn from rows of their own, and there' in capsys.readouterr().out)==(n>bs)

def test_a_bfloat16_model_with_counts_samples(dls):
    learn = char_learner(dls, 'lstm', n_hid=16, counts=3, precision='fp32')
    learn.model.bfloat16()
    assert len(learn.sample('to', n=5))==7 and len(learn.sample('to', n=5, batch=3))==3

@pytest.mark.parametrize('arch', ['rnn','gru','lstm'])
def test_cells_side_by_side_are_networks_apart(dls, arch):
    "Trained together, each is what it becomes in a loop of its own that sees its rows alone; read together, they are the mean of both"
    learn = char_learner(dls, arch, n_hid=16, n_cells=2, precision='fp32', clip=0, wd=0., cold=0., lr=0.01)
    m,alone = learn.model,[CharRNN(len(dls.vocab), arch, n_hid=8) for _ in range(2)]
    half = lambda w,i: w[:,8*i:8*(i+1)]
    for i,o in enumerate(alone):
        o.rnn.load_state_dict(m.rnn.cells[i].state_dict())
        for p,w in ((o.emb.weight,m.emb.weight), (o.head.weight,2*half(m.head.weight, i)), (o.head.bias,m.head.bias)): p.data.copy_(w.detach())
    for p in (m.emb.weight,m.head.weight,m.head.bias): p.requires_grad_(False)                          # these they would share
    quiet(learn, 2*len(dls.train))
    for i,o in enumerate(alone):
        opt,n = adamw(o.rnn.parameters(), wd=0.),2*len(dls.train)
        for step in range(n):
            x,y = list(dls.train)[step%len(dls.train)]
            if step%len(dls.train)==0: o.reset()
            mine = slice((i+1+step//len(dls.train))%2, None, 2)                                          # rows dealt anew with each pass
            F.cross_entropy(o(x[mine]).flatten(0,1), y[mine].flatten()).div(2).backward()                # half of the rows make half of the mean
            opt.set_hyper('lr', learn.recorder.lrs[step])
            opt.step()
            opt.zero_grad()
        for p,q in zip(m.rnn.cells[i].parameters(), o.rnn.parameters()): assert torch.allclose(p, q, atol=2e-4)
    codes = torch.from_numpy(dls.valid.codes[:200].astype(np.int64))[None]
    with torch.no_grad():
        for o in (m,*alone): o.eval().reset()
        assert torch.allclose(m(codes), (alone[0](codes)+alone[1](codes))/2, atol=2e-3)

def test_state_is_carried(dls):
    "The same window gives other logits after another past"
    learn = char_learner(dls, 'lstm', n_hid=32, precision='fp32')
    x,x2 = (o[0] for o in list(dls.train)[:2])
    m = learn.model.eval()
    with torch.no_grad():
        cold = m(x2)
        m.reset()
        m(x)
        assert not torch.allclose(m(x2), cold)

@pytest.mark.parametrize('arch', ['lstm','mingru'])
def test_evaluate_is_one_pass(dls, arch):
    learn = quiet(char_learner(dls, arch, n_hid=48, precision='fp32'))
    long  = ' '.join(random.Random(2).choices(words, k=2000))
    codes = torch.from_numpy(learn.vocab.encode(long).astype(np.int64))
    m = learn.model.double().eval()
    m.reset()
    with torch.no_grad(): want = F.cross_entropy(m(codes[None,:-1])[0].double(), codes[1:]).item()
    m.float().reset()
    assert abs(learn.evaluate(long).nats-want)<1e-5
    assert learn.evaluate(long).n==len(long)-1

def test_evaluate_ignores_batch_size(dls):
    learn = quiet(char_learner(dls, 'gru', n_hid=32, precision='fp32'))
    want  = learn.evaluate().nats
    for bs in (1,3,8,20): assert learn.evaluate(dls.valid.new(bs=bs)).nats==want

def test_model_file(dls, tmp_path):
    learn = quiet(char_learner(dls, 'lstm', n_hid=32, weight_drop=0.1, precision='fp32'))
    tm = load_trained(learn.save_trained(tmp_path/'m.safetensors'))
    assert tm.sample('to be', 50, seed=0)==learn.sample('to be', 50, seed=0)
    assert tm.evaluate(dls.valid.codes).nats==learn.evaluate().nats

def test_a_model_is_read_without_fastai(dls, tmp_path):
    "Its import takes longer than a sample; what each kind of model has loaded once it has written something"
    kinds = [dict(weight_drop=0.5), dict(weight_drop=0.5, n_layers=2, counts=3), dict(dropout=0.5), dict(n_cells=2)]
    for i,kw in enumerate(kinds): char_learner(dls, 'lstm', n_hid=8, precision='fp32', **kw).save_trained(tmp_path/f'{i}.safetensors')
    code = "import sys\nfrom charrnn_fa.keep.trained import *\nfor o in sys.argv[1:]:\n    load_trained(o).sample('to be', 9)\n    print(*sys.modules)"
    files  = [str(tmp_path/f'{i}.safetensors') for i in range(len(kinds))]
    loaded = subprocess.run([sys.executable,'-c',code,*files], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(loaded)==len(kinds)
    for kw,o in zip(kinds, loaded): assert 'charrnn_fa.keep.trained' in o.split() and not {'fastai','pandas','matplotlib'}&set(o.split()), kw

def test_fastai_verbs(dls):
    learn = quiet(char_learner(dls, 'lstm', n_hid=32, precision='fp32'))
    with learn.no_bar():
        preds,targs = learn.get_preds()
        assert preds.shape==(*targs.shape, len(dls.vocab))
        assert np.isclose(learn.validate()[0], F.nll_loss(preds.log().flatten(0,1), targs.flatten()).item(), atol=1e-4)
        learn.lr_find(show_plot=False, num_it=20)
    assert 'CharRNN' in learn.summary()
    learn.show_results(max_n=1)
    dls.show_batch(max_n=1)
    learn.recorder.plot_loss()

def test_datablock():
    dls = DataBlock(blocks=CharBlock(seq_len=8), get_items=get_stream, splitter=PositionSplitter(0.1)).dataloaders(text, bs=4)
    assert dls.one_batch()[0].shape==(4,8) and len(dls.vocab)==len(set(text))
    docs = DataBlock(blocks=CharBlock(seq_len=8), splitter=IndexSplitter([1])).dataloaders([text[:500],text[500:900]], bs=2)
    assert len(docs.valid.codes)==400

def test_mistakes_say_numbers(dls):
    for bad,why in [(dict(text='', bs=1), '0 characters'), (dict(text='abc', bs=64), 'too few'), (dict(text='a'*9999), '1 distinct'), (dict(text=text, seq_len=0), 'seq_len=0')]:
        with pytest.raises(ValueError, match=why): CharDataLoaders.from_text(**bad)
    learn = char_learner(dls, 'rnn', n_hid=16, precision='fp32')
    with pytest.raises(ValueError, match='U\\+2603'): learn.sample('\u2603')
    with pytest.raises(ValueError, match='n_steps=0'): learn.fit_steps(0)

@pytest.mark.parametrize('turn', [lambda o: o.transpose(1,2), lambda o: o.transpose(0,1), lambda o: o.flatten(0,1)], ids=['bvt','tbv','flat'])
def test_adapts_in_every_layout(dls, turn):
    "A module that lays its logits out another way learns as it reads as the same module does that does not"
    inner = CharRNN(len(dls.vocab), 'gru', n_hid=16, n_emb=8)
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner
        def forward(self, x): return turn(self.inner(x))
        def reset(self): self.inner.reset()
    a,b = (evaluate_codes(o, dls.valid.codes[:150], adapt=True).nats for o in (inner,Turned()))
    assert a==pytest.approx(b, abs=1e-6)

def test_nothing_to_warm_up(dls):
    "`warm=0`: a model that looks at one character has the same loss however the text is cut"
    m = nn.Sequential(nn.Embedding(len(dls.vocab), 8), nn.Linear(8, len(dls.vocab)))
    assert evaluate_codes(m, dls.valid.codes, warm=0).nats==pytest.approx(evaluate_codes(m, dls.valid.codes).nats, abs=1e-6)

def test_a_part_by_its_name(dls):
    "The name of a part is not read as a text"
    learn = char_learner(dls, 'gru', n_hid=16)
    assert learn.evaluate('valid').n==learn.evaluate().n and learn.evaluate('train').n==learn.evaluate(0).n and learn.evaluate('valid').split==learn.evaluate().split

@pytest.mark.parametrize('n', [255,256,257])
def test_copies_where_all_codes_are_used(n):
    "A vocabulary as large as the type of its codes: the longest copies are found as by hand"
    rng = np.random.default_rng(0)
    text  = ''.join(map(chr, rng.permutation(np.r_[np.arange(n), rng.integers(0, n, 3000)])+200))
    said  = text[100:140]+''.join(map(chr, range(200, 200+n)))+text[900:950]
    by_hand = max(k for k in range(1, 60) if any(said[i:i+k] in text for i in range(len(said)-k+1)))
    vocab = CharVocab(text)
    assert len(memorised(said, CharStream(vocab.encode(text), vocab)).longest)==by_hand>=50
